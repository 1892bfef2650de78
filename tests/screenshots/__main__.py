"""Takes the pictures of docs/status-page.md: a partner down, all well, a held export, German on a telephone.

A whole house with its service and both partners' servers; each state has its
real cause. It takes six minutes, because a partner that has never been reached
is taken for one that is only starting for the first five.
"""

import base64
import sys
import time
from pathlib import Path

from exchange_formats.envelope import Kind
from tests.demo.scenes import Offers, booking_of, newcomer, open_to_new_patients
from tests.end_to_end.test_status_page import token_file
from tests.end_to_end.test_sudden_changes import GUARD, lose_all_consents
from tests.kit.browser import Browser, browser
from tests.kit.house import House, PartnerSide, default_plan, open_house
from tests.kit.openpgp import short_folder
from tests.kit.service import Service, wait_until
from tests.kit.sftp_servers import Misbehaviour
from tests.status_page.http import Client
from tests.status_page.test_served import free_port

IMAGES = Path("docs/images")
MOST_BYTES = 200_000
PATIENCE_SECONDS = 900.0
DRAWN = "return document.querySelectorAll('.uplot canvas').length === 3"
DOWN, WELL, LOOK = "does not work with Zahnzeit", "There is nothing to do", "something needs a look soon"


def main() -> int:
    IMAGES.mkdir(exist_ok=True)
    # `release` is not to be offered before the picture: bookings never are too many here.
    guard = {**GUARD, "bookings_at_least": 1000}
    schedule = {"exchange_every_seconds": 5, "reload_every_seconds": 1, "patients_every_minutes": 1}
    with short_folder() as folder:
        page = {"port": free_port(), "token": {"file": str(token_file(folder))}}
        plan = default_plan(patients=400)
        with open_house(folder, plan, guard=guard, schedule=schedule, status_page=page) as house:
            take_all(house, Client(int(page["port"])))  # type: ignore[call-overload]
    large = [one.name for one in IMAGES.iterdir() if one.stat().st_size > MOST_BYTES]
    print(f"too large for the documentation: {', '.join(large)}" if large else "all are small enough")
    return bool(large)


def take_all(house: House, client: Client) -> None:
    """In the order in which the causes can follow each other."""
    dentport, zahnzeit = house.partners["dentport"], house.partners["zahnzeit"]
    zahnzeit.server.misbehaviour = Misbehaviour(hang_at="login")
    with browser() as window, Service(house.config_path):
        wait_until(lambda: bool(dentport.inbox(Kind.AVAILABILITY) and dentport.inbox(Kind.REFERENCE_DATA)))
        book(dentport, 7)
        wait_for(client, DOWN)
        take(window, client, "status-partner-down", "en")

        zahnzeit.server.misbehaviour = Misbehaviour()
        begin_anew(house)
        wait_for(client, WELL)
        book(zahnzeit, 4)
        wait_until(lambda: len(zahnzeit.inbox(Kind.RECEIPTS)) == 1)
        wait_for(client, WELL)
        time.sleep(65)  # until the numbers of the day are counted anew
        take(window, client, "status-good", "en")

        lose_all_consents(house)
        wait_for(client, LOOK)
        take(window, client, "status-held", "en")
        take(window, client, "status-phone-german", "de", phone=True)


def book(partner: PartnerSide, count: int) -> None:
    offers, assignments = Offers(partner), open_to_new_patients(partner)
    partner.book(*(booking_of(partner, offers.next(assignments), newcomer()) for _ in range(count)))


def begin_anew(house: House) -> None:
    """A changed configuration lets every job begin: nobody has to wait for the next visit."""
    with house.config_path.open("a") as file:
        file.write("# looked through\n")


def wait_for(client: Client, words: str) -> None:
    def shown() -> str:
        return client.get("/?lang=en").body

    wait_until(lambda: words in shown(), shown, PATIENCE_SECONDS, pause_seconds=2.0)


def take(window: Browser, client: Client, name: str, language: str, *, phone: bool = False) -> None:
    width, most = (390, 1700) if phone else (1200, 2000)
    window.show(f"http://127.0.0.1:{client.port}/?lang={language}", width=width, phone=phone)
    window.wait_for(DRAWN)
    height = min(most, int(window.run("return document.documentElement.scrollHeight")))
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1 if phone else 2 / 3}
    picture = window.driver.execute_cdp_cmd(
        "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
    )
    content = base64.b64decode(picture["data"])
    (IMAGES / f"{name}.png").write_bytes(content)
    print(f"{name}: {len(content):,} bytes")


if __name__ == "__main__":
    sys.exit(main())
