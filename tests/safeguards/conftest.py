"""A company that runs two models: olivia owns churn; dave, erin and gina operate; root administers."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.safeguards.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path, sqlite_tables: Path) -> Iterator[Desk]:
    shutil.copy(sqlite_tables, tmp_path / "warden.db")
    opened = Desk.opened(f"sqlite:///{tmp_path}/warden.db", tmp_path)
    yield opened
    opened.warden.close()
