"""`otv-agent keys`: the practice's own key, and the partners' pinned ones."""

from pathlib import Path
from typing import Annotated

import typer

from agent import administration
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, loaded
from agent.cli.screen import out, require_yes, show, table
from agent.domain.keys import KeyFacts

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
    _show(administration.create_key(home, gpg_program, name, secret))
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
    own = administration.own_key(settings)
    filled.add_row("our own", own.fingerprint, _algorithm(own), _expiry(own), "")
    for partner_id, partner in sorted(settings.partners.items()):
        keys = administration.partner_keys(settings, partner_id)
        if not keys:
            filled.add_row(partner_id, f"none: otv-agent keys pin {partner_id} FILE")
        for key in keys:
            pinned = "yes" if key.fingerprint in partner.settings.openpgp.fingerprints else "no"
            filled.add_row(partner_id, key.fingerprint, _algorithm(key), _expiry(key), pinned)
    show(filled)


@app.command()
def pin(
    partner: Annotated[str, typer.Argument(help="The partner's id.")],
    file: Annotated[Path, typer.Argument(help="The public key the partner sent.")],
    config: ConfigOption = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="I have compared the fingerprint; do not ask.")] = False,
) -> None:
    """Show a partner's key and, once its fingerprint is confirmed, keep it."""
    settings = loaded(config)
    _show(administration.inspect_key(settings, file))
    if not yes:
        require_yes("Did the partner read out this fingerprint to you over another channel?")
    key = administration.pin_key(settings, partner, file)
    if key.fingerprint not in settings.partners[partner].settings.openpgp.fingerprints:
        out.print(f"Kept. It counts once openpgp.fingerprints of {partner}.yaml names {key.fingerprint}.")
    else:
        out.print("Kept, and named in the partner's file: in force.")


def _show(key: KeyFacts) -> None:
    out.print(f"fingerprint  {key.fingerprint}")
    out.print(f"kind         {_algorithm(key)}")
    out.print(f"expires      {_expiry(key)}")
    for user_id in key.user_ids:
        out.print(f"name         {user_id}")


def _algorithm(key: KeyFacts) -> str:
    return key.curve or f"{key.algorithm} {key.bits}"


def _expiry(key: KeyFacts) -> str:
    return key.expires_at.date().isoformat() if key.expires_at else "never"
