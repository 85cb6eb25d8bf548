"""A fresh company for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.approvals.org import Org

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    company = Org(tmp_path)
    yield company
    company.warden.close()
