"""The configuration: what is accepted, what each mistake is told, and that nothing else ever happens."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.config import Config, config_fingerprint, load_config
from agent.config.yaml_source import MAX_DEPTH, MAX_FILE_BYTES
from agent.domain.practice import OfferTerms
from agent.errors import ConfigError

DRIVE = "C:" if sys.platform == "win32" else ""
OWN_KEY = "0123456789ABCDEF0123456789ABCDEF01234567"
PARTNER_KEY = "FEDCBA9876543210FEDCBA9876543210FEDCBA98"
OTHER_KEY = "AAAABBBBCCCCDDDDEEEEFFFF0000111122223333"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

AGENT = f"""\
practice_id: praxis-muster
data_folder: {DRIVE}/srv/otv
database:
  url: postgresql://otv@localhost/practice
openpgp:
  fingerprint: {OWN_KEY}
licence:
  issuer_key_ring: {DRIVE}/etc/otv/issuer.pgp
  issuer_fingerprint: {OTHER_KEY}
audit:
  key: {{env: OTV_AUDIT_KEY}}
"""
PARTNER = f"""\
partner_id: dentport
name: DentPort
openpgp:
  fingerprints: [{PARTNER_KEY}]
"""
SFTP = f"""\
sftp:
  host: sftp.dentport.example
  user_name: praxis
  private_key: {DRIVE}/etc/otv/ssh_key
  host_keys:
    - {HOST_KEY}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A valid agent.yaml with one valid partner, to be spoiled."""
    (tmp_path / "partners").mkdir()
    (tmp_path / "agent.yaml").write_text(AGENT, encoding="utf-8")
    (tmp_path / "partners" / "dentport.yaml").write_text(PARTNER, encoding="utf-8")
    return tmp_path


def load(folder: Path) -> Config:
    return load_config(folder / "agent.yaml")


def problems(folder: Path) -> list[str]:
    """The sentences, with the folder's path taken off."""
    with pytest.raises(ConfigError) as caught:
        load(folder)
    return [
        problem.replace(f"{folder}{os.sep}", "").replace(os.sep, "/") for problem in caught.value.problems
    ]


def problems_with_agent(folder: Path, text: str) -> list[str]:
    (folder / "agent.yaml").write_text(text, encoding="utf-8")
    return problems(folder)


def problems_with_partner(folder: Path, text: str) -> list[str]:
    (folder / "partners" / "dentport.yaml").write_text(text, encoding="utf-8")
    return problems(folder)


# --- what is accepted --------------------------------------------------------------------------


def test_defaults_of_a_minimal_file_follow_from_the_data_folder(folder: Path) -> None:
    config = load(folder)
    data = Path(f"{DRIVE}/srv/otv")
    assert config.settings.gpg_home == data / "gpg"
    assert config.settings.licence_file == data / "licence.pgp"
    partner = config.partners["dentport"]
    assert partner.key_ring == data / "keys" / "partners" / "dentport.pgp"
    assert partner.inbound_folder == data / "inbound" / "dentport" / "waiting"
    assert partner.offer_terms == OfferTerms(120, 90, 15)
    assert (partner.settings.enabled, partner.settings.receives_patients) == (True, False)
    assert partner.settings.sftp is None


def test_own_values_replace_the_defaults_of_partner_and_practice(folder: Path) -> None:
    (folder / "agent.yaml").write_text(AGENT + "offer: {lead_time_minutes: 60, grid_minutes: 20}\n")
    text = PARTNER + SFTP + f"inbound_folder: {DRIVE}/srv/push/dentport\noffer:\n  booking_horizon_days: 30\n"
    (folder / "partners" / "dentport.yaml").write_text(text.replace("host:", "outgoing: null\n  host:", 1))
    partner = load(folder).partners["dentport"]
    assert partner.offer_terms == OfferTerms(60, 30, 20)
    assert partner.inbound_folder == Path(f"{DRIVE}/srv/push/dentport")
    assert partner.settings.sftp is not None
    assert (partner.settings.sftp.port, partner.settings.sftp.inbox) == (22, "inbox")
    assert partner.settings.sftp.outgoing is None
    assert partner.settings.sftp.host_keys == (HOST_KEY,)


