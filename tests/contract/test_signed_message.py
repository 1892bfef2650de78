"""What gpgv may say of a signed message and what follows; a stand-in says what the real one rarely does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters.signed_message import VerifiedMessage, verify_signed_message
from agent.errors import AgentError, GpgUnavailableError, QuarantineReason, UnauthenticatedFileError
from tests.kit.openpgp import KeyWorld

CONTENT = b"licence for one practice\n"
SIGNED_AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def message(openpgp_world: KeyWorld) -> bytes:
    return openpgp_world.dentport.sign(CONTENT)


def verified(world: KeyWorld, ring: Path, message: bytes, gpgv_program: str = "gpgv") -> VerifiedMessage:
    stand_in = gpgv_program != "gpgv"
    return verify_signed_message(
        message,
        gpgv_program=gpgv_program,
        key_ring=ring,
        fingerprints={world.dentport.fingerprint},
        now=SIGNED_AT if stand_in else datetime.now(UTC),
        max_age=timedelta(days=1),
    )


def test_signed_message_is_verified_and_its_content_returned(
    openpgp_world: KeyWorld, dentport_ring: Path, message: bytes
) -> None:
    result = verified(openpgp_world, dentport_ring, message)
    assert (result.content, result.signer_fingerprint) == (CONTENT, openpgp_world.dentport.fingerprint)
    assert datetime.now(UTC) - result.signed_at < timedelta(minutes=10)


def valid(fingerprint: str, **changes: str) -> str:
    seconds = str(int(SIGNED_AT.timestamp()))
    fields = {
        "key": fingerprint, "date": "2026-06-01", "signed": seconds, "expires": "0", "version": "4",
        "reserved": "0", "algorithm": "22", "hash": "10", "kind": "00", "primary": fingerprint,
    } | changes  # fmt: skip
    return "VALIDSIG " + " ".join(fields.values())


NEW, GOOD, VALID = "NEWSIG", "GOODSIG 0000000000000000 Dentport", "VALID"
R = QuarantineReason

VERDICTS: list[tuple[str, list[str], dict[str, str], int, QuarantineReason | type[AgentError]]] = [
    ("nothing", [], {}, 0, R.BAD_SIGNATURE),
    ("no status but a failure", [], {}, 2, R.BAD_SIGNATURE),
    ("good without valid", [NEW, GOOD], {}, 0, R.BAD_SIGNATURE),
    ("valid without good", [NEW, VALID], {}, 0, R.BAD_SIGNATURE),
    ("valid without new", [GOOD, VALID], {}, 0, R.BAD_SIGNATURE),
    ("two new", [NEW, NEW, GOOD, VALID], {}, 0, R.BAD_SIGNATURE),
    ("two good", [NEW, GOOD, GOOD, VALID], {}, 0, R.BAD_SIGNATURE),
    ("two valid", [NEW, GOOD, VALID, VALID], {}, 0, R.BAD_SIGNATURE),
    ("good, and a failure at the end", [NEW, GOOD, VALID], {}, 1, R.BAD_SIGNATURE),
    ("good, then bad", [NEW, GOOD, VALID, "BADSIG 00 x"], {}, 0, R.BAD_SIGNATURE),
    ("good, then an error", [NEW, GOOD, VALID, "ERRSIG 00 22 8 00 0 9"], {}, 0, R.BAD_SIGNATURE),
    ("good, then unexpected data", [NEW, GOOD, VALID, "UNEXPECTED 0"], {}, 0, R.BAD_SIGNATURE),
    ("good, then no data", [NEW, GOOD, VALID, "NODATA 4"], {}, 0, R.BAD_SIGNATURE),
    ("valid by an expired key", [NEW, "EXPKEYSIG 00 x", VALID], {}, 0, R.KEY_EXPIRED),
    ("valid by a revoked key", [NEW, "REVKEYSIG 00 x", VALID], {}, 0, R.KEY_REVOKED),
    ("valid but expired", [NEW, "EXPSIG 00 x", VALID], {}, 0, R.SIGNATURE_TIME),
    ("valid by a stranger", [NEW, GOOD, VALID], {"primary": "0" * 40}, 0, R.WRONG_SIGNER),
    ("valid by another subkey", [NEW, GOOD, VALID], {"key": "0" * 40}, 0, R.UNEXPECTED_STRUCTURE),
    ("valid with sha-1", [NEW, GOOD, VALID], {"hash": "2"}, 0, R.WEAK_SIGNATURE),
    ("valid over text", [NEW, GOOD, VALID], {"kind": "01"}, 0, R.UNEXPECTED_STRUCTURE),
    ("valid in version 3", [NEW, GOOD, VALID], {"version": "3"}, 0, R.UNEXPECTED_STRUCTURE),
    ("valid until a minute ago", [NEW, GOOD, VALID], {"expires": "1780315140"}, 0, R.SIGNATURE_TIME),
    ("valid in an unknown form", [NEW, GOOD, "VALIDSIG 00 x"], {}, 0, GpgUnavailableError),
    ("key ring not readable", ["ERROR keydb_search 33554445", NEW], {}, 2, GpgUnavailableError),
    ("gpgv does not start", [], {}, 127, GpgUnavailableError),
]


@pytest.mark.parametrize(
    ("lines", "changes", "exit_code", "expected"),
    [case[1:] for case in VERDICTS],
    ids=[c[0] for c in VERDICTS],
)
def test_every_word_of_gpgv_counts(
    lines: list[str],
    changes: dict[str, str],
    exit_code: int,
    expected: QuarantineReason | type[AgentError],
    openpgp_world: KeyWorld,
    dentport_ring: Path,
    message: bytes,
    tmp_path: Path,
) -> None:
    fingerprint = openpgp_world.dentport.fingerprint
    said = [valid(fingerprint, **changes) if line == VALID else line for line in lines]
    program = stand_in(tmp_path, said, exit_code)
    if isinstance(expected, QuarantineReason):
        with pytest.raises(UnauthenticatedFileError) as refusal:
            verified(openpgp_world, dentport_ring, message, program)
        assert refusal.value.reason is expected
    else:
        with pytest.raises(expected):
            verified(openpgp_world, dentport_ring, message, program)


def test_stand_in_that_says_what_gpgv_says_of_a_good_message_is_believed(
    openpgp_world: KeyWorld, dentport_ring: Path, message: bytes, tmp_path: Path
) -> None:
    said = [NEW, "KEY_CONSIDERED x 0", GOOD, valid(openpgp_world.dentport.fingerprint)]
    program = stand_in(tmp_path, said, 0)
    assert verified(openpgp_world, dentport_ring, message, program).signed_at == SIGNED_AT


def stand_in(folder: Path, said: list[str], exit_code: int) -> str:
    words = "".join(f"echo '[GNUPG:] {line}'\n" for line in said)
    program = folder / "stand-in"
    version = '[ "$1" = --version ] && exec gpgv --version\n'
    program.write_text(f"#!/bin/sh\n{version}cat > /dev/null\n{words}exit {exit_code}\n")
    program.chmod(0o700)
    return str(program)
