"""A version that goes live in steps, breaks off, is looked back at, and waits for a freeze: the same everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.errors import (
    AutoApproveUnsupported,
    GateRefused,
    IllegalMove,
    NotFound,
    NotInProgress,
    NotPermitted,
    ReviewNotDue,
    SelfReview,
    StepHeld,
    StrategyUnknown,
    ValueInvalid,
)

if TYPE_CHECKING:
    from tests.conformance.places import Company

PURPOSE: Final = "predicts which orders are not what they seem"
WHY: Final = "the third-quarter retraining, evaluated on the hold-out set"
FOUND: Final = "errors were as before, and latency a little lower"


@pytest.fixture(scope="module", autouse=True)
def _two_versions(company: Company) -> None:
    """Let the first version of a model of the second tier be live, and the next be approved."""
    alice = company.as_user("alice")
    alice.models.register("fraud", owner="alice", business_purpose=PURPOSE, risk_tier=2)
    for label in ("1.0.0", "1.1.0"):
        alice.versions.register("fraud", label, artifact=company.artifact(f"fraud-{label}"))
        asked = alice.approvals.request("fraud", label, justification=WHY)
        for name in ("bob", "carol"):
            company.as_user(name).approvals.approve(asked.id, key=company.keys[name])
    company.as_user("dave").deployments.start("fraud", "1.0.0")


def test_a_canary_begins_waits_and_is_broken_off(company: Company) -> None:
    dave = company.as_user("dave").deployments
    with pytest.raises(StrategyUnknown):
        dave.start("fraud", "1.1.0", strategy="teleport")
    begun = dave.start("fraud", "1.1.0", strategy="canary")
    assert (begun.state, begun.strategy, begun.traffic, begun.step) == (
        "in_progress",
        "canary",
        5,
        1,
    )
    assert [(step.traffic, step.bake_s) for step in begun.steps] == [
        (5, 86_400),
        (25, 3_600),
        (100, 0),
    ]
    assert (begun.advance, [one.code for one in begun.waits], begun.held) == (
        "automatic",
        ["baking"],
        (),
    )
    assert begun.next_at is not None
    assert begun.next_at - begun.started_at == timedelta(hours=24)
    assert dave.show(begun.id).steps == begun.steps
    with pytest.raises(StepHeld) as held:
        dave.advance(begun.id)
    assert held.value.reasons == ("baking",)
    for name in ("alice", "bob"):
        other = company.as_user(name).deployments
        with pytest.raises(NotPermitted):
            other.advance(begun.id)
        with pytest.raises(NotPermitted):
            other.abort(begun.id, reason="not mine to say")
    ended = dave.abort(begun.id, reason="it is slower than before")
    assert (ended.state, ended.traffic, ended.next_at) == ("aborted", 0, None)
    with pytest.raises(NotInProgress):
        dave.abort(begun.id, reason="it is slower than before")
    with pytest.raises(NotFound):
        dave.advance("dep_0")


def test_a_flip_is_taken_by_hand(company: Company) -> None:
    dave = company.as_user("dave").deployments
    begun = dave.start("fraud", "1.1.0", strategy="blue_green")
    assert (begun.traffic, begun.waits) == (0, ())
    flipped = dave.advance(begun.id)
    assert (flipped.traffic, flipped.step, flipped.state) == (100, 2, "in_progress")
    dave.abort(begun.id, reason="the old one goes on")


def test_somebody_without_a_part_looks_back(company: Company) -> None:
    dave, root = company.as_user("dave").deployments, company.as_user("root").deployments
    done = dave.start("fraud", "1.1.0")
    assert done.live_at is not None
    assert done.review_due_at == done.live_at + timedelta(days=7)
    for name in ("dave", "bob"):
        with pytest.raises(SelfReview):
            company.as_user(name).deployments.review(done.id, outcome="issues", findings=FOUND)
    with pytest.raises(NotPermitted):
        company.as_user("frank").deployments.review(done.id, outcome="issues", findings=FOUND)
    for outcome, findings in (("fine", FOUND), ("issues", "short")):
        with pytest.raises(ValueInvalid):
            root.review(done.id, outcome=outcome, findings=findings)
    seen = root.review(done.id, outcome="as_expected", findings=FOUND)
    assert (seen.outcome, seen.findings, seen.reviewed_by) == ("as_expected", FOUND, "root")
    with pytest.raises(ReviewNotDue):
        root.review(done.id, outcome="as_expected", findings=FOUND)


def test_a_version_walks_and_nothing_is_approved_by_it(company: Company) -> None:
    dave = company.as_user("dave").deployments
    done = dave.promote("fraud", "1.1.0")
    assert [(one.environment, one.state) for one in done.deployments] == [
        ("staging", "live"), ("production", "live"),
    ]  # fmt: skip
    assert (done.stopped_at, done.reasons) == (None, ())
    with pytest.raises(AutoApproveUnsupported):
        dave.promote("fraud", "1.1.0", through=["staging"], auto_approve=True)
    company.as_user("alice").versions.register(
        "fraud", "9.0.0", artifact=company.artifact("fraud-9")
    )
    with pytest.raises(GateRefused):
        dave.promote("fraud", "9.0.0")
    with pytest.raises(ValueInvalid):
        dave.promote("fraud", "1.1.0", through=["production", "staging"])
    with pytest.raises(NotPermitted):
        company.as_user("alice").deployments.promote("fraud", "1.1.0")


def test_a_freeze_stands_until_it_is_lifted(company: Company) -> None:
    dave, frank = company.as_user("dave"), company.as_user("frank").freezes
    ends_at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=8)
    with pytest.raises(NotPermitted):
        company.as_user("alice").freezes.add(ends_at=ends_at, reason="the quarter closes")
    made = dave.freezes.add(ends_at=ends_at, reason="the quarter closes", model="fraud")
    assert (made.model, made.environment, made.ends_at, made.reason, made.set_by) == (
        "fraud", "production", ends_at, "the quarter closes", "dave",
    )  # fmt: skip
    assert "frozen" in [one.code for one in dave.deployments.gate("fraud", "1.0.0").reasons]
    assert frank.show(made.id) == made
    assert [one.id for one in frank.list(environment="production").items] == [made.id]
    assert frank.list(environment="staging").items == ()
    lifted = dave.freezes.lift(made.id)
    assert (lifted.lifted_by, lifted.lifted_at is not None) == ("dave", True)
    with pytest.raises(IllegalMove):
        dave.freezes.lift(made.id)
    with pytest.raises(NotFound):
        frank.show("frz_0")
    with pytest.raises(ValueInvalid):
        dave.freezes.add(ends_at=ends_at - timedelta(days=30), reason="the quarter closes")
