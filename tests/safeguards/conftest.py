"""A company that runs two models: olivia owns churn; dave, erin and gina operate; root administers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import tables
from tests.safeguards.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk.opened(tables.fresh(tmp_path), tmp_path)
    yield opened
    opened.warden.close()
