"""A flood from one partner delays no other; `make networks` measures this and other troubles."""

from tests.networks.lanes import answered_within, flooded_folder, junk_left, running_house

JUNK = 600
"""More than are worked off, however fast the machine is, before the other partner has its answer."""


def test_partner_has_its_answer_while_another_ones_flood_is_still_worked_off() -> None:
    with running_house() as (house, service), flooded_folder(house, JUNK):
        service.wait_for("dentport: file .* quarantined")
        answered_within(house)
        assert junk_left(house) > 0
