"""Boards as the page may have to show them: a good day, and one on which much is wrong."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from agent.adapters.good_cycles import AuditCheck
from agent.board import (
    Board,
    BoardGivenUp,
    BoardHold,
    BoardKey,
    BoardLane,
    BoardLicence,
    BoardPartner,
    BoardSetAside,
    BoardTrouble,
)
from agent.doctor.finding import Check, failed, fine
from agent.domain.day_series import DayCounts, DaySeries
from agent.domain.freshness import Freshness
from agent.domain.heat_map import HeatCell, HeatColumn, HeatMap
from agent.domain.key_calendar import KeyDate
from agent.domain.sudden_change import Change, Sign
from agent.errors import DiskNearlyFullError, QuarantineReason, TransferError
from agent.language import sentence

NOW = datetime(2027, 3, 3, 9, 30, tzinfo=UTC)
TODAY = date(2027, 3, 3)
FILE_ID = "20270303T081500Z-0a1b2c3d4e5f"
SIGNED_FILE_ID = "20270303T081600Z-5f4e3d2c1b0a"
HEAT_DAYS = 12
COLUMNS = ("Dr. Käfer", "Dr. Böhm", "Prophylaxe 1", "Prophylaxe 2")


def good_board() -> Board:
    """Everything as planned."""
    return Board(
        practice_id="praxis-musterstadt",
        practice_name="Zahnarztpraxis Musterstadt",
        time_zone="Europe/Berlin",
        version="0.1.0",
        now=NOW,
        running_since=NOW - timedelta(days=9),
        troubles=(),
        licence=BoardLicence(date(2028, 1, 31), None),
        keys=(
            BoardKey(KeyDate("practice", "key", "A1" * 20, NOW, NOW + timedelta(days=400)), 400, None),
            BoardKey(KeyDate("dentport", "key", "B2" * 20, NOW, NOW + timedelta(days=45)), 45, 60),
            BoardKey(KeyDate("dentport", "our SSH key", "dentport_ssh_key", NOW, None), None, None),
        ),
        key_problems=(),
        findings=(
            fine(Check.GPG, sentence("gpg has version {gpg}, gpgv version {gpgv}.", gpg="2.4", gpgv="2.4")),
        ),
        audit=AuditCheck(NOW - timedelta(hours=5), 48_211, None),
        open_notes=2,
        partners=(_partner("dentport", "Dentport"), _partner("zahnzeit", "Zahnzeit")),
        holds=(),
        quarantine=(),
        given_up=(),
        heat=_heat(),
        series=_series(),
    )


def bad_board() -> Board:
    """Everything that can wait for a person, and a partner that has nothing new."""
    good = good_board()
    down = replace(
        good.partners[1].outbound,
        freshness=Freshness.RED,
        why=sentence("Nothing went well for {length} of opening time.", length="4 h"),
        last_good_at=NOW - timedelta(hours=26),
        waiting=3,
        waiting_since=NOW - timedelta(hours=25),
    )
    return replace(
        good,
        troubles=(
            BoardTrouble(
                "exchange zahnzeit",
                "cannot connect to sftp.zahnzeit.example, port 22: <refused>",
                TransferError.remedy,
                NOW - timedelta(hours=26),
            ),
        ),
        partners=(good.partners[0], replace(good.partners[1], outbound=down)),
        holds=(HOLD,),
        quarantine=(
            BoardSetAside("dentport", FILE_ID, QuarantineReason.WRONG_SIGNER, NOW, False, True),
            BoardSetAside("dentport", SIGNED_FILE_ID, "wrong_practice", NOW, True, False),
        ),
        given_up=(BoardGivenUp("zahnzeit", "receipts-0000012.pgp", "receipts", NOW - timedelta(days=6)),),
        key_problems=("dentport: the key ring cannot be read",),
        findings=(*good.findings, DISK_FULL),
    )


DISK_FULL = failed(
    Check.DISK,
    sentence("{free} MiB are free for {folder}; below {floor} MiB nothing new is begun.",
             free=12, folder="/var/lib/otv-agent", floor=200),
    DiskNearlyFullError,
)  # fmt: skip
HOLD = BoardHold(
    "dentport",
    "patients",
    NOW - timedelta(hours=2),
    (Change(Sign.PATIENTS_LOST, 1_250, 1_180),),
    None,
)


def _partner(partner_id: str, name: str) -> BoardPartner:
    lane = BoardLane(
        freshness=Freshness.GREEN,
        why=sentence("On time."),
        last_good_at=NOW - timedelta(minutes=3),
        every=timedelta(minutes=15),
        waiting=0,
        waiting_since=None,
        last_file_at=NOW - timedelta(minutes=3),
    )
    inbound = replace(lane, every=timedelta(minutes=1), last_good_at=NOW - timedelta(seconds=40))
    return BoardPartner(partner_id, name, True, lane, inbound, NOW - timedelta(hours=1), None, 0)


def _heat() -> HeatMap:
    days = tuple(TODAY + timedelta(days=number) for number in range(HEAT_DAYS))
    columns = []
    for at, name in enumerate(COLUMNS):
        cells = []
        for number, day in enumerate(days):
            full = 0 if day.weekday() > 4 or (day.weekday() == 2 and at == 3) else 480
            busy = min(full, full * max(0, 95 - 4 * number + 9 * ((number + at) % 4)) // 100)
            cells.append(HeatCell(full, busy, min(full - busy, full // 3)))
        columns.append(HeatColumn(at + 1, name, tuple(cells)))
    return HeatMap(days, tuple(columns))


def _series() -> DaySeries:
    days = tuple(TODAY - timedelta(days=number) for number in range(29, -1, -1))
    partners = {}
    for at, partner_id in enumerate(("dentport", "zahnzeit")):
        counts = []
        for number, day in enumerate(days):
            weekend = day.weekday() > 4
            counts.append(
                DayCounts(
                    accepted=0 if weekend and at else (number * 7 + at * 3) % 11,
                    declined={"slot_taken": number % 3},
                    latency_median_seconds=None if weekend else 1.4 + (number * 13 % 7) / 5 + at,
                    latency_p95_seconds=None if weekend else 4.2 + (number * 5 % 9) + at,
                )
            )
        partners[partner_id] = tuple(counts)
    return DaySeries(days, partners)
