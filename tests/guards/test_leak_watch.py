"""The watch over patient data finds what it is there for: each form of each value, wherever it may lie."""

import base64
import logging
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.canaries import BOOKED_EMAIL, BOOKED_FAMILY_NAME, CANARIES, found_in
from tests.kit.command_line import Finished
from tests.kit.leak_guard import leaks_in
from tests.kit.leak_watch import LeakError, LeakWatch, LooseFiles, require_none_in_folders, watched

CANARY = CANARIES["GRANTED"]
NAME = CANARY.family_name
KNOWN = [BOOKED_FAMILY_NAME, BOOKED_EMAIL] + [
    value for one in CANARIES.values() for value in (one.given_name, one.family_name, one.email, one.phone)
]


def transcribed(text: str) -> str:
    return text.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")


def escaped(text: str, mark: str) -> str:
    return "".join(f"{mark}{byte:02X}" if byte > 127 else chr(byte) for byte in text.encode())


FORMS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "in capitals": lambda text: text.upper().encode(),
    "decomposed": lambda text: unicodedata.normalize("NFD", text).encode(),
    "without umlauts": lambda text: transcribed(text).encode(),
    "Latin-1": lambda text: text.encode("latin-1"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 BE": lambda text: text.encode("utf-16-be"),
    "JSON escapes": lambda text: text.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00"),
    "percent escapes": lambda text: escaped(text, "%").encode(),
    "quoted-printable": lambda text: escaped(text, "=").encode(),
    "HTML entities": lambda text: text.encode("ascii", "xmlcharrefreplace"),
    "bytes printed": lambda text: repr(text.encode()).encode(),
    "hexadecimal": lambda text: text.encode().hex().upper().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, one byte in": lambda text: base64.b64encode(b"x" + text.encode() + b"yz"),
    "base64, two bytes in": lambda text: base64.b64encode(b"xx" + text.encode() + b"z"),
    "base64 in lines": lambda text: base64.encodebytes(bytes(50) + text.encode() + bytes(50)),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(b"?>~" + text.encode()),
}  # fmt: skip


@pytest.mark.parametrize("spelled", FORMS.values(), ids=FORMS.keys())
def test_a_leak_is_found_in_every_form_in_the_middle_of_other_bytes(
    tmp_path: Path, spelled: Callable[[str], bytes]
) -> None:
    watch = LeakWatch(tmp_path)
    for value in KNOWN:
        (tmp_path / "log").write_bytes(b"\x00other\xff" + spelled(value) + b"\nmore")
        ((path, leaks),) = watch.leaks().items()
        assert path == str(tmp_path / "log")
        # Of a telephone number the part is told that all its spellings share.
        assert all(leak.split(", ")[0] in value for leak in leaks)


@pytest.mark.parametrize(
    "text",
    [
        "1931-07-23", "23.07.1931", "19310723", "1931/07/23", "07/23/1931", "date(1931, 7, 23)",
        "23. Juli 1931", "+49 171 4788123", "+491714788123", "0049171 4788123", "01714788123",
    ],
)  # fmt: skip
def test_birth_date_and_telephone_are_found_however_they_are_written(text: str) -> None:
    assert found_in(f"born or called {text}.".encode())


def test_other_texts_are_no_leaks() -> None:
    assert found_in("Müller, Anna, 1980-05-17, 0171 5550101, anna@example.org".encode()) == []
    assert found_in(bytes(range(256)) * 1000) == []


def test_every_state_of_a_file_is_looked_at_and_the_database_is_left_alone(tmp_path: Path) -> None:
    watch = LeakWatch(tmp_path)
    (tmp_path / "practice.db-wal").write_text(NAME)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    file = tmp_path / "deep" / "er" / "file.pgp"
    file.write_text("nothing")
    assert watch.leaks() == {}
    file.write_text(f"something: {NAME}")
    assert list(watch.leaks()) == [str(file)]
    assert watch.leaks() == {}
    (tmp_path / f"{CANARY.given_name}.pgp").touch()
    assert list(watch.leaks()) == [str(tmp_path / f"{CANARY.given_name}.pgp")]


def test_watched_folder_is_looked_through_after_each_test_and_at_its_end(tmp_path: Path) -> None:
    with watched(tmp_path):
        require_none_in_folders()
        (tmp_path / "crash").write_text(NAME)
        with pytest.raises(LeakError, match="crash"):
            require_none_in_folders()
    with pytest.raises(LeakError, match="forgotten"), watched(tmp_path / "other"):
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "forgotten").write_text(NAME)


def test_file_left_beside_all_folders_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "old").write_text(NAME)
    loose = LooseFiles()
    loose.require_none()
    (tmp_path / "core.4711").write_bytes(bytes(100) + NAME.encode())
    with pytest.raises(LeakError, match="4711"):
        loose.require_none()


def test_command_that_prints_a_patient_fails_its_test() -> None:
    with pytest.raises(LeakError):
        Finished(0, f"imported {NAME}", "")


def test_log_line_and_traceback_with_a_patient_fail_the_test(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError(NAME)
    except ValueError:
        logging.getLogger("agent").exception("harmless")
    assert NAME in str(leaks_in([("Captured log call", caplog.text)]))
    assert leaks_in([("Captured log call", "harmless"), ("Captured stdout call", "")]) is None
