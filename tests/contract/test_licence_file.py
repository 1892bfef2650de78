"""A licence counts only with the pinned issuer's signature, and never gives way to an invalid one (R1)."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters.keyring import PartnerKeyRing
from agent.adapters.licence_file import install_licence, read_licence
from agent.domain.licence import Licence
from agent.errors import GpgUnavailableError, LicenceInvalidError
from tests.kit.licensor import ISSUER, Licensor, create_licensor, licence_text
from tests.kit.openpgp import GpgHome, short_folder

PRACTICE = "praxis-am-markt"
PARTNERS = ("dentport", "zahnzeit")


def now() -> datetime:
    return datetime.now(UTC)


def today(days: int = 0) -> date:
    return now().date() + timedelta(days=days)


def at(difference: timedelta) -> tuple[str, str]:
    """The option that sets gpg's clock."""
    return "--faked-system-time", (now() + difference).strftime("%Y%m%dT%H%M%S")


def text(**changes: object) -> bytes:
    return licence_text(PRACTICE, PARTNERS, today(-1), today(30), **changes)


@dataclass(frozen=True, slots=True)
class Issuers:
    """The real issuer, one whose key is about to be revoked, a stranger, and one whose key has expired."""

    genuine: Licensor
    revoking: Licensor
    stranger: Licensor
    expired: Licensor


@pytest.fixture(scope="module")
def issuers() -> Iterator[Issuers]:
    with short_folder() as folder:
        home, strange_home = GpgHome(folder / "issuers"), GpgHome(folder / "stranger")
        expired = home.create_key("Late licences", "--faked-system-time", "20200101T120000", expires="1y")
        yield Issuers(
            genuine=create_licensor(home, ISSUER, *at(timedelta(days=-1))),
            revoking=create_licensor(home, "Lost licences"),
            stranger=create_licensor(strange_home),
            expired=Licensor(home, expired),
        )
        home.stop()
        strange_home.stop()


@pytest.fixture
def ring(issuers: Issuers, tmp_path: Path) -> Path:
    file = tmp_path / "issuer.pgp"
    PartnerKeyRing(file, "gpg").pin(issuers.genuine.key_ring, now())
    return file


def read(file: Path, ring: Path, issuer: Licensor, gpgv_program: str = "gpgv") -> Licence:
    return read_licence(
        file, gpgv_program=gpgv_program, key_ring=ring, fingerprints=[issuer.fingerprint], now=now()
    )


def install(source: Path, target: Path, ring: Path, issuer: Licensor, practice: str = PRACTICE) -> Licence:
    return install_licence(
        source,
        target,
        practice_id=practice,
        gpgv_program="gpgv",
        key_ring=ring,
        fingerprints=[issuer.fingerprint],
        now=now(),
    )