def test_data_folder_written_relative_is_beside_the_file_not_the_working_directory(folder: Path) -> None:
    (folder / "agent.yaml").write_text(AGENT.replace(f"{DRIVE}/srv/otv", "d"))
    assert load(folder).settings.data_folder == (folder / "d").resolve()


def test_values_that_yaml_would_reinterpret_stay_as_written(folder: Path) -> None:
    digits = "0123456789" * 4
    (folder / "agent.yaml").write_text(AGENT.replace("praxis-muster", "0123").replace(OWN_KEY, digits))
    partner = PARTNER.replace("name: DentPort", "name: no").replace("dentport", "1e5")
    (folder / "partners" / "dentport.yaml").unlink()
    (folder / "partners" / "1e5.yaml").write_text(partner)
    config = load(folder)
    assert config.settings.practice_id == "0123"
    assert config.settings.openpgp.fingerprint == digits
    assert config.partners["1e5"].settings.name == "no"


def test_fingerprint_as_gpg_prints_it_is_understood(folder: Path) -> None:
    printed = "0123 4567 89ab cdef 0123  4567 89ab cdef 0123 4567"
    (folder / "agent.yaml").write_text(AGENT.replace(OWN_KEY, printed))
    assert load(folder).settings.openpgp.fingerprint == OWN_KEY


def test_file_with_byte_order_mark_and_windows_line_ends_is_read(folder: Path) -> None:
    (folder / "agent.yaml").write_bytes(b"\xef\xbb\xbf" + AGENT.replace("\n", "\r\n").encode())
    assert load(folder).settings.practice_id == "praxis-muster"


def test_bare_postgresql_url_gets_the_installed_driver(folder: Path) -> None:
    assert load(folder).settings.database.url == "postgresql+psycopg://otv@localhost/practice"


def test_section_with_all_lines_commented_out_has_its_defaults(folder: Path) -> None:
    (folder / "agent.yaml").write_text(AGENT + "offer:\n  # grid_minutes: 30\n")
    assert load(folder).settings.offer.grid_minutes == 15


def test_practice_without_partners_is_a_valid_beginning(folder: Path) -> None:
    shutil.rmtree(folder / "partners")
    assert load(folder).partners == {}


# --- the sentences -----------------------------------------------------------------------------


def test_all_problems_of_all_files_are_told_at_once(folder: Path) -> None:
    (folder / "agent.yaml").write_text(AGENT.replace("praxis-muster", "../etc") + "loging: {}\n")
    (folder / "partners" / "zahn.yaml").write_text("partner_id: zahn\nname: [a]\n")
    (folder / "partners" / "leer.yaml").write_text("")
    found = problems_with_partner(folder, PARTNER + "enabled: on\n")
    assert [problem.split(": ")[0] for problem in found] == [
        "agent.yaml:1",
        "agent.yaml:12",
        "partners/dentport.yaml:5",
        "partners/leer.yaml",
        "partners/zahn.yaml:1",
        "partners/zahn.yaml:2",
    ]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("practice-id: x", "did you mean `practice_id`?"),
        ("PRACTICE_ID: x", "did you mean `practice_id`?"),
        ("data_foldr: x", "did you mean `data_folder`?"),
        ("grid_minutes: 15", "did you mean `offer.grid_minutes`?"),
        ("zebra: 15", "remove it; known here are practice_id, data_folder"),
    ],
)
def test_unknown_key_is_told_with_the_nearest_known_one(folder: Path, key: str, hint: str) -> None:
    (problem,) = problems_with_agent(folder, AGENT + key)
    assert problem.startswith(f"agent.yaml:12: {key.partition(':')[0]}: is not a known key")
    assert hint in problem


def test_unknown_key_in_a_section_is_told_with_line_and_path(folder: Path) -> None:
    (problem,) = problems_with_partner(folder, PARTNER + SFTP.replace("user_name", "username"))[1:]
    assert problem == "partners/dentport.yaml:7: sftp.username: is not a known key: did you mean `user_name`?"


