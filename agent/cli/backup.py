"""`otv-agent backup` and `otv-agent restore`: the agent's state in one encrypted file, and back."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from agent import backup as saving
from agent import restoring
from agent.backup import Lock
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, loaded
from agent.cli.screen import err, out
from agent.config import load_config
from agent.config.places import missing_places
from agent.config.secrets import SecretRef
from agent.errors import AgentError, UsageError
from agent.restoring import Key, Restored

PassphraseOption = Annotated[
    Path | None, typer.Option("--passphrase-file", help="File with the passphrase, for your eyes alone.")
]


def backup(
    file: Annotated[Path, typer.Argument(help="A new file, on another disk or machine.")],
    config: ConfigOption = DEFAULT_CONFIG,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Your public OpenPGP key; without it a passphrase is asked for."),
    ] = None,
    passphrase_file: PassphraseOption = None,
) -> None:
    """Save settings, keys, secrets and all files under way, encrypted; not the practice database.

    Stop the service first: files move while it works.
    """
    if to is not None and passphrase_file is not None:
        raise UsageError("either --to or --passphrase-file: one thing opens the backup")
    settings = loaded(config)
    passphrase = None if to is not None else _passphrase(passphrase_file, twice=True)
    made = saving.make_backup(settings, file, Lock(to, passphrase))
    out.print(f"{made.file}: {made.files:,} files, {made.size_bytes:,} bytes, for {made.recipient}")
    out.print(f"sha256 {made.sealed_sha256}")
    if made.left_out:
        out.print(f"{made.left_out:,} links, pipes or sockets were left out")
    out.print("The practice database is not in it: keep its own backup of the same time.")


def restore(
    file: Annotated[Path, typer.Argument(help="What `otv-agent backup` made.")],
    into: Annotated[Path, typer.Option("--into", help="A new or empty folder, such as /etc/otv-agent.")],
    data_folder: Annotated[
        Path | None, typer.Option(help="For spool and keys, also new or empty; without it in the folder.")
    ] = None,
    passphrase_file: PassphraseOption = None,
    gpg_home: Annotated[
        Path | None, typer.Option(help="GnuPG home with your secret key; without it your own one.")
    ] = None,
    gpg_program: Annotated[str, typer.Option(help="Name or path of gpg.")] = "gpg",
) -> None:
    """Put a backup back, whole or not at all; nothing is started and no database is changed."""
    if saving.is_symmetric(file):
        key = Key(gpg_program, None, _passphrase(passphrase_file, twice=False))
    else:
        secret = _passphrase(passphrase_file, twice=False) if passphrase_file is not None else None
        key = Key(gpg_program, gpg_home or _own_gpg_home(), secret)
    restored = restoring.restore(file, key, into, data_folder)
    when = f"{restored.made_at:%Y-%m-%d %H:%M} UTC" if restored.made_at else "an unknown time"
    out.print(f"{restored.files:,} files of {when} restored")
    out.print(f"settings  {restored.config}\ndata      {restored.data}")
    if restored.elsewhere is not None:
        out.print(f"elsewhere {restored.elsewhere}: put these files back where the settings name them")
    _tell_what_to_do(restored)


def _tell_what_to_do(restored: Restored) -> None:
    """What does not fit yet, and what was done after the backup; whatever fails here, the files are back."""
    try:
        config = load_config(restored.config)
        missing = missing_places(config)
        if config.settings.data_folder != restored.data:
            missing.insert(
                0, f"{config.path}: data_folder: {config.settings.data_folder} is not where it is now"
            )
        for problem in missing:
            out.print(f"missing   {problem}")
        if missing:
            out.print("Put that right, then look for what was done after the backup: `otv-agent audit show`.")
            return
        for entry in restoring.changes_since(config, restored.audit_entries):
            what = entry.details.get("fingerprint") or entry.details.get("new") or ""
            out.print(f"again     {entry.at:%Y-%m-%d} {entry.partner_id or 'our key'}: {entry.event} {what}")
    except AgentError as error:
        err.print(f"not looked for what was done after the backup: {error}")
        err.print("`otv-agent audit show` tells, once the database can be asked.")
    out.print("Next: otv-agent doctor; otv-agent service install. See docs/backup.md.")


def _passphrase(file: Path | None, *, twice: bool) -> str:
    if file is not None:
        return SecretRef(file=file.absolute()).read()
    try:
        asked: str = typer.prompt("passphrase", hide_input=True, confirmation_prompt=twice, err=True)
    except typer.Abort:
        raise UsageError(
            "no passphrase was given: use --to or --passphrase-file without a terminal"
        ) from None
    return asked


def _own_gpg_home() -> Path:
    """Where gpg itself looks (its option --homedir)."""
    if named := os.environ.get("GNUPGHOME"):
        return Path(named)
    return Path(os.environ["APPDATA"], "gnupg") if sys.platform == "win32" else Path.home() / ".gnupg"
