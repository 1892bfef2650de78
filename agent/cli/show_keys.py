"""`otv-agent keys show`: our own key or a partner's, with all there is to say of it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer

from agent.cli.context import DEFAULT_CONFIG, ConfigOption, built, loaded
from agent.cli.screen import out
from agent.clock import utc_now
from agent.domain.keys import KeyFacts, SubkeyFacts, in_groups
from agent.errors import KeyUnusableError
from agent.key_details import KeyDetails, own_key_details, partner_key_details

Row = tuple[str, str]


def show_keys(
    partner: Annotated[str | None, typer.Argument(help="The partner's id; without it our own key.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show a key in detail: what it is and is for, since when, until when, where it lies."""
    settings = loaded(config)
    if partner is None:
        found = list(own_key_details(settings.settings, utc_now()))
    else:
        with built(settings) as agent:
            found = list(partner_key_details(agent, partner))
    if not found:
        raise KeyUnusableError(f"the key ring of {partner} holds no key: otv-agent keys pin {partner} FILE")
    for number, details in enumerate(found):
        if number:
            out.print()
        for label, text in _rows(details):
            out.print(f"{label:<13}{text}")


def _rows(details: KeyDetails) -> Iterator[Row]:
    key = details.facts
    yield "owner", details.owner
    yield "fingerprint", in_groups(key.fingerprint)
    yield "kind", f"{_kind(key)}; certifies and signs" if key.can_sign else _kind(key)
    for name in key.user_ids:
        yield "name", name
    yield "made", _day(key.created_at)
    yield "ends", _day(key.expires_at)
    for subkey in key.subkeys:
        yield "subkey", in_groups(subkey.fingerprint)
        yield (
            "",
            f"{_kind(subkey)}; {_duties(subkey)}; {_day(subkey.created_at)} to {_day(subkey.expires_at)}",
        )
    yield "use", _own_use(details) if details.own else _partner_use(details)
    yield "revoked", _revoked(details)
    yield "good", f"no: {details.problem}" if details.problem else "yes"
    yield "kept in", str(details.kept_in)


def _kind(part: KeyFacts | SubkeyFacts) -> str:
    return f"{part.curve or part.algorithm}, {part.bits} bits"


def _duties(subkey: SubkeyFacts) -> str:
    duties = [word for word, does in (("signs", subkey.can_sign), ("encrypts", subkey.can_encrypt)) if does]
    return " and ".join(duties + ["revoked"] * subkey.revoked) or "neither signs nor encrypts"


def _own_use(details: KeyDetails) -> str:
    said = ["signs now" if details.in_use else "signs no more or not yet"]
    if details.signs_from:
        said.append(f"signs from {_day(details.signs_from)}")
    if details.opens_until:
        said.append(f"opens until {_day(details.opens_until)}")
    return ", ".join(said)


def _partner_use(details: KeyDetails) -> str:
    if not details.pinned:
        return "none: the partner's file does not name it under openpgp.fingerprints"
    first, last = details.window.valid_from, details.window.valid_until
    days = f", from {first or 'always'} to {last or 'the end of the key'}" if first or last else ""
    since = f", last pinned {_day(details.pinned_since)}" if details.pinned_since else ""
    return f"pinned{since}{days}; {'counts now' if details.in_use else 'does not count now'}"


def _revoked(details: KeyDetails) -> str:
    if details.facts.revoked:
        return "yes, by its owner"
    if details.withdrawn is None:
        return "unknown: the database cannot be asked"
    return "yes, here" if details.withdrawn else "no"


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment else "never"
