"""A company on SQLite, and one on each database, for the tests of this room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import tables
from tests.access.company import Company

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    opened = Company.at(tables.fresh(tmp_path), tmp_path)
    yield opened
    opened.warden.close()


@pytest.fixture
def any_company(store_url: str, tmp_path: Path) -> Iterator[Company]:
    opened = Company.at(store_url, tmp_path)
    yield opened
    opened.warden.close()
