"""Sets an installation up: the folder with its settings, keys and secrets, and one file for each partner.

For the commands `init` and `partner`. Whatever is there already is left as it
is; what was begun and failed is told, and the settings file comes last, so
that a folder with one is complete.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.durable_files import make_folders, spool_error
from agent.adapters.keyring import PartnerKeyRing, inspect_key_file
from agent.adapters.own_key_setup import create_own_key, export_public_key
from agent.adapters.ssh_key_files import create_ssh_key
from agent.clock import utc_now
from agent.config import AgentSettings, Config, PartnerSettings, load_config
from agent.config.json_schema import AGENT_SCHEMA, PARTNER_SCHEMA, schema_line, schema_text
from agent.config.loading import PARTNERS_FOLDER
from agent.config.sample import Values, sample_yaml
from agent.domain.keys import KeyFacts
from agent.errors import SpoolError, UsageError
from agent.key_administration import key_file_content, pin_partner_key

SETTINGS, SECRETS, ISSUER_RING, PUBLIC_KEY = "agent.yaml", "secrets", "licence_issuer.pgp", "practice-key.asc"
SHEET_FILE = "partner-sheet.txt"
SHEET = """\
For every booking partner (an e-mail will do; the fingerprint by telephone):

  practice id      {practice_id}
  our key          {key_file}
  fingerprint      {fingerprint}
  formats          docs/partner-guide.md and docs/exchange-formats.md

What we need from each:

  its OpenPGP key  Ed25519, or RSA from 3072 bits, with an expiry; the fingerprint by telephone
  its SFTP server  host, port, user name, the folders `inbox` and `outgoing`
  its host key     the SHA256 fingerprint by telephone

