"""A real Chromium without a window, driven by its own driver; a machine without one fails the test.

Debian's packages `chromium` and `chromium-driver`. The browser asks nobody
but the page under test.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
)  # fmt: skip
PATIENCE_SECONDS = 60
MOST_TABS = 200


@dataclass(frozen=True, slots=True)
class Browser:
    """One window, of 1200 by 900 pixels unless told otherwise."""

    driver: Chrome

    def show(self, address: str, *, width: int = 1200, dark: bool = False, phone: bool = False) -> None:
        """Load the page in a window of this width, by day or by night."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get(address)

    def run(self, script: str, *values: object) -> Any:
        return self.driver.execute_script(script, *values)

    def wait_for(self, script: str) -> Any:
        """Until the script returns something true."""
        return WebDriverWait(self.driver, PATIENCE_SECONDS, 0.05).until(
            lambda driver: driver.execute_script(script)
        )

    def press(self, key: str) -> None:
        ActionChains(self.driver).send_keys(key).perform()

    def tab_to(self, script: str) -> None:
        """Go by the Tab key until `script`, with `one` for what has the focus, is true."""
        for _ in range(MOST_TABS):
            self.press(Keys.TAB)
            if self.run(f"const one = document.activeElement; return {script}"):
                return
        raise AssertionError(f"the Tab key does not lead to {script}")

    def complaints(self) -> list[str]:
        """What the console says since the last time, without mere advice."""
        return [
            f"{entry['level']}: {entry['message']}"
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("WARNING", "SEVERE")
        ]

    def asked(self) -> list[str]:
        """Every address that was asked for since the last time."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [
            one["params"]["request"]["url"]
            for one in messages
            if one["method"] == "Network.requestWillBeSent"
        ]

    def violations(self) -> list[str]:
        """What axe-core finds against WCAG 2.1 AA and good practice on the page as it stands."""
        self.run(resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {resultTypes: ['violations']}).then(found => done(found.violations));"
        )
        return [f"{one['id']}: {[node['html'][:200] for node in one['nodes'][:3]]}" for one in found]


@contextmanager
def browser() -> Iterator[Browser]:
    """One browser for many pages; starting it takes longest."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert program, "no chromium on this machine: install the packages chromium and chromium-driver"
    assert driver, "no chromedriver on this machine: install the packages chromium and chromium-driver"
    options = ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(prefix="otv-browser-", ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        window = Chrome(options=options, service=Service(executable_path=driver))
        try:
            window.set_script_timeout(PATIENCE_SECONDS)
            window.set_page_load_timeout(PATIENCE_SECONDS)
            yield Browser(window)
        finally:
            window.quit()
