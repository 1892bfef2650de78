"""One workshop for the cases of a test module; in the end its books must balance."""

from collections.abc import Iterator

import pytest

from tests.flows.evidence import assert_books_balance, files
from tests.hostile.workshop import FAMILY_NAME, Workshop, open_workshop


@pytest.fixture(scope="module")
def shop() -> Iterator[Workshop]:
    with open_workshop() as shop:
        yield shop
        assert_books_balance(shop.stage)
        data = files(shop.stage.house.data_folder)
        assert [name for name, content in data.items() if FAMILY_NAME.encode() in content] == []
