"""`otv-agent keys`: the practice's own key, and the partners' pinned ones."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from agent import administration, key_administration
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, loaded, reading
from agent.cli.screen import err, out, require_yes, show, table
from agent.clock import utc_now
from agent.domain.keys import KeyFacts
from agent.errors import ConfigError, DatabaseError
from agent.key_calendar import key_calendar

PartnerArgument = Annotated[str, typer.Argument(help="The partner's id.")]
FingerprintArgument = Annotated[str, typer.Argument(help="All 40 digits.")]

app = typer.Typer(no_args_is_help=True, help="OpenPGP keys: our own, and the partners' pinned ones.")


@app.command()
def create(
    home: Annotated[Path, typer.Option(help="Folder for the practice's gpg home; at most 80 characters.")],
    name: Annotated[str, typer.Option(help="Name on the key, such as the practice's.")],
    gpg_program: Annotated[str, typer.Option(help="Name or path of gpg.")] = "gpg",
    passphrase: Annotated[
        bool,
        typer.Option(
            "--passphrase", help="Ask for one; without it only the folder's rights protect the key."
        ),
    ] = False,
) -> None:
    """Make the practice's own key; its fingerprint goes into agent.yaml."""
    secret = typer.prompt("passphrase", hide_input=True, confirmation_prompt=True) if passphrase else None
    show_key(administration.create_key(home, gpg_program, name, secret))
    out.print(
        "Next: write the fingerprint into agent.yaml (openpgp.fingerprint), and keep a copy of\n"
        f"{home / 'openpgp-revocs.d'} elsewhere: it revokes the key should it ever be lost."
    )


@app.command()
def export(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print our public key, for the partner."""
    print(administration.own_public_key(loaded(config)), end="")  # noqa: T201 - armor is data, not a message


@app.command("list")
def list_keys(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Our key and every partner's, with their expiry."""
    settings = loaded(config)
    filled = table("whose", "fingerprint", "kind", "expires", "pinned")
    for own in administration.own_keys_in_play(settings):
        filled.add_row("our own", own.fingerprint, _algorithm(own), _expiry(own), "")
    for partner_id, partner in sorted(settings.partners.items()):
        keys = administration.partner_keys(settings, partner_id)
        if not keys:
            filled.add_row(partner_id, f"none: otv-agent keys pin {partner_id} FILE")
        for key in keys:
            pinned = "yes" if key.fingerprint in partner.settings.openpgp.pinned else "no"
            filled.add_row(partner_id, key.fingerprint, _algorithm(key), _expiry(key), pinned)
    show(filled)


@app.command()
def calendar(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Every key, pin and licence in play, the first to end first; SSH keys have no end and come last."""
    with reading(config) as agent:
        found = key_calendar(agent, agent.practice.clock())
    filled = table("ends", "whose", "what", "since", "")
    endless = datetime.max.replace(tzinfo=UTC)
    for date in sorted(found.dates, key=lambda one: (one.ends_at or endless, one.owner)):
        remark = "needs nobody: another takes over, or it is revoked" if date.standing_by else ""
        filled.add_row(_day(date.ends_at), date.owner, f"{date.what} {date.mark}", _day(date.since), remark)
    show(filled)
    for fault in found.faults:
        err.print(f"not to be read: {fault}")
    if found.faults:
        raise typer.Exit(found.faults[0].exit_code)


@app.command()
def pin(
    partner: PartnerArgument,
    file: Annotated[Path, typer.Argument(help="The public key the partner sent.")],
    config: ConfigOption = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="I have compared the fingerprint; do not ask.")] = False,
) -> None:
    """Show a partner's key and, once its fingerprint is confirmed, keep it."""
    settings = loaded(config)
    key = key_administration.inspect_partner_key(settings, partner, file, utc_now())
    # Where there is no database yet, nothing was ever revoked.
    with suppress(DatabaseError, ConfigError), reading(config) as agent:
        key_administration.require_not_revoked(agent, partner, key)
    show_key(key)
    if key.revoked:
        out.print("This copy is REVOKED by its owner: kept, it ends the key at once and for ever.")
    if not yes:
        require_yes("Did the partner read out this fingerprint to you over another channel?")
    key_administration.pin_partner_key(settings, partner, file, utc_now())
    record_pin(config, partner, key)
    if key.revoked:
        out.print("Revoked: nothing it signed is imported any more, nothing is sealed for it.")
    elif key.fingerprint not in settings.partners[partner].settings.openpgp.pinned:
        out.print(f"Kept. It counts once openpgp.fingerprints of {partner}.yaml names {key.fingerprint}.")
    else:
        out.print("Kept, and named in the partner's file: in force.")


def record_pin(config: Path, partner: str, key: KeyFacts) -> None:
    """A key may be pinned before there is a database; that it could not be recorded is said."""
    try:
        with reading(config) as agent:
            key_administration.record_pin(agent, partner, key)
    except (DatabaseError, ConfigError) as error:
        if key.revoked:
            raise
        err.print(f"not written into the audit log: {error}")


@app.command()
def revoke(
    partner: PartnerArgument,
    fingerprint: FingerprintArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Withdraw a partner's key at once and for ever, also for files that wait or are being opened."""
    if not yes:
        require_yes(f"Never again import what {fingerprint} signed, nor seal for it?")
    with reading(config) as agent:
        newly = key_administration.revoke_partner_key(agent, partner, _bare(fingerprint))
    out.print("Revoked, in force now." if newly else "It was revoked before.")


@app.command()
def forget(
    partner: PartnerArgument, fingerprint: FingerprintArgument, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Take a key that the partner's file names no more out of its key ring."""
    with reading(config) as agent:
        key_administration.forget_partner_key(agent, partner, _bare(fingerprint))
    out.print("Forgotten.")


def _bare(fingerprint: str) -> str:
    return fingerprint.replace(" ", "").upper()


def show_key(key: KeyFacts) -> None:
    """What is to be compared by telephone, and what the key is."""
    out.print(f"fingerprint  {key.fingerprint}")
    out.print(f"kind         {_algorithm(key)}")
    out.print(f"expires      {_expiry(key)}")
    for user_id in key.user_ids:
        out.print(f"name         {user_id}")


def _algorithm(key: KeyFacts) -> str:
    return key.curve or f"{key.algorithm} {key.bits}"


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment else "-"


def _expiry(key: KeyFacts) -> str:
    return key.expires_at.date().isoformat() if key.expires_at else "never"
