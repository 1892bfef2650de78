"""Secrets: read from each place, refused where they lie open, and in no message or `repr`."""

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail

from agent.config import SecretRef
from agent.config.model import AuditSettings
from agent.errors import ConfigError

SECRET = "correct horse Zähne"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def refusal(reference: SecretRef) -> str:
    with pytest.raises(ConfigError) as caught:
        reference.read()
    (problem,) = caught.value.problems
    return problem


# --- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n"])
def test_secret_file_with_any_line_end_gives_the_line(file: Path, line_end: str) -> None:
    file.write_bytes((SECRET + line_end).encode())
    assert SecretRef(file=file).read() == SECRET
    assert SecretRef(file=file).read_bytes() == SECRET.encode()


def test_secret_file_saved_by_a_windows_editor_gives_the_line_without_the_mark(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + SECRET.encode() + b"\r\n")
    assert SecretRef(file=file).read() == SECRET


def test_spaces_around_a_secret_belong_to_it(file: Path) -> None:
    file.write_text(" two words \n")
    assert SecretRef(file=file).read() == " two words "


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not set or empty"),
        (b"\n", "is not set or empty"),
        (b"hunter2\nhunter3\n", "must hold one line"),
        (b"hunter2\xff", "is not UTF-8 text"),
        (b"hunter2" * 10_000, "is not a small regular file"),
    ],
)
def test_unusable_secret_file_is_told_by_name_without_its_content(
    file: Path, content: bytes, sentence: str
) -> None:
    file.write_bytes(content)
    problem = refusal(SecretRef(file=file))
    assert problem.startswith(f"secret file {file}: {sentence}")
    assert "hunter" not in problem


def test_missing_secret_file_is_told(tmp_path: Path) -> None:
    assert refusal(SecretRef(file=tmp_path / "none")).endswith("there is no such file: create it")


def test_folder_in_the_place_of_a_secret_file_is_told(tmp_path: Path) -> None:
    assert refusal(SecretRef(file=tmp_path)).startswith(f"secret file {tmp_path}: ")


if sys.platform != "win32":  # there the folder's access list decides, and modes say nothing

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o777])
    def test_secret_file_that_others_may_use_is_refused(file: Path, mode: int) -> None:
        file.chmod(mode)
        assert refusal(SecretRef(file=file)).endswith("may be read by others: run `chmod 600` on it")

    @pytest.mark.parametrize("mode", [0o600, 0o400])
    def test_secret_file_of_its_owner_alone_is_read(file: Path, mode: int) -> None:
        file.chmod(mode)
        assert SecretRef(file=file).read() == SECRET

    def test_systemd_credential_may_show_group_read_and_no_more(
        file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(file.parent))
        file.chmod(0o440)
        assert SecretRef(file=file).read() == SECRET
        file.chmod(0o444)
        assert "may be read by others" in refusal(SecretRef(file=file))

    def test_pipe_in_the_place_of_a_secret_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe, 0o600)
        assert "is not a small regular file" in refusal(SecretRef(file=pipe))


# --- environment -------------------------------------------------------------------------------


def test_secret_in_the_environment_is_read_at_the_moment_of_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = SecretRef(env="OTV_TEST_SECRET")
    assert refusal(reference).startswith("environment variable OTV_TEST_SECRET: is not set or empty")
    monkeypatch.setenv("OTV_TEST_SECRET", SECRET)
    assert reference.read() == SECRET


# --- key ring ----------------------------------------------------------------------------------


class MemoryKeyring(KeyringBackend):
    """A backend of the library's own kind, because a server that runs tests has none."""

    priority = 1.0

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._entries[service, username] = password


@pytest.fixture
def key_ring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(MemoryKeyring())
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("key_ring")
def test_secret_in_the_key_ring_is_read_by_service_and_user() -> None:
    keyring.set_password("otv-agent/praxis", "audit", SECRET)
    assert SecretRef(keyring="otv-agent/praxis/audit").read() == SECRET


@pytest.mark.usefixtures("key_ring")
def test_missing_key_ring_entry_is_told() -> None:
    problem = refusal(SecretRef(keyring="otv-agent/other"))
    assert problem == "keyring entry otv-agent/other: is not set or empty: put the secret there"


@pytest.mark.usefixtures("key_ring")
def test_machine_without_a_key_ring_is_told() -> None:
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    problem = refusal(SecretRef(keyring="otv-agent/audit"))
    assert problem.startswith("keyring entry otv-agent/audit: the system's key ring cannot be used")


# --- never shown -------------------------------------------------------------------------------


def test_value_of_a_secret_is_in_no_repr_text_or_log_after_reading(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reference = SecretRef(file=file)
    with caplog.at_level(logging.DEBUG):
        reference.read()
    shown = f"{reference!r} {reference} {reference.model_dump()} {caplog.text}"
    assert SECRET not in shown
    assert str(file) in shown


def test_audit_key_too_short_to_protect_anything_is_refused(file: Path) -> None:
    settings = AuditSettings(key=SecretRef(file=file))
    with pytest.raises(ConfigError, match=r"shorter than 32 characters: .*openssl rand"):
        settings.read_key()
    file.write_text("0123456789abcdef" * 2)
    assert settings.read_key() == b"0123456789abcdef" * 2
