"""A company whose alice has left, on each database; what the nightly reaction would do, the tests do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.access.company import Company

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def company(store_url: str, tmp_path: Path) -> Iterator[Company]:
    company = Company.at(store_url, tmp_path)
    for follower in company.warden.followers:
        follower.close()
    company.join("ruth", "admin")
    company.join("alice", "developer", email="alice@example.org")
    company.join("dave", "operator")
    company.with_approvers()
    alice = company.acting("alice")
    alice.models.register("churn", business_purpose="predicts which customers leave next month")
    alice.versions.register("churn", "1", description="trained in the third quarter")
    company.acting("root").users.deactivate("alice", reason="moved to another company")
    yield company
    company.warden.close()


@pytest.fixture
def any_fresh(store_url: str, tmp_path: Path) -> Iterator[Company]:
    opened = Company.at(store_url, tmp_path)
    yield opened
    opened.warden.close()