def test_missing_key_is_told_at_its_section_with_what_it_is(folder: Path) -> None:
    text = AGENT.replace("  issuer_key_ring", "  # issuer_key_ring")
    assert problems_with_agent(folder, text) == [
        "agent.yaml:7: licence.issuer_key_ring: is missing."
        " Key ring file that holds the licence issuer's public key and nothing else."
    ]


AGENT_MISTAKES = [
    ("praxis-muster", "con", "practice_id: cannot be a folder name on Windows"),
    ("praxis-muster", "praxis.", "practice_id: cannot be a folder name on Windows"),
    ("praxis-muster", "''", "practice_id: must be 1 to 64 letters"),
    ("praxis-muster", "", "practice_id: has no value: write one, or remove the line"),
    ("praxis-muster", "[a, b]", "practice_id: must be one value, not a list or a section"),
    (OWN_KEY, OWN_KEY[:16], "openpgp.fingerprint: must be a full fingerprint: 40 hexadecimal digits"),
    (f"{DRIVE}/etc/otv/issuer.pgp", "issuer.pgp", "licence.issuer_key_ring: must be an absolute path"),
    ("postgresql://otv@", "postgresql://otv:hunter2@", "must not contain a password: name it under"),
    ("localhost/practice", "localhost/practice?password=hunter2", "must not contain a password"),
    ("localhost/practice", "localhost", "database.url: names no database"),
    ("localhost/practice", "localhost:many/practice", "database.url: must be `postgresql+psycopg://"),
    ("postgresql://otv@localhost/practice", "mysql://h/d", "database.url: must be `postgresql+psycopg://"),
    ("postgresql://otv@localhost/practice", "sqlite:///practice.db", "must name an absolute path"),
    ("postgresql://otv@localhost/practice", "'sqlite://'", "must name an absolute path"),
    ("postgresql://otv@localhost/practice", "postgresql://h/d\n  password: {env: X}", "no user name"),
    ("{env: OTV_AUDIT_KEY}", "hunter2", "audit.key: a secret is never written here"),
    ("{env: OTV_AUDIT_KEY}", "", "audit.key: has no value"),
    ("{env: OTV_AUDIT_KEY}", "{}", "audit.key: must name exactly one place"),
    ("{env: OTV_AUDIT_KEY}", "{env: A, keyring: b/c}", "audit.key: must name exactly one place"),
    ("{env: OTV_AUDIT_KEY}", "{env: hunter-2}", "audit.key.env: must be the name of an environment variable"),
    ("{env: OTV_AUDIT_KEY}", "{keyring: alone}", "audit.key.keyring: must be `service/user`"),
    ("{env: OTV_AUDIT_KEY}", "{file: key}", "audit.key.file: must be an absolute path"),
    ("{env: OTV_AUDIT_KEY}", "{fiel: /key}", "audit.key.fiel: is not a known key: did you mean `file`?"),
    ("audit:\n", "offer: 15\naudit:\n", "offer: must be a section with the keys lead_time_minutes"),
    ("audit:\n", "offer: {grid_minutes: 25}\naudit:\n", "offer.grid_minutes: must divide 60"),
    ("audit:\n", "offer: {grid_minutes: 0}\naudit:\n", "offer.grid_minutes: must be at least 1"),
    ("audit:\n", "offer: {grid_minutes: 1_5}\naudit:\n", "offer.grid_minutes: must be a whole number"),
    ("audit:\n", "offer: {lead_time_minutes: 2:00}\naudit:\n", "must be a whole number"),
    ("audit:\n", "offer: {booking_horizon_days: 9999}\naudit:\n", "must be at most 730"),
    ("audit:\n", "logging: {level: loud}\naudit:\n", "logging.level: must be 'debug', 'info'"),
    ("openpgp:\n", "openpgp:\n  gpg_program: bin/gpg\n", "openpgp.gpg_program: must be a program's name"),
    ("openpgp:\n", "openpgp:\n  home: gpg\n", "openpgp.home: must be an absolute path"),
    ("localhost/practice", "localhost/practice\n  agent_schema: A;b", "must be a plain lower-case name"),
    ("praxis-muster", "praxis\u200b-muster", "practice_id: contains a line break or an invisible character"),
    ("praxis-muster", '"praxis\\nmuster"', "practice_id: contains a line break or an invisible character"),
]


