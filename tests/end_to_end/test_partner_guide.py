"""The partner's guide and its reference work: a partner's side made of nothing but their own commands.

Against a house with real gpg and a real SSH server. Commands with jq are not
run, because not every machine has it; `tests/guards/test_partner_guide_tables`
looks at them.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import administration, key_administration
from agent.adapters.keyring import inspect_key_file
from agent.clock import utc_now
from agent.config import load_config
from agent.domain import documents
from agent.flows.file_result import FileState
from agent.operations import Agent
from exchange_formats.bookings import BookingPatient, BookingRecord
from exchange_formats.codec import Document, decode
from exchange_formats.envelope import Kind
from exchange_formats.fields import ContactPoint
from tests.flows.card_index import answer, change_appointment
from tests.kit.documentation import blocks, pages, sections
from tests.kit.house import House, default_plan, open_house
from tests.kit.openpgp import GpgHome, short_folder
from tests.kit.partner_guide import COMMANDS, examples, fenced
from tests.kit.sftp_servers import SSHD

MAKE_KEY, MEET, RENEW = "--quick-gen-key", "--import practice.asc", "--quick-set-expire"
OPEN, OPEN_ALL, SEAL, SEND = "otv_open() {", "for sealed in", "otv_seal() {", "sha256sum"
SETTINGS, HANDOVER = "export OTV_HOME", "otv_handover() {"

STEPS = pages()["docs/partner-guide.md"]
LOOK_AT_KEYS, KNOW_PRACTICE, SAMPLE = "--show-keys", '--fingerprint "$PRACTICE_KEY"', "a sample"
ACCOUNT, HOST_KEY, LOOK, BOOK = "sudo ", "ssh-keygen -l", "newest() {", "first_line() {"
SEND_FIRST, ANSWER, TAKE_BACK = "--list-packets", "booking_outcome", '"action":"cancel"'


def block(marker: str) -> str:
    """The one block of commands in which `marker` stands."""
    (found,) = [block for block in COMMANDS if marker in block]
    return found


def step(marker: str) -> str:
    """The one block of commands in the guide itself in which `marker` stands."""
    (found,) = [one for one in blocks(STEPS, "sh") if marker in one]
    return found


@dataclass(slots=True)
class PartnerShell:
    """A shell at the partner's, in the folder that holds `inbox` and `outgoing`."""

    folder: Path
    variables: dict[str, str]

    def run(self, *blocks: str) -> str:
        """Standard output; RuntimeError if a command fails."""
        finished = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
            check=False, cwd=self.folder, capture_output=True, text=True, timeout=120,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **self.variables},
        )  # fmt: skip
        if finished.returncode != 0:
            raise RuntimeError(finished.stderr)
        return finished.stdout

    def opened(self, kind: Kind) -> list[Document[Any]]:
        """Everything in `inbox` of this kind, opened as the guide says."""
        self.run(block(OPEN), block(OPEN_ALL))
        files = sorted((self.folder / "opened").glob(f"{kind.value}-*.ndjson"))
        return [decode(file.read_bytes(), kind) for file in files]


@dataclass(slots=True)
class Exchange:
    """A house in which dentport has been set up by the guide, and has got its first files."""

    house: House
    agent: Agent
    shell: PartnerShell
    home: GpgHome


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with short_folder() as folder:
        plan = default_plan(patients=60, columns=4, days=10)
        with open_house(folder, plan) as house:
            config = load_config(house.config_path)
            shell = PartnerShell(
                house.partners["dentport"].server.root,
                {"OTV_HOME": str(folder / "otv"), "PRACTICE_KEY": config.settings.openpgp.fingerprint},
            )
            (shell.folder / "practice.asc").write_text(administration.own_public_key(config))
            made = shell.run(block(MAKE_KEY), 'echo "$PARTNER_KEY"').split()[-1]
            home = GpgHome(folder / "otv")
            try:
                shell.variables["PARTNER_KEY"] = made
                shell.run(block(MEET))
                agent = introduced(house, shell)
                yield Exchange(house, agent, shell, home)
            finally:
                home.stop()


