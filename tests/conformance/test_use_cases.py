"""A use case from its draft to its end, the same everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.errors import (
    GateRefused,
    NoOpenRequest,
    RevisionConflict,
    SelfApproval,
    UseCaseExists,
    UseCaseIncomplete,
    UseCaseIsDeprecated,
    UseCaseNotFound,
    ValueInvalid,
)

if TYPE_CHECKING:
    from tests.conformance.places import Company

PURPOSE: Final = "predicts which customers leave next month"
WHY: Final = "the retention team wants to call customers before they leave"


@pytest.fixture(scope="module", autouse=True)
def _live(company: Company) -> None:
    """Let a version be live in staging."""
    alice = company.as_user("alice")
    alice.models.register("leavers", owner="alice", business_purpose=PURPOSE)
    alice.versions.register("leavers", "1.0.0", artifact=company.artifact("leavers-1.0.0"))
    asked = alice.approvals.request("leavers", "1.0.0", justification=WHY)
    for name in ("bob", "carol"):
        company.as_user(name).approvals.approve(asked.id, key=company.keys[name])
    company.as_user("dave").deployments.start("leavers", "1.0.0", environment="staging")


def test_a_use_case_from_its_draft_to_its_end(company: Company) -> None:
    alice, dave = company.as_user("alice").use_cases, company.as_user("dave").use_cases
    made = alice.create(
        "calls",
        name="Retention calls",
        description="Call those who are likely to leave",
        owner="team_retention",
        models=["leavers"],
        impact_level="medium",
        affected_systems=["dialler", "crm"],
    )
    assert (made.owner, made.owner_person, made.risk_tier) == ("team_retention", "alice", 3)
    assert (made.affected_systems, made.status) == (("crm", "dialler"), "draft")
    with pytest.raises(UseCaseExists):
        alice.create("calls")
    with pytest.raises(NoOpenRequest):
        company.as_user("bob").use_cases.approve("calls", key=company.keys["bob"])
    with pytest.raises(UseCaseIncomplete):
        alice.submit("calls", comment=WHY)
    ready = alice.update(
        "calls",
        input_schema={"type": "object", "minimum": 0.5},
        output_schema={"type": "number"},
        revision=made.revision,
    )
    assert ready.input_schema == {"type": "object", "minimum": 0.5}
    with pytest.raises(RevisionConflict):
        alice.update("calls", impact_level="low", revision=made.revision)
    asked = alice.submit("calls", comment=WHY)
    carol = company.as_user("carol").use_cases
    assert carol.update("calls", name="Calls").status == "draft"
    alice.submit("calls", comment=WHY)
    with pytest.raises(SelfApproval):
        carol.approve("calls", key=company.keys["carol"])
    assert alice.show("calls").request != asked.request
    rejected = company.as_user("bob").use_cases.reject(
        "calls", comment="who looks at them?", key=company.keys["bob"]
    )
    assert (rejected.state, rejected.type) == ("rejected", "use_case")
    assert alice.show("calls").status == "rejected"
    with pytest.raises(GateRefused):
        dave.deploy("calls")
    ended = dave.deprecate("calls", sunset_at=datetime.now(UTC) + timedelta(days=9), reason="over")
    assert (ended.status, ended.stopped_at) == ("deprecated", None)
    with pytest.raises(UseCaseIsDeprecated):
        alice.submit("calls", comment=WHY)
    told = [one.entry for one in alice.history("calls").items]
    assert [one["type"] for one in told if one["outcome"] == "done"] == [
        "usecase.deprecated", "approval.decided", "usecase.submitted", "approval.requested",
        "approval.voided", "usecase.updated", "usecase.submitted", "approval.requested",
        "usecase.updated", "usecase.created",
    ]  # fmt: skip
    assert {one["outcome"] for one in told} == {"done", "refused"}


def test_people_agree_and_it_goes_into_use(company: Company) -> None:
    alice, dave = company.as_user("alice").use_cases, company.as_user("dave").use_cases
    alice.create(
        "letters",
        name="Retention letters",
        description="Write to those who are likely to leave",
        models=["leavers"],
        input_schema={"type": "object"},
        output_schema={"type": "number"},
        impact_level="low",
        affected_systems=["crm"],
    )
    alice.submit("letters", comment=WHY)
    for name in ("bob", "carol"):
        company.as_user(name).use_cases.approve("letters", key=company.keys[name])
    assert alice.show("letters").status == "approved"
    used = dave.deploy("letters")
    assert (used.status, used.live_in) == ("deployed", ("staging",))
    with pytest.raises(GateRefused) as refused:
        dave.deploy("letters", environment="production")
    assert refused.value.reasons == ("model_not_live",)
    assert [one.usecase for one in alice.list(status="deployed").items] == ["letters"]
    assert [one.usecase for one in alice.list(model="leavers").items] == ["calls", "letters"]
    usage = alice.usage("letters", environment="staging", step="1d")
    assert (usage.usecase, usage.environment, usage.step_s) == ("letters", "staging", 86_400)
    assert [(one.model, one.whole.total, one.unattributed) for one in usage.models] == [
        ("leavers", None, None)
    ]
    with pytest.raises(ValueInvalid):
        alice.usage("letters", environment="moon")
    for ask in (alice.show, alice.usage):
        with pytest.raises(UseCaseNotFound):
            ask("nobody")
