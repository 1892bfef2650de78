"""The page as people meet it, in a real Chromium: seen, heard, by keyboard, on a telephone, at night."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.keys import Keys

from agent.status_page.desk import hold_mark
from tests.kit.browser import Browser, browser
from tests.status_page.boards import FILE_ID, HOLD, good_board
from tests.status_page.desks import TOKEN, PlainDesk, Served, served

PHONE = 360
DRAWN = "return document.querySelectorAll('.uplot canvas').length === 3"


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture
def page(window: Browser) -> Iterator[Served]:
    """A day on which much is wrong, and a browser that nobody has used; it may complain of nothing."""
    window.driver.get("about:blank")
    window.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    window.complaints(), window.asked()
    with served(PlainDesk()) as running:
        yield running
        window.driver.get("about:blank")
    assert window.complaints() == []


def address(page: Served, path: str = "/") -> str:
    return f"http://127.0.0.1:{page.port}{path}"


def sign_in(window: Browser, page: Served) -> None:
    window.show(address(page, "/login"))
    window.press(TOKEN + Keys.ENTER)
    window.wait_for("return document.getElementById('sign-out')")


@pytest.mark.parametrize(("language", "dark"), [("de", False), ("en", True)])
def test_page_breaks_no_rule_of_accessibility(
    window: Browser, page: Served, language: str, dark: bool
) -> None:
    sign_in(window, page)
    window.show(address(page, f"/?lang={language}&done=released"), dark=dark)
    window.wait_for(DRAWN)
    window.run("for (const one of document.querySelectorAll('details')) one.open = true")
    assert window.violations() == []
    assert window.run("return document.documentElement.lang") == language


def test_good_day_and_every_other_page_break_none_either(window: Browser, page: Served) -> None:
    sign_in(window, page)
    for path in ("/login", f"/holds/{hold_mark(HOLD)}"):
        window.driver.get(address(page, path))
        assert window.violations() == []
    page.desk.shown = good_board()
    window.show(address(page))
    window.wait_for(DRAWN)
    assert window.violations() == []


def test_nothing_is_asked_of_anybody_but_the_page_itself(window: Browser, page: Served) -> None:
    window.show(address(page))
    window.wait_for(DRAWN)
    window.run("document.dispatchEvent(new Event('renew'))")
    asked = [one for one in window.asked() if not one.startswith(("about:", "data:"))]
    assert len(asked) >= 7
    assert [one for one in asked if not one.startswith(address(page))] == []


def test_page_on_a_telephone_is_as_wide_as_the_telephone(window: Browser, page: Served) -> None:
    for path in ("/login", "/?lang=en", "/?lang=de"):
        window.show(address(page, path), width=PHONE, phone=True)
        assert window.run("return document.documentElement.scrollWidth") <= PHONE
    window.wait_for(DRAWN)
    window.run("for (const one of document.querySelectorAll('details')) one.open = true")
    assert window.run("return document.documentElement.scrollWidth") <= PHONE
    heat = "const one = document.getElementById('heat-scroller'); return one.scrollWidth > one.clientWidth"
    assert window.run(heat), "the appointment book scrolls within itself"


def test_page_speaks_german_to_a_german_browser_and_english_when_asked(window: Browser, page: Served) -> None:
    wish = {
        "userAgent": window.run("return navigator.userAgent"),
        "acceptLanguage": "de-DE,de;q=0.9,en;q=0.8",
    }
    window.driver.execute_cdp_cmd("Emulation.setUserAgentOverride", wish)
    window.show(address(page))
    assert window.run("return document.getElementById('answer').textContent") == (
        "Die Online-Buchung funktioniert nicht mit Zahnzeit."
    )
    assert "Wartet auf Ihre Freigabe" in window.run("return document.body.innerText")
    window.run("document.querySelector('a[hreflang=en]').click()")
    window.wait_for("return document.documentElement.lang === 'en'")
    window.show(address(page))
    assert "Held until somebody has looked" in window.run("return document.body.innerText")


def test_everything_is_done_by_keyboard_alone(window: Browser, page: Served) -> None:
    window.show(address(page))
    window.press(Keys.TAB)
    assert window.run("return document.activeElement.className") == "skip"
    window.tab_to("one.id === 'release-1'")
    assert window.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    window.press(Keys.ENTER)
    window.wait_for("return document.activeElement.id === 'token'")
    window.press(TOKEN + Keys.ENTER)
    window.wait_for("return location.pathname.startsWith('/holds/')")
    window.tab_to("one.className === 'main-button'")
    window.press(Keys.ENTER)
    window.wait_for("return document.getElementById('done')")
    assert page.desk.done == [("release", hold_mark(HOLD))]

    window.tab_to(f"one.id === 'discard-{FILE_ID}'")
    window.press(Keys.ENTER)
    window.wait_for("return location.pathname.endsWith('/discard')")
    window.tab_to("one.className === 'danger-button'")
    window.press(Keys.ENTER)
    window.wait_for("return location.search === '?done=discarded'")
    assert page.desk.done[1:] == [("discard", FILE_ID)]

    window.tab_to("one.id === 'sign-out'")
    window.press(Keys.ENTER)
    window.wait_for("return document.getElementById('sign-in')")


def test_every_part_is_reached_by_keyboard_and_none_keeps_it(window: Browser, page: Served) -> None:
    window.show(address(page))
    window.wait_for(DRAWN)
    reached = []
    window.press(Keys.TAB)
    while (place := window.run("const one = document.activeElement; return one.id || one.tagName")) != "BODY":
        reached.append(place)
        assert len(reached) < 100
        window.press(Keys.TAB)
    assert {"heat-scroller", "SUMMARY", "keys-1"} <= set(reached)


def test_page_renews_itself_and_leaves_focus_and_opened_parts_as_they_are(
    window: Browser, page: Served
) -> None:
    window.show(address(page, "/?lang=en"), width=PHONE)
    window.wait_for(DRAWN)
    window.run(
        "document.getElementById('numbers').open = true;"
        "document.getElementById('heat-scroller').scrollLeft = 120;"
        "document.getElementById('heat-scroller').focus()"
    )
    page.desk.shown = good_board()
    window.run("document.dispatchEvent(new Event('renew'))")
    window.wait_for(
        "return document.getElementById('answer').textContent.startsWith('Online booking works.')"
    )
    assert window.run("return document.activeElement.id") == "heat-scroller"
    assert window.run("return document.getElementById('heat-scroller').scrollLeft") == 120
    assert window.run("return document.getElementById('numbers').open")
    assert window.run("return document.getElementById('release-1')") is None
    told = "return document.getElementById('changed').textContent"
    assert window.run(told) == "Online booking works. There is nothing to do."


def test_page_whose_service_is_gone_says_that_it_is_old(window: Browser, page: Served) -> None:
    window.show(address(page))
    assert not window.run("return document.getElementById('lost').checkVisibility()")
    page.server.stop()
    window.run("document.dispatchEvent(new Event('renew'))")
    window.wait_for("return document.getElementById('lost').checkVisibility()")
    window.complaints()  # the browser's own, of the connection


def test_page_says_the_same_without_its_scripts(window: Browser, page: Served) -> None:
    window.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        window.driver.get(address(page))
        shown = window.driver.page_source
        assert '<meta http-equiv="refresh" content="60; url=/">' in shown
        assert "numbers-scroller" in shown
    finally:
        window.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
