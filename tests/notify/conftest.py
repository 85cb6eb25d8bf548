"""A receiver, and a company that serves its endpoints by hand, on SQLite and on each database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import tables
from tests.notify.desk import Desk
from tests.notify.receiver import Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk.at(tables.fresh(tmp_path), tmp_path)
    yield made
    made.company.warden.close()


@pytest.fixture
def any_desk(store_url: str, tmp_path: Path) -> Iterator[Desk]:
    made = Desk.at(store_url, tmp_path)
    yield made
    made.company.warden.close()