def written(tmp_path: Path, data: bytes) -> Path:
    file = tmp_path / "new-licence.pgp"
    file.write_bytes(data)
    return file


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--armor",),
        ("--compress-algo", "none"),
        ("--armor", "--comment", "for you"),
        ("--digest-algo", "SHA512"),
    ],
    ids=["binary", "armored", "uncompressed", "with_comment", "sha512"],
)
def test_read_licence_signed_by_the_issuer_is_read(
    issuers: Issuers, ring: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    file = written(tmp_path, issuers.genuine.sign(text(), *options))
    assert read(file, ring, issuers.genuine) == Licence(
        licence_id="2026-0815",
        practice_id=PRACTICE,
        partner_ids=frozenset(PARTNERS),
        valid_from=today(-1),
        expires_on=today(30),
    )


def test_read_licence_signed_years_ago_is_read(issuers: Issuers, tmp_path: Path) -> None:
    home = issuers.genuine.home
    old = Licensor(home, home.create_key("Old", "--faked-system-time", "20160101T120000", expires="20y"))
    ring = tmp_path / "old.pgp"
    ring.write_bytes(old.key_ring)
    file = written(tmp_path, old.sign(text(), "--faked-system-time", "20160601T120000"))
    assert read(file, ring, old).practice_id == PRACTICE


Build = Callable[[Issuers], bytes]

REFUSALS: dict[str, tuple[Build, str]] = {
    "empty": (lambda by: b"", "not one signed text"),
    "plain_json": (lambda by: text(), "not one signed text"),
    "garbage": (lambda by: os.urandom(500), "refused: it is"),
    "too_large": (lambda by: b"\xa3" * (256 * 1024 + 1), "larger than 262144 bytes"),
    "cut": (lambda by: by.genuine.sign(text(), "--compress-algo", "none")[:-40], "damaged"),
    "changed": (
        lambda by: by.genuine.sign(text(), "--compress-algo", "none").replace(b"2026-0815", b"2026-0816"),
        "changed after it was signed",
    ),
    "stranger": (lambda by: by.stranger.sign(text()), "not signed with the licence issuer's pinned key"),
    "two_signatures": (
        lambda by: by.genuine.sign(text(), "--local-user", by.revoking.fingerprint),
        "not one signed text",
    ),
    "weak_hash": (
        lambda by: by.genuine.sign(text(), "--digest-algo", "SHA1", "--allow-weak-digest-algos"),
        "weaker than SHA-256",
    ),
    "from_the_future": (
        lambda by: by.genuine.sign(text(), *at(timedelta(days=1))),
        "expired or is dated in the future",
    ),
    "signature_expired": (
        lambda by: by.genuine.sign(text(), "--default-sig-expire", "seconds=1", *at(timedelta(minutes=-5))),
        "expired or is dated in the future",
    ),
    "clear_signed": (
        lambda by: by.genuine.home.run("-u", by.genuine.fingerprint, "--clear-sign", stdin=text()),
        "not one signed text",
    ),
    "detached": (
        lambda by: by.genuine.home.run("-u", by.genuine.fingerprint, "--detach-sign", stdin=text()),
        "not one signed text",
    ),
    "encrypted": (
        lambda by: by.genuine.sign(text(), "--recipient", by.genuine.fingerprint, "--encrypt"),
        "not one signed text",
    ),
    "unsigned": (lambda by: by.genuine.home.run("--store", stdin=text()), "it is not signed"),
    "broken_armor": (
        lambda by: by.genuine.sign(text(), "--armor").replace(b"-----END", b"----END"),
        "not one signed text",
    ),
    "no_licence": (lambda by: by.genuine.sign(b"I owe you a licence.\n"), "not UTF-8 JSON"),
    "unknown_field": (lambda by: by.genuine.sign(text(unlimited=True)), "a field that no licence has"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_read_licence_bad_file_is_refused_with_the_reason(
    issuers: Issuers, ring: Path, tmp_path: Path, case: str
) -> None:
    build, reason = REFUSALS[case]
    file = written(tmp_path, build(issuers))
    with pytest.raises(LicenceInvalidError, match=reason) as refused:
        read(file, ring, issuers.genuine)
    assert str(file) in str(refused.value)


def test_read_licence_key_in_the_ring_but_not_pinned_is_refused(issuers: Issuers, tmp_path: Path) -> None:
    ring = tmp_path / "both.pgp"
    ring.write_bytes(issuers.genuine.key_ring + issuers.stranger.key_ring)
    file = written(tmp_path, issuers.stranger.sign(text()))
    with pytest.raises(LicenceInvalidError, match="not signed with the licence issuer's pinned key"):
        read(file, ring, issuers.genuine)


def test_read_licence_issuers_key_expired_is_said(issuers: Issuers, tmp_path: Path) -> None:
    ring = tmp_path / "expired.pgp"
    ring.write_bytes(issuers.expired.key_ring)
    signed = issuers.expired.sign(text(), "--faked-system-time", "20200601T120000")
    with pytest.raises(LicenceInvalidError, match="key has expired"):
        read(written(tmp_path, signed), ring, issuers.expired)


def test_read_licence_issuers_key_revoked_is_said(issuers: Issuers, tmp_path: Path) -> None:
    signed = issuers.revoking.sign(text())
    issuers.revoking.home.revoke(issuers.revoking.fingerprint)
    ring = tmp_path / "revoked.pgp"
    ring.write_bytes(issuers.revoking.key_ring)
    with pytest.raises(LicenceInvalidError, match="has revoked the key"):
        read(written(tmp_path, signed), ring, issuers.revoking)


def test_read_licence_missing_file_or_folder_is_said(issuers: Issuers, ring: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "none.pgp", tmp_path):
        with pytest.raises(LicenceInvalidError, match="there is no licence file"):
            read(path, ring, issuers.genuine)


def test_read_licence_pipe_is_refused_without_waiting(issuers: Issuers, ring: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    if sys.platform != "win32":
        os.mkfifo(pipe)
    with pytest.raises(LicenceInvalidError, match="there is no licence file"):
        read(pipe, ring, issuers.genuine)


@pytest.mark.parametrize("content", [None, b"", b"text"], ids=["missing", "empty", "damaged"])
def test_read_licence_issuers_ring_unusable_is_said(
    issuers: Issuers, tmp_path: Path, content: bytes | None
) -> None:
    ring = tmp_path / "unusable.pgp"
    if content is not None:
        ring.write_bytes(content)
    file = written(tmp_path, issuers.genuine.sign(text()))
    with pytest.raises(LicenceInvalidError, match="the issuer's key ring"):
        read(file, ring, issuers.genuine)


def test_read_licence_gpgv_missing_is_a_fault_of_our_own(
    issuers: Issuers, ring: Path, tmp_path: Path
) -> None:
    file = written(tmp_path, issuers.genuine.sign(text()))
    with pytest.raises(GpgUnavailableError):
        read(file, ring, issuers.genuine, str(tmp_path / "gpgv"))


def test_install_licence_valid_one_replaces_the_old_one(issuers: Issuers, ring: Path, tmp_path: Path) -> None:
    target = tmp_path / "data" / "licence.pgp"
    first = issuers.genuine.licence(PRACTICE, PARTNERS, today(-100), today())
    second = issuers.genuine.licence(PRACTICE, PARTNERS, today(), today(365))
    assert install(written(tmp_path, first), target, ring, issuers.genuine).expires_on == today()
    assert target.read_bytes() == first
    installed = install(written(tmp_path, second), target, ring, issuers.genuine)
    assert target.read_bytes() == second
    assert read(target, ring, issuers.genuine) == installed
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda by: by.stranger.licence(PRACTICE, PARTNERS, today(), today(365)), "not signed with"),
        (lambda by: by.genuine.licence("praxis-am-berg", PARTNERS, today(), today(365)), "is for practice"),
        (lambda by: by.genuine.licence(PRACTICE, PARTNERS, today(-365), today(-1)), "expired after"),
        (lambda by: by.genuine.licence(PRACTICE, PARTNERS, today(1), today(365)), "not valid before"),
    ],
    ids=["stranger", "other_practice", "expired", "not_yet_valid"],
)
def test_install_licence_invalid_one_leaves_the_valid_one(
    issuers: Issuers, ring: Path, tmp_path: Path, build: Build, reason: str
) -> None:
    target = tmp_path / "data" / "licence.pgp"
    valid = issuers.genuine.sign(text())
    install(written(tmp_path, valid), target, ring, issuers.genuine)
    with pytest.raises(LicenceInvalidError, match=reason):
        install(written(tmp_path, build(issuers)), target, ring, issuers.genuine)
    assert target.read_bytes() == valid
    assert list(target.parent.iterdir()) == [target]
