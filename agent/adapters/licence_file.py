"""The licence file: an OpenPGP signed text, verified against the issuer's pinned key (rule R1).

Binary as `gpg --sign` makes it, or with ASCII armor. Whether the licence
covers a practice, a partner and a day is `agent.domain.licence`'s matter.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path

from agent.adapters.armor import ArmorError, dearmored
from agent.adapters.durable_files import write_durably
from agent.adapters.signed_message import verify_signed_message
from agent.domain.licence import (
    MAX_LICENCE_BYTES,
    Licence,
    LicenceContentError,
    decode_licence,
    licence_problem,
)
from agent.errors import KeyUnusableError, LicenceInvalidError, QuarantineReason, UnauthenticatedFileError

MAX_FILE_BYTES = 4 * MAX_LICENCE_BYTES

ANY_AGE = timedelta(days=36_500)
"""A licence says itself how long it is valid."""

REASONS = {
    QuarantineReason.NOT_SIGNED: "it is not signed",
    QuarantineReason.WRONG_SIGNER: "it is not signed with the licence issuer's pinned key",
    QuarantineReason.BAD_SIGNATURE: "it was changed after it was signed",
    QuarantineReason.DAMAGED: "it is damaged",
    QuarantineReason.WEAK_SIGNATURE: "its signature rests on a hash weaker than SHA-256",
    QuarantineReason.KEY_EXPIRED: "the licence issuer's key has expired: pin the renewed one",
    QuarantineReason.KEY_REVOKED: "the licence issuer has revoked the key that signed it",
    QuarantineReason.SIGNATURE_TIME: "its signature has expired or is dated in the future: check the clock",
}
ANOTHER_FORM = "it is not one signed text as `gpg --sign` makes it"


def read_licence(
    file: Path, *, gpgv_program: str, key_ring: Path, fingerprints: Collection[str], now: datetime
) -> Licence:
    """The licence in `file`, its signature verified; its dates are not judged.

    Raises LicenceInvalidError with a plain reason, GpgUnavailableError when
    it cannot be verified at the moment.
    """
    return _verified(file, _content_of(file), gpgv_program, key_ring, fingerprints, now)


def install_licence(
    source: Path,
    target: Path,
    *,
    practice_id: str,
    gpgv_program: str,
    key_ring: Path,
    fingerprints: Collection[str],
    now: datetime,
) -> Licence:
    """Put the licence in `source` in the place of `target`, if it is valid today for this practice.

    The verified bytes are written, at once or not at all. Raises
    LicenceInvalidError and GpgUnavailableError, and then `target` is as
    before; SpoolError.
    """
    data = _content_of(source)
    licence = _verified(source, data, gpgv_program, key_ring, fingerprints, now)
    problem = licence_problem(licence, practice_id, None, now.date())
    if problem is not None:
        raise LicenceInvalidError(problem)
    write_durably(data, target.parent, target)
    return licence


def _content_of(file: Path) -> bytes:
    try:
        if not file.is_file():  # a pipe would be waited for
            raise LicenceInvalidError(f"there is no licence file {file}")
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise LicenceInvalidError(f"the licence file {file} cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise _invalid(file, f"it is larger than {MAX_FILE_BYTES} bytes")
    return data


def _verified(
    file: Path,
    data: bytes,
    gpgv_program: str,
    key_ring: Path,
    fingerprints: Collection[str],
    now: datetime,
) -> Licence:
    try:
        message = verify_signed_message(
            dearmored(data, "MESSAGE"),
            gpgv_program=gpgv_program,
            key_ring=key_ring,
            fingerprints=fingerprints,
            now=now,
            max_age=ANY_AGE,
            max_content_bytes=MAX_LICENCE_BYTES,
        )
        return decode_licence(message.content)
    except UnauthenticatedFileError as error:
        raise _invalid(file, REASONS.get(error.reason, ANOTHER_FORM)) from error
    except ArmorError as error:
        raise _invalid(file, ANOTHER_FORM) from error
    except LicenceContentError as error:
        raise _invalid(file, str(error)) from error
    except KeyUnusableError as error:
        raise LicenceInvalidError(
            f"the licence cannot be verified: the issuer's key ring {key_ring} is missing or damaged, "
            "or lacks the pinned key"
        ) from error


def _invalid(file: Path, reason: str) -> LicenceInvalidError:
    return LicenceInvalidError(f"the licence file {file} is refused: {reason}")
