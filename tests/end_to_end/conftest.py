"""After every test of the whole, no planted patient may stand outside the database (promise P11)."""

from tests.kit.leak_guard import pytest_runtest_makereport, watch_after_each_test

__all__ = ["pytest_runtest_makereport", "watch_after_each_test"]