def introduced(house: House, shell: PartnerShell) -> Agent:
    """An agent that knows dentport by the key the guide made, and has sent it a file of each kind."""
    file = house.config_path.parent / "partners" / "dentport.yaml"
    old = house.partners["dentport"].gpg.fingerprint
    file.write_text(file.read_text().replace(old, shell.variables["PARTNER_KEY"]))
    config = load_config(house.config_path)
    key_administration.pin_partner_key(config, "dentport", shell.folder / "dentport.asc", utc_now())
    agent = house.agent()
    for kind in agent.kinds("dentport"):
        agent.export("dentport", kind)
    agent.exchange("dentport")
    return agent


def test_the_guide_sets_the_variables_that_its_commands_use() -> None:
    used = set(re.findall(r"\$(?:\{)?([A-Z_]{2,})", "".join(fenced("sh"))))
    assert set(re.findall(r"^export (\w+)=", block(SETTINGS), re.MULTILINE)) == used


def test_every_block_of_commands_is_run_by_a_test() -> None:
    markers = (SETTINGS, MAKE_KEY, MEET, RENEW, HANDOVER, OPEN, OPEN_ALL, SEAL, SEND)
    assert [sum(marker in text for marker in markers) for text in COMMANDS] == [1] * len(markers)


def test_every_step_of_the_guide_is_run_by_a_test() -> None:
    markers = (
        LOOK_AT_KEYS,
        KNOW_PRACTICE,
        SAMPLE,
        ACCOUNT,
        HOST_KEY,
        LOOK,
        BOOK,
        SEND_FIRST,
        ANSWER,
        TAKE_BACK,
    )
    assert [sum(marker in one for marker in markers) for one in blocks(STEPS, "sh")] == [1] * len(markers)


def test_keys_are_shown_known_and_proven_as_told(exchange: Exchange) -> None:
    known = (step(LOOK_AT_KEYS), step(KNOW_PRACTICE), block(OPEN), step(SAMPLE))
    shown = exchange.shell.run(*known)
    for owner in ("PARTNER_KEY", "PRACTICE_KEY"):
        assert exchange.shell.variables[owner] in shown.replace(" ", "")
    assert (shown.count("[SC]"), shown.count("[E]")) == (3, 3)
    assert shown.endswith("my key is good\n")


