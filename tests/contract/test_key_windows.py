"""Two pins with windows, two own keys in a handover: who may sign, and who is sealed for, at which moment."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters.gpg_sealer import GpgSealer, PartnerKey
from agent.adapters.key_handovers import read_handovers, write_handovers
from agent.adapters.own_key import OwnKey
from agent.domain.key_pins import PinWindow
from agent.domain.own_keys import KeyHandover
from agent.errors import KeyUnusableError, OwnKeyUnusableError, QuarantineReason, UnauthenticatedFileError
from tests.kit.openpgp import KeyWorld

CONTENT = b"content\n"
DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.date()


def own_key(world: KeyWorld) -> OwnKey:
    return OwnKey("gpg", "gpgv", world.practice.folder, world.practice_fingerprint)


def both_pinned(world: KeyWorld) -> PartnerKey:
    """Dentport's key is replaced by what is elsewhere zahnzeit's."""
    ring = world.key_ring("rotation", world.dentport.public_key, world.zahnzeit.public_key)
    return PartnerKey(ring, (world.dentport.fingerprint, world.zahnzeit.fingerprint))


def refused(sealer: GpgSealer, sealed: bytes, now: datetime) -> QuarantineReason:
    with pytest.raises(UnauthenticatedFileError) as caught:
        sealer.open(sealed, now)
    return caught.value.reason


def test_file_counts_on_the_days_of_its_signers_pin_alone(openpgp_world: KeyWorld) -> None:
    world, partner = openpgp_world, both_pinned(openpgp_world)
    sealed = world.dentport.seal(CONTENT)
    window = PinWindow(TODAY - DAY, TODAY + DAY)
    windows = {world.dentport.fingerprint: window}
    sealer = GpgSealer(own_key(world), replace(partner, windows=windows))
    assert sealer.open(sealed, NOW).content == CONTENT
    # Its signature is of a day in the window; whoever stole the key could have written any such day.
    assert refused(sealer, sealed, NOW + 2 * DAY) is QuarantineReason.KEY_EXPIRED
    later = {world.dentport.fingerprint: PinWindow(TODAY + DAY, None)}
    early = GpgSealer(own_key(world), replace(partner, windows=later))
    assert refused(early, sealed, NOW) is QuarantineReason.WRONG_SIGNER
    assert early.open(sealed, NOW + DAY).content == CONTENT
    assert early.open(world.zahnzeit.seal(CONTENT), NOW).signer_fingerprint == world.zahnzeit.fingerprint


def test_pin_whose_window_began_last_is_sealed_for_and_one_that_is_over_never(
    openpgp_world: KeyWorld,
) -> None:
    world, partner = openpgp_world, both_pinned(openpgp_world)
    old, new = world.dentport, world.zahnzeit
    windows = {old.fingerprint: PinWindow(None, TODAY), new.fingerprint: PinWindow(TODAY + DAY, None)}

    def sealed_at(now: datetime) -> bytes:
        own, sealed = replace(own_key(world), clock=lambda: now), io.BytesIO()
        GpgSealer(own, replace(partner, windows=windows)).seal([CONTENT], sealed)
        return sealed.getvalue()

    assert old.open(sealed_at(NOW)) == CONTENT
    assert new.open(sealed_at(NOW + DAY)) == CONTENT


def test_nothing_is_sealed_where_no_pin_counts_or_the_only_one_is_withdrawn(openpgp_world: KeyWorld) -> None:
    world, partner = openpgp_world, both_pinned(openpgp_world)
    one = replace(partner, fingerprints=(world.dentport.fingerprint,))
    over = {world.dentport.fingerprint: PinWindow(None, TODAY - DAY)}
    for unusable in (
        replace(one, windows=over),
        replace(one, revoked=lambda: [world.dentport.fingerprint]),
    ):
        sealed = io.BytesIO()
        with pytest.raises(KeyUnusableError):
            GpgSealer(own_key(world), unusable).seal([CONTENT], sealed)
        assert sealed.getvalue() == b""
    sealed = io.BytesIO()
    withdrawn = replace(partner, revoked=lambda: [world.dentport.fingerprint])
    GpgSealer(own_key(world), withdrawn).seal([CONTENT], sealed)
    assert world.zahnzeit.open(sealed.getvalue()) == CONTENT


@pytest.fixture(scope="module")
def handover(openpgp_world: KeyWorld) -> KeyHandover:
    """The practice's next key: signs in a week, and the old one opens a week longer."""
    home = openpgp_world.practice
    new = home.create_key("Zahnarztpraxis Musterstadt, neu")
    return KeyHandover(openpgp_world.practice_fingerprint, new, NOW, NOW + 7 * DAY, NOW + 14 * DAY, "", "")


def test_own_keys_change_at_the_announced_moments(openpgp_world: KeyWorld, handover: KeyHandover) -> None:
    world, partner = openpgp_world, both_pinned(openpgp_world)
    dentport, old, new = world.dentport, handover.old_fingerprint, handover.new_fingerprint
    dentport.home.import_key(world.practice.public_key(new))

    def at(now: datetime) -> GpgSealer:
        return GpgSealer(replace(own_key(world), handovers=(handover,), clock=lambda: now), partner)

    def sealed_for(key: str) -> bytes:
        return dentport.home.run(
            "--trust-model", "always", "--local-user", dentport.fingerprint, "--recipient", key,
            "--sign", "--encrypt", stdin=CONTENT,
        )  # fmt: skip

    def signer(sealer: GpgSealer, *, by: str | None = None) -> str:
        sealed = io.BytesIO()
        sealer.seal([CONTENT], sealed, by)
        dentport.practice = new
        try:
            dentport.open(sealed.getvalue())
        except RuntimeError:
            dentport.practice = old
            dentport.open(sealed.getvalue())
        finally:
            signed_by, dentport.practice = dentport.practice, old
        return signed_by

    for now, signs, opens in (
        (NOW, old, {old, new}),
        (NOW + 7 * DAY, new, {old, new}),
        (NOW + 14 * DAY - DAY, new, {old, new}),
        (NOW + 14 * DAY, new, {new}),
    ):
        sealer = at(now)
        assert signer(sealer) == signs
        assert signer(sealer, by=old) == old
        for key in (old, new):
            if key in opens:
                assert sealer.open(sealed_for(key), now).content == CONTENT
            else:
                assert refused(sealer, sealed_for(key), now) is QuarantineReason.WRONG_RECIPIENT


def test_handovers_are_read_as_they_were_written_and_a_damaged_file_is_refused(
    tmp_path: Path, handover: KeyHandover
) -> None:
    file = tmp_path / "keys" / "handovers.json"
    assert read_handovers(file) == ()
    write_handovers(file, [handover, replace(handover, statement="Größe\n")])
    assert read_handovers(file) == (handover, replace(handover, statement="Größe\n"))
    whole = file.read_bytes()
    for damaged in (whole[:-9], b"", b"{}x", b'[{"old_fingerprint": "A"}]', b"\xff"):
        file.write_bytes(damaged)
        with pytest.raises(OwnKeyUnusableError, match=r"handovers\.json, is damaged"):
            read_handovers(file)
