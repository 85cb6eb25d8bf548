"""Drift references and drift, the same way everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import DriftInvalid, NotFound, ValueInvalid, VersionExists
from tests.safeguards.drifting import REFERENCE

if TYPE_CHECKING:
    from tests.conformance.places import Company


@pytest.fixture(scope="module", autouse=True)
def _version(company: Company) -> None:
    alice = company.as_user("alice")
    alice.models.register("churn", business_purpose="predicts which customers leave next month")
    alice.versions.register("churn", "2", drift_reference=REFERENCE)
    alice.versions.register("churn", "1")


def test_a_reference_comes_back_as_it_was_registered(company: Company) -> None:
    versions = company.as_user("frank").versions
    found = versions.drift_reference("churn", "2")
    assert found.features == REFERENCE["features"]
    assert versions.show("churn", "2").drift_reference == found.sha256
    with pytest.raises(NotFound):
        versions.drift_reference("churn", "1")


def test_a_reference_that_is_none_is_refused(company: Company) -> None:
    alice = company.as_user("alice")
    with pytest.raises(DriftInvalid):
        alice.versions.register("churn", "3", drift_reference={"features": {"age": {}}})
    with pytest.raises(VersionExists):
        alice.versions.register("churn", "1", drift_reference=REFERENCE)


def test_drift_without_counts_is_unknown(company: Company) -> None:
    guards = company.as_user("frank").guards
    found = guards.drift("churn", "2", window="1h")
    assert (found.window_s, found.by) == (3_600, None)
    (everything,) = found.groups
    assert (everything.state, everything.psi, everything.n) == ("unknown", None, 0)
    assert everything.psi_by_window == (None,) * 12
    assert {one.feature for one in everything.features} == {"age", "plan"}
    assert guards.drift("churn", "2", by="region").groups == ()
    with pytest.raises(ValueInvalid):
        guards.drift("churn", "2", window="soon")