@pytest.mark.parametrize(("right", "wrong", "sentence"), AGENT_MISTAKES)
def test_mistake_in_agent_yaml_is_told_without_its_value(
    folder: Path, right: str, wrong: str, sentence: str
) -> None:
    assert right in AGENT
    found = problems_with_agent(folder, AGENT.replace(right, wrong, 1))
    assert any(sentence in problem for problem in found), found
    assert all(problem.startswith("agent.yaml:") for problem in found)
    assert "hunter" not in str(found)


PARTNER_MISTAKES = [
    (f"[{PARTNER_KEY}]", "[]", "openpgp.fingerprints: has too few entries"),
    (f"[{PARTNER_KEY}]", PARTNER_KEY, "openpgp.fingerprints: must be a list"),
    (f"[{PARTNER_KEY}]", f"[{PARTNER_KEY}, {PARTNER_KEY}]", "names the same key twice"),
    (f"[{PARTNER_KEY}]", f"[{PARTNER_KEY}, 12]", "openpgp.fingerprints[1]: must be a full fingerprint"),
    (f"[{PARTNER_KEY}]", f"[{OWN_KEY}]", "is also the key of the practice itself"),
    ("dentport\n", "dent\n", "partner_id: must equal the file's name, `dentport`"),
    ("name:", "enabled: yes\nname:", "enabled: must be `true` or `false`"),
    ("name:", "enabled: True\nname:", "enabled: must be `true` or `false`"),
    (HOST_KEY, "ssh-ed25519 AAAA", "sftp.host_keys[0]: must be a public host key"),
    (HOST_KEY, HOST_KEY.replace("ssh-ed25519", "ssh-rsa"), "must be a public host key"),
    (HOST_KEY, f"sftp.dentport.example {HOST_KEY}", "without the host's name before it"),
    ("sftp.dentport.example", "sftp://dentport.example/", "sftp.host: must be a host name"),
    (f"{DRIVE}/etc/otv/ssh_key", "~/.ssh/id_ed25519", "sftp.private_key: must be an absolute path"),
    ("sftp:\n", "sftp:\n  port: 70000\n", "sftp.port: must be at most 65535"),
    ("sftp:\n", "sftp:\n  request_bytes: 262144\n", "sftp.request_bytes: must be at most 253952"),
    ("sftp:\n", "sftp:\n  passphrase: hunter2\n", "sftp.passphrase: a secret is never written here"),
    ("name:", "inbound_folder: in\nname:", "inbound_folder: must be an absolute path"),
    ("name:", "offer: {grid_minutes: 7}\nname:", "offer.grid_minutes: must divide 60"),
]


@pytest.mark.parametrize(("right", "wrong", "sentence"), PARTNER_MISTAKES)
def test_mistake_in_a_partner_file_is_told_without_its_value(
    folder: Path, right: str, wrong: str, sentence: str
) -> None:
    assert right in PARTNER + SFTP
    found = problems_with_partner(folder, (PARTNER + SFTP).replace(right, wrong, 1))
    assert any(sentence in problem for problem in found), found
    assert all(problem.startswith("partners/dentport.yaml:") for problem in found)
    assert "hunter" not in str(found)


