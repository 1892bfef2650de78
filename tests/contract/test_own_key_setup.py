"""The practice's own key, as real gpg makes it: created, exported, looked at, refused."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters.keyring import PartnerKeyRing
from agent.adapters.own_key_setup import create_own_key, export_public_key, own_key_facts, stop_agent
from agent.errors import AgentError, GpgUnavailableError, KeyUnusableError, UsageError
from tests.kit.openpgp import short_folder


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def ring_file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "dentport.pgp"


@pytest.fixture
def own_home() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder / "own"


def agent_runs(home: Path) -> bool:
    command = ["gpg-connect-agent", "--homedir", str(home), "--no-autostart", "getinfo pid", "/bye"]
    return b"OK" in subprocess.run(command, capture_output=True, check=False).stdout


def test_create_own_key_makes_an_elliptic_key_that_expires(own_home: Path) -> None:
    facts = create_own_key(own_home, "gpg", "Zahnarztpraxis Ångström <praxis@praxis.example>", "90d")
    assert facts.user_ids == ("Zahnarztpraxis Ångström <praxis@praxis.example>",)
    assert (facts.curve, [subkey.curve for subkey in facts.subkeys]) == ("ed25519", ["cv25519"])
    for expires_at in (facts.expires_at, facts.subkeys[0].expires_at):
        assert expires_at is not None
        assert abs(expires_at - now() - timedelta(days=90)) < timedelta(minutes=5)
    assert own_key_facts(own_home, "gpg", facts.fingerprint) == facts
    assert not agent_runs(own_home)
    if sys.platform != "win32":
        assert own_home.stat().st_mode & 0o777 == 0o700


def test_export_public_key_is_what_a_partner_can_pin(own_home: Path, ring_file: Path) -> None:
    facts = create_own_key(own_home, "gpg", "Zahnarztpraxis Musterstadt")
    text = export_public_key(own_home, "gpg", facts.fingerprint)
    assert text.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    assert PartnerKeyRing(ring_file, "gpg").pin(text.encode(), now()) == facts


def test_create_own_key_with_passphrase_can_be_used_with_it_alone(own_home: Path) -> None:
    own_home.mkdir(mode=0o700)
    # Without it gpg-agent spends seconds on finding out how slow it can afford to be.
    (own_home / "gpg-agent.conf").write_text("s2k-count 65536\n")
    facts = create_own_key(own_home, "gpg", "Zahnarztpraxis Musterstadt", passphrase="drei Wörter: %commit")
    signing = ["gpg", "--homedir", str(own_home), "--batch", "--pinentry-mode", "loopback"]
    try:
        for passphrase, exit_code in (("drei Wörter", 2), ("drei Wörter: %commit", 0)):
            run = subprocess.run(
                [*signing, "--passphrase", passphrase, "-u", facts.fingerprint, "--sign"],
                input=b"x",
                capture_output=True,
                check=False,
            )
            assert run.returncode == exit_code
        assert agent_runs(own_home)
    finally:
        stop_agent(own_home, "gpg")
    assert not agent_runs(own_home)
    stop_agent(own_home, "gpg")


@pytest.mark.parametrize(
    ("user_id", "expires_in", "passphrase"),
    [
        ("Praxis\n%no-protection", "2y", None),
        ("Praxis\u202e", "2y", None),
        (" Praxis", "2y", None),
        ("Abc", "2y", None),
        ("Praxis", "0", None),
        ("Praxis", "never", None),
        ("Praxis", "2y\n%no-protection", None),
        ("Praxis", "2y", ""),
        ("Praxis", "2y", "open \n%no-protection"),
        ("Praxis", "2y", " open"),
    ],
)
def test_create_own_key_value_that_gpg_could_misread_is_refused(
    own_home: Path, user_id: str, expires_in: str, passphrase: str | None
) -> None:
    with pytest.raises(UsageError) as refused:
        create_own_key(own_home, "gpg", user_id, expires_in, passphrase)
    assert "open" not in str(refused.value)
    assert not own_home.exists()


def test_create_own_key_path_too_long_for_the_agent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusableError, match="longer than 80 characters"):
        create_own_key(tmp_path / ("x" * 80), "gpg", "Zahnarztpraxis Musterstadt")


def test_own_key_facts_secret_half_missing_is_said(own_home: Path) -> None:
    facts = create_own_key(own_home, "gpg", "Zahnarztpraxis Musterstadt")
    next((own_home / "private-keys-v1.d").iterdir()).unlink()
    with pytest.raises(KeyUnusableError, match="the secret half of the key"):
        own_key_facts(own_home, "gpg", facts.fingerprint)


@pytest.mark.parametrize("ask", [own_key_facts, export_public_key])
def test_own_key_unknown_or_without_a_home_is_said(ask: Callable[..., object], own_home: Path) -> None:
    with pytest.raises(KeyUnusableError, match="does not exist"):
        ask(own_home, "gpg", "0" * 40)
    own_home.mkdir(mode=0o700)
    with pytest.raises(KeyUnusableError, match="there is no key"):
        ask(own_home, "gpg", "0" * 40)


def test_stop_agent_without_gpgconf_is_a_fault_of_our_own(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    with pytest.raises(GpgUnavailableError) as refused:
        stop_agent(own_home, "gpg")
    assert isinstance(refused.value, AgentError)