def test_account_of_the_guide_is_one_that_openssh_understands(exchange: Exchange) -> None:
    folder, server = exchange.shell.folder, exchange.house.partners["dentport"].server
    (folder / "host.pub").write_text(f"{server.host_key}\n")
    told = exchange.shell.run(step(HOST_KEY).replace("/etc/ssh/ssh_host_ed25519_key.pub", "host.pub"))
    assert "SHA256:" in told
    (rules,) = blocks(STEPS, "text")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "host")], check=True)
    (folder / "sshd_config").write_text(f"HostKey {folder / 'host'}\n{rules}")
    account = f"user={rules.split()[2]},host=practice,addr=192.0.2.1"
    judged = subprocess.run(
        [SSHD, "-T", "-f", str(folder / "sshd_config"), "-C", account],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "forcecommand internal-sftp" in judged.stdout


def test_first_booking_made_by_the_steps_is_accepted_and_taken_back(exchange: Exchange) -> None:
    shell = exchange.shell
    shell.opened(Kind.AVAILABILITY)
    known = (block(HANDOVER), block(SEAL), step(LOOK), step(BOOK))
    packets = shell.run(*known, step(SEND_FIRST))
    assert (packets.count(":pubkey enc packet:"), packets.count(":encrypted data packet:")) == (1, 1)
    _, receipt = answered(exchange)
    assert [record.outcome for record in receipt.records] == ["processed", "accepted"]
    assert '"outcome":"accepted"' in shell.run(step(LOOK), step(ANSWER))
    shell.run(*known, step(TAKE_BACK))
    _, receipt = answered(exchange)
    assert receipt.records[1].appointment_status == "cancelled"


def edited(plain: bytes, line: int, **changes: object) -> bytes:
    """A document with other fields in one of its lines."""
    lines = [json.loads(text) for text in plain.splitlines()]
    lines[line] |= changes
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


def wrong_files(exchange: Exchange) -> dict[str, bytes]:
    """What the guide lets a partner try, by its own words, once `good` has been accepted."""
    home, practice = exchange.home, exchange.shell.variables["PRACTICE_KEY"]
    gpg = exchange.house.partners["dentport"]
    booking = a_booking(exchange, 3)
    good = gpg.bookings_file([booking])
    send(exchange, good, "good")
    answered(exchange)

    def sealed(plain: bytes, *options: str) -> bytes:
        to = (
            "--trust-model",
            "always",
            "--recipient",
            practice,
            "--local-user",
            exchange.shell.variables["PARTNER_KEY"],
        )
        return home.run(*to, *options, "--sign", "--encrypt", stdin=plain)

    other = gpg.bookings_file([a_booking(exchange, 4)])
    return {
        "the same `message_id` with other content": sealed(edited(good, 1, booking_id="other")),
        'a booking with a field of your own, such as `"note"`': sealed(edited(other, 1, note="x")),
        "a file with another practice's `practice_id`": sealed(edited(other, 0, practice_id="other")),
        "a new `booking_id` for the time that you booked": sealed(
            gpg.bookings_file([booking.model_copy(update={"booking_id": "dp-too"})])
        ),
        "a file that is encrypted and not signed": home.run(
            "--trust-model", "always", "--recipient", practice, "--encrypt", stdin=other
        ),
        "a file in ASCII armor": sealed(other, "--armor"),
    }  # fmt: skip


def test_whatever_goes_wrong_is_answered_as_the_guide_says(exchange: Exchange) -> None:
    table = sections(STEPS, 2)["7. Try what goes wrong"]
    told = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.MULTILINE))
    wrong = wrong_files(exchange)
    seen = len(exchange.shell.opened(Kind.RECEIPTS))
    for number, sealed in enumerate(wrong.values()):
        (exchange.shell.folder / "outgoing" / f"wrong-{number}.pgp").write_bytes(sealed)
    exchange.agent.exchange("dentport")
    results = list(exchange.agent.receive("dentport"))
    exchange.agent.exchange("dentport")

    answers = [[str(one.reason)] for one in results if one.state is FileState.QUARANTINED]
    for receipt in exchange.shell.opened(Kind.RECEIPTS)[seen:]:
        line = receipt.records[-1]
        answers.append([line.outcome, str(line.reason)])
    assert sorted(answers) == sorted(re.findall(r"`(\w+)`", told[what]) for what in wrong)


def test_a_renewed_key_is_good_enough_for_the_agent_and_keeps_its_fingerprint(exchange: Exchange) -> None:
    exchange.shell.run(block(RENEW))
    renewed = (exchange.shell.folder / "dentport.asc").read_bytes()
    facts = inspect_key_file(renewed, "gpg", utc_now())
    assert facts.fingerprint == exchange.shell.variables["PARTNER_KEY"]


def test_the_fingerprint_to_compare_is_shown(exchange: Exchange) -> None:
    shown = exchange.shell.run(block(MEET)).replace(" ", "")
    assert exchange.shell.variables["PRACTICE_KEY"] in shown


@pytest.mark.parametrize("kind", [Kind.AVAILABILITY, Kind.REFERENCE_DATA, Kind.PATIENTS])
def test_a_file_of_the_practice_opened_as_told_is_whole(exchange: Exchange, kind: Kind) -> None:
    document = exchange.shell.opened(kind)[-1]
    assert document.records
    assert document.envelope.partner_id == "dentport"
    assert not list((exchange.shell.folder / "opened").glob("*.part"))


def deceptive(exchange: Exchange) -> dict[str, bytes]:
    """Files for the partner that the practice, and it alone, did not sign."""
    me, practice = exchange.shell.variables["PARTNER_KEY"], exchange.shell.variables["PRACTICE_KEY"]
    home, inbox = exchange.home, exchange.shell.folder / "inbox"
    home.import_key(GpgHome(exchange.house.data_folder / "gpg").secret_key(practice))
    to_me = ("--trust-model", "always", "--recipient", me, "--encrypt")
    stranger = exchange.house.partners["zahnzeit"].gpg
    stranger.home.import_key((exchange.shell.folder / "dentport.asc").read_bytes())

    def signed_by(*signers: str) -> bytes:
        users = [option for signer in signers for option in ("--local-user", signer)]
        return home.run(*to_me, *users, "--sign", stdin=b"x")

    return {
        "unsigned": home.run(*to_me, stdin=b"x"),
        "signed by the partner itself": signed_by(me),
        "signed by two, the practice first": signed_by(practice, me),
        "signed by two, the practice last": signed_by(me, practice),
        "signed by a stranger": stranger.home.run(*to_me, "--sign", stdin=b"x"),
        "cut": next(inbox.glob("availability-*.pgp")).read_bytes()[:-100],
    }


