"""An emergency change is refused, made, found and looked back at: the same everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.errors import GateRefused, JustificationMissing, NotPermitted, SelfReview

if TYPE_CHECKING:
    from tests.conformance.places import Company

PURPOSE: Final = "predicts which payments will be late"
WHY: Final = "the third-quarter retraining, evaluated on the hold-out set"
REASON: Final = "it answers with negative days, and the version before does too"


def agree(company: Company, request: str) -> None:
    for name in ("bob", "carol"):
        company.as_user(name).approvals.approve(request, key=company.keys[name])


@pytest.fixture(scope="module", autouse=True)
def _one_live(company: Company) -> None:
    """Let a first version be live, and dave be authorised."""
    alice, root = company.as_user("alice"), company.as_user("root")
    alice.models.register("late", owner="alice", business_purpose=PURPOSE)
    for label in ("1.0.0", "1.1.0", "1.2.0"):
        alice.versions.register("late", label, artifact=company.artifact(f"late-{label}"))
    agree(company, alice.approvals.request("late", "1.0.0", justification=WHY).id)
    company.as_user("dave").deployments.start("late", "1.0.0")
    may = ["deploy.emergency"]
    asked = root.approvals.request_access(
        action="role.define",
        payload={"role": "on-call", "permissions": may, "includes": []},
        justification=WHY,
    )
    agree(company, asked.id)
    root.roles.define("on-call", permissions=may)
    asked = root.approvals.request_access(
        action="role.grant",
        payload={"user": "dave", "role": "on-call", "scope": {}},
        justification=WHY,
    )
    agree(company, asked.id)
    root.roles.grant("dave", role="on-call")


def test_an_emergency_change(company: Company) -> None:
    dave, bob = company.as_user("dave").deployments, company.as_user("bob")
    with pytest.raises(NotPermitted):
        company.as_user("alice").deployments.emergency(
            "late", "1.1.0", reason=REASON, ticket="INC-1"
        )
    with pytest.raises(JustificationMissing):
        dave.emergency("late", "1.1.0", reason="short", ticket="INC-1")
    done = dave.emergency("late", "1.1.0", reason=REASON, ticket="INC-1")
    made = done.deployment
    assert made is not None
    assert (made.kind, made.state, done.waits) == ("emergency", "live", ())
    assert (done.request.type, done.request.payload) == ("emergency", {"ticket": "INC-1"})
    assert made.approve_by == done.request.expires_at
    assert [one.id for one in dave.list(model="late", kind="emergency").items] == [made.id]
    with pytest.raises(GateRefused) as denied:
        dave.emergency("late", "1.2.0", reason=REASON, ticket="INC-2")
    assert denied.value.reasons == ("emergency_unreviewed",)
    with pytest.raises(SelfReview):
        dave.review(made.id, outcome="as_expected", findings=WHY)
    seen = bob.deployments.review(made.id, outcome="as_expected", findings=WHY)
    assert (seen.outcome, seen.reviewed_by) == ("as_expected", "bob")