# --- several partners --------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "otv.praxis.example", "8.8.8.8"])
def test_status_page_for_other_machines_without_token_and_tls_is_refused_line_by_line(
    folder: Path, host: str
) -> None:
    found = problems_with_agent(folder, f"{AGENT}status_page:\n  host: '{host}'\n")
    assert [problem.split(": ")[1] for problem in found] == [
        "status_page.token",
        "status_page.tls_certificate",
        "status_page.tls_key",
    ]
    assert all(problem.startswith("agent.yaml:12: ") for problem in found), found
    assert "or `host: 127.0.0.1`" in found[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_status_page_for_this_machine_alone_needs_neither(folder: Path, host: str) -> None:
    (folder / "agent.yaml").write_text(f"{AGENT}status_page:\n  host: '{host}'\n", encoding="utf-8")
    assert load(folder).settings.status_page.is_local


def test_status_page_that_is_off_needs_nothing_for_other_machines(folder: Path) -> None:
    off = f"{AGENT}status_page:\n  host: 0.0.0.0\n  enabled: false\n"
    (folder / "agent.yaml").write_text(off, encoding="utf-8")
    assert not load(folder).settings.status_page.enabled


def test_certificate_of_the_status_page_without_its_key_is_refused(folder: Path) -> None:
    page = f"status_page:\n  tls_certificate: {DRIVE}/etc/otv/page.pem\n"
    (found,) = problems_with_agent(folder, AGENT + page)
    assert "status_page.tls_key: is missing: a certificate and its key belong together" in found


def test_one_key_for_two_partners_is_refused_at_the_second(folder: Path) -> None:
    (folder / "partners" / "zahn.yaml").write_text(PARTNER.replace("dentport", "zahn"))
    assert problems(folder) == [
        "partners/zahn.yaml:4: openpgp.fingerprints[0]:"
        " is also the key of `dentport.yaml`: each partner has its own"
    ]


def test_one_inbound_folder_for_two_partners_is_refused(folder: Path) -> None:
    shared = f"inbound_folder: {DRIVE}/srv/push\n"
    other = PARTNER.replace("dentport", "zahn").replace(PARTNER_KEY, OTHER_KEY)
    (folder / "partners" / "zahn.yaml").write_text(other + shared)
    (problem,) = problems_with_partner(folder, PARTNER + shared)
    assert "zahn.yaml:5: inbound_folder: is also the inbound folder in `dentport.yaml`" in problem


def test_two_partner_ids_that_differ_in_case_only_are_refused(folder: Path) -> None:
    (folder / "partners" / "zahn.yaml").write_text(
        PARTNER.replace("dentport", "DentPort").replace(PARTNER_KEY, OTHER_KEY)
    )
    found = problems(folder)
    assert any("partner_id: is also the identifier in `dentport.yaml`" in problem for problem in found)


def test_partner_file_with_the_other_yaml_ending_is_not_overlooked_in_silence(folder: Path) -> None:
    (folder / "partners" / "zahn.yml").write_text("")
    assert problems(folder) == ["partners/zahn.yml: would be overlooked: rename it to `zahn.yaml`"]


# --- the YAML itself ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (AGENT + "practice_id: other\n", "agent.yaml:12: practice_id: is written twice, first in line 1"),
        (AGENT.replace("audit:", "audit: !!python/name:os.system"), "audit: tags (`!name`) are not allowed"),
        (AGENT.replace("praxis-muster", "&id praxis"), "agent.yaml:1: practice_id: anchors (`&name`)"),
        (AGENT.replace("praxis-muster", "&id praxis") + "x: *id\n", "agent.yaml:12: x: aliases (`*name`)"),
        (AGENT + "---\na: b\n", "agent.yaml:12: a second document begins here"),
        ("a: " + "[" * 20_000, f"is nested deeper than {MAX_DEPTH} levels"),
        ("? [a]\n: b\n", "agent.yaml:1: a key must be a plain word"),
        ("- a\n", "agent.yaml:1: must consist of `key: value` lines"),
        ("", "agent.yaml: is empty"),
        ("# nothing yet\n", "agent.yaml: is empty"),
        ("audit:\n\tkey: x\n", "agent.yaml:2: is not valid YAML"),
        ("audit:\n\tkey: x\n", "indent with spaces, never with tabs"),
        ('data_folder: "C:\\Daten"\n', "put Windows paths into single quotes"),
        ("practice_id: a: b\n", "quote a value that contains `: `"),
        ("practice_id: x\nthen this\n", "agent.yaml:"),
        ("practice_id: x\ny: \x07\n", "agent.yaml:2: contains a control character"),
        ("#" * (MAX_FILE_BYTES + 1), "agent.yaml: is larger than 256 KiB"),
    ],
)
def test_yaml_that_is_broken_or_too_clever_is_told_with_its_line(
    folder: Path, text: str, sentence: str
) -> None:
    found = problems_with_agent(folder, text)
    assert any(sentence in problem for problem in found), found


def test_file_in_another_encoding_is_told_with_its_line(folder: Path) -> None:
    (folder / "partners" / "dentport.yaml").write_bytes("partner_id: dentport\nname: Zähne".encode("latin-1"))
    assert problems(folder) == ["partners/dentport.yaml:2: is not UTF-8: save it with that encoding"]


