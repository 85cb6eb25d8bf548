"""Triggers, failure modes and freshness, the same way everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.errors import (
    NotFound,
    NotPermitted,
    SelfAgreement,
    TriggerNotWaiting,
    ValueInvalid,
)

if TYPE_CHECKING:
    from tests.conformance.places import Company

PURPOSE: Final = "predicts which customers leave next month"


@pytest.fixture(scope="module", autouse=True)
def _model(company: Company) -> None:
    company.as_user("alice").models.register(
        "churn", owner="alice", business_purpose=PURPOSE, type="classifier"
    )
    company.as_user("root").roles.grant("alice", "operator", reason="on call this week")
    company.as_user("root").service_accounts.add("pager", owner="dave")


def test_a_trigger_is_written_agreed_to_and_retired_by_two(company: Company) -> None:
    dave, alice = company.as_user("dave").triggers, company.as_user("alice").triggers
    ladder = [
        {"step": "note", "threshold": "0.1", "clear": "0.05"},
        {"step": "switch", "threshold": "0.5", "clear": "0.2"},
    ]
    made = dave.set(
        "drift", model="churn", signal="psi", by="region", ladder=ladder, window_s=600, n_min=500, consecutive=3,
        auto_activate=True, max_share=1_000, budget=2, account="pager",
    )  # fmt: skip
    assert (made.state, made.waiting, made.owner, made.account) == ("waiting", 1, "dave", "pager")
    assert [(each.step, each.threshold, each.clear) for each in made.ladder] == [
        ("note", "0.1", "0.05"), ("switch", "0.5", "0.2"),
    ]  # fmt: skip
    with pytest.raises(SelfAgreement):
        dave.approve("drift")
    done = alice.approve("drift")
    assert (done.state, done.approved_by, done.verdict) == ("in_force", "alice", "unknown")
    assert dave.show("drift") == done
    assert [each.id for each in dave.list(model="churn").items] == ["drift@1"]
    assert dave.firings("drift").items == ()
    asked = alice.retire("drift")
    assert (asked.ends, asked.version, asked.waiting) == (True, 2, 2)
    assert dave.approve("drift").state == "retired"
    assert [each.state for each in dave.history("drift").items] == ["retired", "retired"]
    with pytest.raises(TriggerNotWaiting):
        alice.retire("drift")


def test_what_is_wrong_is_refused_alike(company: Company) -> None:
    dave = company.as_user("dave")
    with pytest.raises(NotFound):
        dave.triggers.show("nothing")
    with pytest.raises(NotFound):
        dave.triggers.firings("nothing")
    with pytest.raises(ValueInvalid):
        dave.triggers.set("mood", model="churn", signal="mood")
    with pytest.raises(NotPermitted):
        company.as_user("frank").triggers.set("mood", model="churn", signal="psi")
    with pytest.raises(NotFound):
        dave.triggers.override_severity("fir_0", severity="SEV3", reason="it was a test")
    with pytest.raises(NotFound):
        dave.switches.accept("prp_0", reason="it drifts")
    assert dave.switches.proposals().items == dave.switches.proposals(everything=True).items == ()


def test_ways_to_fail_are_listed(company: Company) -> None:
    dave = company.as_user("dave").triggers
    dave.set("errors", model="churn", signal="error_rate")
    found = {mode.name: mode for mode in dave.failure_modes("churn")}
    assert (found["errors"].state, found["errors"].on) == ("covered", ("error_rate",))
    assert (found["drift"].state, found["drift"].last_drilled) == ("uncovered", None)


def test_data_that_arrives_is_checked(company: Company) -> None:
    dave, carol = company.as_user("dave").freshness, company.as_user("carol").freshness
    made = dave.set("orders", cadence_s=60, max_age_s=120, min_rows=5, columns={"id": "int"})
    assert (made.verdict, made.columns, made.set_by) == ("unknown", {"id": "int"}, "dave")
    now = datetime.now(UTC)
    assert carol.gate("orders", as_of=now, rows=5, columns={"id": "int"}).verdict == "pass"
    failed = carol.gate("orders", as_of=now, rows=4, columns=["id"])
    assert (failed.checked, failed.reasons) == ("fail", ("other_columns", "too_few_rows"))
    assert [each.name for each in dave.list().items] == ["orders"]
    assert dave.show("orders").rows == 4
    with pytest.raises(NotFound):
        dave.gate("others")