Our SSH key for that server follows when host and user name are known.
"""


@dataclass(frozen=True, slots=True)
class NewInstallation:
    """What only the practice can know."""

    practice_id: str
    name: str
    database_url: str
    licence_issuer_key: Path
    gpg_program: str
    data_folder: Path | None = None
    """Without one `data` beside the settings."""


@dataclass(frozen=True, slots=True)
class NewPartner:
    """What is agreed with a partner; without a host its files lie in local folders."""

    partner_id: str
    name: str
    key: Path
    host: str | None
    port: int
    user_name: str
    receives_patients: bool
    may_cancel: bool
    may_reschedule: bool


def set_up(folder: Path, answers: NewInstallation) -> None:
    """Make the folder with all that the service needs but a licence and a partner.

    Raises UsageError if there is a settings file, ConfigError for an answer that is none, KeyUnusableError,
    GpgUnavailableError, SpoolError.
    """
    folder = folder.absolute()
    settings = folder / SETTINGS
    if settings.exists():
        raise UsageError(f"{settings} is there already and was left as it is")
    data = (answers.data_folder or folder / "data").absolute()
    gpg_home = data / "gpg"
    make_folders(folder, folder / PARTNERS_FOLDER, folder / SECRETS, data)
    issuer = _kept_issuer(folder / ISSUER_RING, answers)
    audit_key = folder / SECRETS / "audit_key"
    page_token = folder / SECRETS / "status_page_token"
    for secret, size in ((audit_key, 32), (page_token, 16)):
        if not secret.exists():  # of a set-up that did not get further: another one would serve as well
            _write_new(secret, f"{secrets.token_hex(size)}\n")
    key = create_own_key(gpg_home, answers.gpg_program, answers.name)
    _write_new(folder / PUBLIC_KEY, export_public_key(gpg_home, answers.gpg_program, key.fingerprint))
    sheet = SHEET.format(practice_id=answers.practice_id, key_file=PUBLIC_KEY, fingerprint=key.fingerprint)
    _write(folder / SHEET_FILE, sheet)
    values: Values = {
        ("practice_id",): answers.practice_id,
        ("data_folder",): data,
        ("database", "url"): answers.database_url,
        ("openpgp", "gpg_program"): answers.gpg_program,
        ("openpgp", "fingerprint"): key.fingerprint,
        ("licence", "issuer_key_ring"): folder / ISSUER_RING,
        ("licence", "issuer_fingerprint"): issuer.fingerprint,
        ("audit", "key"): {"file": str(audit_key)},
        ("status_page", "token"): {"file": str(page_token)},
    }
    _write_checked(
        settings,
        schema_line(AGENT_SCHEMA) + sample_yaml(AgentSettings, values),
        lambda: load_config(settings),
    )
    _write(folder / AGENT_SCHEMA, schema_text(AGENT_SCHEMA))
    _write(folder / PARTNERS_FOLDER / PARTNER_SCHEMA, schema_text(PARTNER_SCHEMA))


def inspect_partner_key_file(config: Config, file: Path) -> KeyFacts:
    """The key that a new partner sent, before there is a partner. Raises UsageError, KeyUnusableError."""
    return inspect_key_file(key_file_content(file), config.settings.openpgp.gpg_program, utc_now())


def add_partner(config: Config, partner: NewPartner) -> str | None:
    """Write the partner's file, keep its key, and make an SSH key for its server; that key's public line.

    Raises UsageError if there is such a partner, ConfigError for a value that is none, KeyUnusableError,
    SpoolError.
    """
    file = config.path.parent / PARTNERS_FOLDER / f"{partner.partner_id}.yaml"
    if file.exists():
        raise UsageError(f"{file} is there already and was left as it is")
    key = inspect_partner_key_file(config, partner.key)
    private_key = config.path.parent / SECRETS / f"{partner.partner_id}_ssh_key"
    values: dict[tuple[str, ...], object] = {
        ("partner_id",): partner.partner_id,
        ("name",): partner.name,
        ("receives_patients",): partner.receives_patients,
        ("may_cancel",): partner.may_cancel,
        ("may_reschedule",): partner.may_reschedule,
        ("openpgp", "fingerprints"): [key.fingerprint],
    }
    left_out: tuple[str, ...] = ("sftp",)
    if partner.host is not None:
        left_out = ()
        values |= {
            ("sftp", "host"): partner.host,
            ("sftp", "port"): partner.port,
            ("sftp", "user_name"): partner.user_name,
            ("sftp", "private_key"): private_key,
        }
    text = schema_line(PARTNER_SCHEMA) + sample_yaml(PartnerSettings, values, left_out)
    make_folders(file.parent, private_key.parent)
    _write_checked(file, text, lambda: load_config(config.path))
    pin_partner_key(load_config(config.path), partner.partner_id, partner.key, utc_now())
    if partner.host is None:
        return None
    return create_ssh_key(private_key, f"otv-agent {config.settings.practice_id}")


def remove_partner(config: Config, partner_id: str) -> Path:
    """Put the partner's file aside, under a name that is not read; its new place. Nothing is deleted."""
    config.partner(partner_id)
    file = config.path.parent / PARTNERS_FOLDER / f"{partner_id}.yaml"
    aside = file.with_name(f"{file.name}.removed")
    try:
        file.replace(aside)
    except OSError as error:
        raise spool_error("move the partner's file", file.parent, error) from error
    return aside


def _kept_issuer(ring: Path, answers: NewInstallation) -> KeyFacts:
    return PartnerKeyRing(ring, answers.gpg_program).pin(
        key_file_content(answers.licence_issuer_key), utc_now()
    )


def _write_checked(file: Path, text: str, check: Callable[[], object]) -> None:
    """A settings file that turns out wrong is taken away again: the next try begins anew."""
    _write_new(file, text)
    try:
        check()
    except Exception:
        file.unlink()
        raise


def _write_new(file: Path, text: str) -> None:
    """For its owner alone; raises UsageError if it is there."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{file} is there already and was left as it is") from None
    except OSError as error:
        raise spool_error("create a file", file.parent, error) from error
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise SpoolError(f"cannot write {file}: {error.strerror}") from error
