"""After every test of the page, no planted patient may stand in anything that was said (promise P11)."""

from tests.kit.leak_guard import pytest_runtest_makereport, watch_after_each_test

__all__ = ["pytest_runtest_makereport", "watch_after_each_test"]