def test_a_file_that_not_the_practice_alone_has_signed_is_refused_by_the_guide(exchange: Exchange) -> None:
    folder = exchange.shell.folder
    for story, sealed in deceptive(exchange).items():
        (folder / "bad.pgp").write_bytes(sealed)
        with pytest.raises(RuntimeError, match="refused"):
            exchange.shell.run(block(OPEN), "otv_open bad.pgp bad.ndjson")
        left = {path.name for path in folder.glob("bad.*")}
        assert left == {"bad.pgp", "bad.ndjson.status", "bad.ndjson.log"}, story


def test_gpg_alone_is_content_with_a_file_that_nobody_signed(exchange: Exchange) -> None:
    """What the guide says of the exit code."""
    assert exchange.home.run("--decrypt", stdin=deceptive(exchange)["unsigned"]) == b"x"


def a_booking(exchange: Exchange, number: int) -> BookingRecord:
    """For a slot on offer to new patients, another one for each number."""
    (reference,), (availability,) = (
        exchange.shell.opened(kind) for kind in (Kind.REFERENCE_DATA, Kind.AVAILABILITY)
    )
    open_to_all = {
        record.assignment_id
        for record in reference.records
        if record.record == "appointment_assignment" and record.open_to_new_patients
    }
    # One for each start, far enough from each other.
    starts = {
        record.starts_at[:10]: record
        for record in availability.records
        if record.record == "slot" and record.assignment_id in open_to_all
    }
    slot = list(starts.values())[number]
    contact = ContactPoint(system="email", use="home", value="ayse@example.org")
    return BookingRecord(
        record="booking", booking_id=f"dp-{number}", revision=1, action="book", slot_id=slot.slot_id,
        assignment_id=slot.assignment_id, starts_at=slot.starts_at,
        patient=BookingPatient(
            given_name="Ayşe", family_name="Yıldız", birth_date="1991-06-17",
            contact_points=[contact], new_patient=True,
        ),
    )  # fmt: skip


def send(exchange: Exchange, plain: bytes, name: str) -> Path:
    """Seal and send as told, under this name instead of that in the guide; the sealed file."""
    folder = exchange.shell.folder
    (folder / "bookings.ndjson").write_bytes(plain)
    exchange.shell.run(block(SEAL), block(SEND).replace("bookings-00000231", name))
    return folder / f"{name}.pgp"


def answered(exchange: Exchange) -> tuple[FileState, Document[Any]]:
    """What the practice makes of the one file that waits, and its receipt."""
    exchange.agent.exchange("dentport")
    (result,) = exchange.agent.receive("dentport")
    exchange.agent.exchange("dentport")
    return result.state, exchange.shell.opened(Kind.RECEIPTS)[-1]


def test_a_booking_sealed_and_sent_as_told_is_accepted_and_sent_again_gets_the_same_receipt(
    exchange: Exchange,
) -> None:
    folder = exchange.shell.folder
    plain = exchange.house.partners["dentport"].bookings_file([a_booking(exchange, 1)])
    sealed = send(exchange, plain, "bookings-00000231")
    state, receipt = answered(exchange)
    assert state is FileState.IMPORTED
    message, booking = receipt.records
    assert (folder / "sent.sha256").read_text().splitlines()[-1].split()[0] == message.sealed_sha256
    assert (message.outcome, booking.outcome, booking.patient_id) == ("processed", "accepted", None)

    (folder / "outgoing" / "again.pgp").write_bytes(sealed.read_bytes())
    for opened in (folder / "opened").glob("receipts-*"):
        opened.unlink()
    assert answered(exchange) == (FileState.DUPLICATE, receipt)


def position(document: Document[Any]) -> int:
    """In the practice's audit chain: what the guide lets a partner compare."""
    return int(str(document.envelope.audit_head).partition(":")[0])


