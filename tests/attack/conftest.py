"""A case on each database, for the tests that try to cheat in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attack.case import Case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def case(store_url: str, tmp_path: Path) -> Iterator[Case]:
    opened = Case.of(store_url, tmp_path)
    yield opened
    opened.warden.close()