def test_missing_file_is_told(folder: Path) -> None:
    (folder / "agent.yaml").unlink()
    assert problems(folder) == ["agent.yaml: there is no such file: check the path, or create it"]


def test_folder_in_the_place_of_a_file_is_told(folder: Path) -> None:
    (folder / "partners" / "dentport.yaml").unlink()
    (folder / "partners" / "dentport.yaml").mkdir()
    (problem,) = problems(folder)
    assert problem.startswith("partners/dentport.yaml: ")


if sys.platform != "win32":  # there a file's mode takes nothing from its owner, and sockets have no path

    def test_gpg_home_too_long_for_the_agents_socket_is_told_where_it_comes_from(folder: Path) -> None:
        what = (
            "makes a GnuPG home of 81 characters, and at most 80 work: set `openpgp.home` to a shorter path"
        )
        home = AGENT.replace("openpgp:\n", f"openpgp:\n  home: /{'x' * 80}\n")
        assert problems_with_agent(folder, home) == [f"agent.yaml:6: openpgp.home: {what}"]
        data = AGENT.replace("/srv/otv", f"/{'x' * 76}")
        assert problems_with_agent(folder, data) == [f"agent.yaml:2: data_folder: {what}"]

    @contextmanager
    def without_privileges(path: Path) -> Iterator[None]:
        """Nobody may read what lies at `path`, not even the superuser that tests may run as."""
        path.chmod(0)
        superuser = os.geteuid() == 0
        if superuser:
            os.seteuid(65534)
        try:
            yield
        finally:
            if superuser:
                os.seteuid(0)
            path.chmod(0o700)

    def test_unreadable_file_is_told(folder: Path) -> None:
        with without_privileges(folder / "agent.yaml"):
            found = problems(folder)
        assert any(problem.startswith("agent.yaml: may not be read by the user") for problem in found)

    def test_partners_folder_that_may_not_be_read_is_no_practice_without_partners(folder: Path) -> None:
        with without_privileges(folder / "partners"):
            found = problems(folder)
        assert any(problem.startswith("partners: cannot be looked into") for problem in found)


# --- picking changes up ------------------------------------------------------------------------


def test_fingerprint_changes_with_every_file_and_with_nothing_else(folder: Path) -> None:
    (folder / "agent.yaml").write_text(AGENT.replace(f"{DRIVE}/srv/otv", "d"))
    config = load(folder)
    data, path = config.settings.data_folder, folder / "agent.yaml"
    seen = [config.fingerprint]

    def changed() -> bool:
        seen.append(config_fingerprint(path, data))
        return seen[-1] not in seen[:-1]

    assert not changed()
    os.utime(path, (0, 0))
    (folder / "partners" / "notes.txt").write_text("not a partner")
    assert not changed()
    (folder / "partners" / "zahn.yaml").write_text("")
    assert changed()
    (folder / "partners" / "zahn.yaml").rename(folder / "partners" / "zahnarzt.yaml")
    assert changed()
    (data / "keys" / "partners").mkdir(parents=True)
    (data / "keys" / "partners" / "dentport.pgp").write_bytes(b"one")
    assert changed()
    (data / "keys" / "partners" / "dentport.pgp").write_bytes(b"two")
    assert changed()
    (folder / "agent.yaml").unlink()
    assert changed()


# --- anything at all ---------------------------------------------------------------------------

LINES = (AGENT + PARTNER + SFTP).splitlines()
PIECES = st.one_of(
    st.sampled_from([*LINES, "{", "]", "- ", "&a", "*a", "!!x", "'", '"', ": ", "\t"]), st.text()
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.lists(PIECES, max_size=25).map("\n".join) | st.binary(max_size=200))
def test_any_content_is_a_configuration_or_a_list_of_sentences(folder: Path, text: str | bytes) -> None:
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    (folder / "agent.yaml").write_bytes(raw)
    (folder / "partners" / "dentport.yaml").write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        load(folder)
    assert caught.value.problems
    assert all(problem.startswith(str(folder)) and "\n" not in problem for problem in caught.value.problems)