def test_a_change_by_staff_is_told_with_a_higher_position_than_the_receipt(exchange: Exchange) -> None:
    booking = a_booking(exchange, 2)
    send(exchange, exchange.house.partners["dentport"].bookings_file([booking]), "bookings-00000232")
    _, receipt = answered(exchange)
    change_appointment(exchange.house.connector, booking.booking_id, status="cancelled")
    exchange.agent.tell_updates("dentport")
    exchange.agent.exchange("dentport")

    (update,) = exchange.shell.opened(Kind.APPOINTMENT_UPDATES)
    (line,) = update.records
    assert (line.booking_id, line.appointment_status) == (booking.booking_id, "cancelled")
    assert (line.starts_at, line.column_id) == (booking.starts_at, receipt.records[1].column_id)
    assert position(update) > position(receipt)


def acknowledgement(patients: Document[Any], alias: str) -> bytes:
    """The example file of the guide, with this day's time and ids."""
    values = {
        "in_reply_to": patients.envelope.message_id,
        "created_at": documents.datetime_text(utc_now()),
        "patient_id": alias,
    }
    lines = [json.loads(line) for line in examples(Kind.ACKNOWLEDGEMENTS)]
    changed = [line | {name: values[name] for name in values.keys() & line.keys()} for line in lines]
    return "".join(f"{json.dumps(line)}\n" for line in changed).encode()


def test_a_removal_comes_until_it_is_acknowledged_as_told(exchange: Exchange) -> None:
    withdrawn = exchange.shell.opened(Kind.PATIENTS)[-1].records[0].patient_id
    with exchange.agent.practice.database.write() as work:
        patient_id = work.disclosures.patient_of_alias("dentport", withdrawn)
    assert patient_id is not None
    answer(exchange.house.connector, patient_id, "dentport", "DENIED")

    def next_file() -> Document[Any]:
        exchange.agent.export("dentport", Kind.PATIENTS)
        exchange.agent.exchange("dentport")
        return exchange.shell.opened(Kind.PATIENTS)[-1]

    told = [next_file(), next_file()]
    for document in told:
        assert [one.patient_id for one in document.records if one.record == "removal"] == [withdrawn]
    send(exchange, acknowledgement(told[0], withdrawn), "acknowledgements-00000005")
    _, receipt = answered(exchange)
    assert [(one.record, one.outcome) for one in receipt.records] == [("message_outcome", "processed")]
    assert withdrawn not in {one.patient_id for one in next_file().records}


def test_a_handover_is_believed_as_told_only_if_both_keys_say_so(exchange: Exchange) -> None:
    shell, folder = exchange.shell, exchange.shell.folder
    config = load_config(exchange.house.config_path)
    today = utc_now().date()
    agent = exchange.house.agent()
    key_administration.rotate_own_key(agent, today + timedelta(days=7), today + timedelta(days=30))
    agent = exchange.house.agent()
    assert agent.hand_over("dentport")
    agent.exchange("dentport")
    (document,) = shell.opened(Kind.KEY_HANDOVER)
    (record,) = document.records

    def believed(**changes: str) -> str:
        lines = [document.envelope, record.model_copy(update=changes)]
        (folder / "handover.ndjson").write_bytes(b"".join(line.line() for line in lines))
        return shell.run(block(HANDOVER), "otv_handover handover.ndjson").split()[-1]

    assert believed() == record.new_fingerprint != config.settings.openpgp.fingerprint
    stranger = exchange.house.partners["zahnzeit"].gpg
    text = record.statement.split("SHA512\n\n")[1].split("-----BEGIN")[0]
    other = text.replace(record.new_fingerprint, stranger.fingerprint)
    forged = {
        "by the partner itself": exchange.home.run("--clear-sign", stdin=text.encode()).decode(),
        "changed": record.statement.replace("praxis-", "praxis_"),
        "of a stranger": stranger.home.run("--clear-sign", stdin=other.encode()).decode(),
    }
    for story, statement in forged.items():
        with pytest.raises(RuntimeError):
            raise AssertionError(story + believed(statement=statement))
    with pytest.raises(RuntimeError):
        believed(
            statement=forged["of a stranger"],
            new_fingerprint=stranger.fingerprint,
            public_key=stranger.home.run("--armor", "--export", stranger.fingerprint).decode(),
        )
