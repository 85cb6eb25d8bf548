"""A plant on a database of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sla.reporting import Plant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def plant(store_url: str, tmp_path: Path) -> Iterator[Plant]:
    opened = Plant.opened(store_url, tmp_path)
    yield opened
    opened.warden.close()
