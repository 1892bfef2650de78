"""What the service manager of Windows and icacls are told; written and checked on any system."""

from pathlib import PureWindowsPath

import pytest

from agent.service import SERVICE_NAME
from agent.service.windows_entry import (
    ACCOUNT,
    PRESHUTDOWN_SECONDS,
    file_commands,
    folder_commands,
    hidden_from_services,
    image_path,
    is_shared,
    postgresql_service,
    service_sid,
)

INSTALLATION = PureWindowsPath(r"C:\Praxis Müller\otv")


def test_account_of_a_service_has_the_number_that_windows_gives_it() -> None:
    # Known from every Windows: `sc showsid TrustedInstaller`.
    assert service_sid("TrustedInstaller") == (
        "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
    )
    assert service_sid(SERVICE_NAME) == service_sid(SERVICE_NAME.upper())
    assert ACCOUNT == "NT SERVICE\\otv-agent"


def test_command_line_quotes_every_path_and_shuts_out_what_else_is_installed() -> None:
    line = image_path(
        PureWindowsPath(r"C:\Program Files\Python312\python.exe"),
        INSTALLATION / "venv" / "Lib" / "site-packages",
        INSTALLATION / "venv" / "Scripts" / "python.exe",
        PureWindowsPath(r"C:\otv\shell.py"),
        INSTALLATION / "agent.yaml",
    )
    assert line == (
        r'"C:\Program Files\Python312\python.exe" -I -S -X utf8 "C:\otv\shell.py"'
        r' --packages "C:\Praxis Müller\otv\venv\Lib\site-packages"'
        r' --python "C:\Praxis Müller\otv\venv\Scripts\python.exe"'
        r' --config "C:\Praxis Müller\otv\agent.yaml"'
    )


def test_rights_name_accounts_by_number_and_are_never_taken_before_they_are_given() -> None:
    commands = folder_commands(INSTALLATION, "S-1-5-80-1", writable=True)
    assert folder_commands(INSTALLATION, "S-1-5-80-1", writable=False)[0][3].endswith("RX")
    granted = next(i for i, command in enumerate(commands) if "/grant:r" in command)
    taken = next(i for i, command in enumerate(commands) if "/inheritance:r" in command)
    assert granted < taken
    for command in [*commands, *file_commands(INSTALLATION / "audit_key", "S-1-5-80-1")]:
        rights = [word for word in command if ":" in word and not word.startswith(("C:", "/"))]
        assert all(word.startswith("*S-1-5-") for word in rights)
    (secret,) = file_commands(INSTALLATION / "audit_key", "S-1-5-80-1")
    assert "*S-1-5-80-1:R" in secret


@pytest.mark.parametrize(
    ("url", "services", "awaited"),
    [
        (
            "postgresql+psycopg://otv@localhost/practice",
            ["Spooler", "postgresql-x64-16"],
            "postgresql-x64-16",
        ),
        ("postgresql+psycopg://otv@/practice", ["PostgreSQL-17"], "PostgreSQL-17"),
        ("postgresql+psycopg://otv@db.praxis.example/practice", ["postgresql-x64-16"], None),
        ("postgresql+psycopg://otv@localhost/practice", ["postgresql-x64-15", "postgresql-x64-16"], None),
        ("sqlite:///C:/otv/practice.db", ["postgresql-x64-16"], None),
    ],
)
def test_database_of_this_machine_is_waited_for_where_it_is_clear_which(
    url: str, services: list[str], awaited: str | None
) -> None:
    assert postgresql_service(url, services) == awaited


@pytest.mark.parametrize(
    ("folder", "shared", "hidden"),
    [
        (r"C:\otv-agent", False, False),
        ("C:\\", True, False),
        (r"C:\ProgramData", True, False),
        (r"C:\ProgramData\otv-agent", False, False),
        (r"C:\Users\anna\AppData\Local\Programs\Python", False, True),
    ],
)
def test_folders_of_others_are_neither_closed_to_them_nor_used(
    folder: str, shared: bool, hidden: bool
) -> None:
    path = PureWindowsPath(folder)
    assert (is_shared(path), hidden_from_services(path)) == (shared, hidden)


def test_service_is_given_more_time_to_stop_than_it_takes() -> None:
    assert PRESHUTDOWN_SECONDS > 10
