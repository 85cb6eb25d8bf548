"""One release from its registration to its rollback, told the same way in process, over HTTP and through Flask."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.approvals.statement import PAYLOAD_TYPE
from modelwarden.errors import (
    AlreadyDecided,
    GateRefused,
    NotPermitted,
    PermitNeeded,
    RequestClosed,
    RequestExists,
    SelfApproval,
    SignatureNeeded,
    ValueInvalid,
    VersionExists,
)
from modelwarden.ledger.dsse import parse_envelope, seal, verify

if TYPE_CHECKING:
    from modelwarden.values.answers import RequestAnswer
    from tests.conformance.places import Company

PURPOSE = "predicts which customers leave next month"
WHY = "the third-quarter retraining, evaluated on the hold-out set"


def approved(company: Company, version: str) -> RequestAnswer:
    """Let alice ask, and bob and carol agree with their keys."""
    asked = company.as_user("alice").approvals.request("churn", version, justification=WHY)
    for name in ("bob", "carol"):
        answered = company.as_user(name).approvals.approve(
            asked.id, comment=f"{name} looked at it", key=company.keys[name]
        )
    return answered


def test_a_release_from_registration_to_rollback(company: Company) -> None:
    alice, dave, frank = (company.as_user(name) for name in ("alice", "dave", "frank"))

    model = alice.models.register("churn", owner="alice", business_purpose=PURPOSE, risk_tier=2)
    assert (model.owner, model.risk_tier, model.owner_confirmed) == ("alice", 2, True)

    first = alice.versions.register(
        "churn", "1.4.0", artifact=company.artifact("first"), metrics={"roc_auc": 0.81},
        parameters={"depth": 3, "rate": 0.1},
    )  # fmt: skip
    assert (first.trust, first.metrics["roc_auc"], first.approval_status) == (
        "verified",
        "0.81",
        "draft",
    )

    with pytest.raises(GateRefused) as closed:
        dave.deployments.start("churn", "1.4.0")
    assert "not_approved" in closed.value.reasons
    assert closed.value.entry is not None
    assert not dave.deployments.gate("churn", "1.4.0").allow

    asked = alice.approvals.request("churn", "1.4.0", justification=WHY)
    assert (asked.state, asked.humans, asked.justification) == ("open", 2, WHY)
    with pytest.raises(RequestExists):
        alice.approvals.request("churn", "1.4.0", justification=WHY)
    with pytest.raises(NotPermitted):
        alice.approvals.approve(asked.id, comment="mine", key=company.keys["alice"])

    bob = company.as_user("bob")
    half = bob.approvals.approve(asked.id, comment="looks right", key=company.keys["bob"])
    assert (half.state, len(half.decisions)) == ("open", 1)
    assert (half.decisions[0].comment, half.decisions[0].custody) == ("looks right", "personal")
    with pytest.raises(AlreadyDecided):
        bob.approvals.approve(asked.id, comment="again", key=company.keys["bob"])
    carol = company.as_user("carol")
    whole = carol.approvals.approve(asked.id, key=company.keys["carol"])
    assert whole.state == "approved"

    lines = frank.approvals.envelopes(asked.id).splitlines(keepends=True)
    for line, name in zip(lines, ("bob", "carol"), strict=True):
        verify(parse_envelope(line), company.keys[name].public)

    assert dave.deployments.gate("churn", "1.4.0").allow
    live = dave.deployments.start("churn", "1.4.0", notes="first", reference="CHG-1")
    assert (live.state, live.notes, live.reference) == ("live", "first", "CHG-1")

    alice.versions.register("churn", "1.5.0", artifact=company.artifact("second"))
    approved(company, "1.5.0")
    dave.deployments.start("churn", "1.5.0")
    assert alice.deployments.live("churn").version == "1.5.0"
    back = dave.deployments.rollback("churn", reason="the figures fell")
    assert (back.kind, back.version, back.notes) == ("rollback", "1.4.0", "the figures fell")
    assert alice.deployments.live("churn").version == "1.4.0"
    assert alice.versions.show("churn", "1.4.0").live_in == ("production",)

    states = [one.state for one in dave.deployments.list(model="churn").items]
    assert len(states) == 3
    assert dave.deployments.show(back.id) == back


def test_people_see_what_waits_for_them(company: Company) -> None:
    alice, bob = company.as_user("alice"), company.as_user("bob")
    alice.versions.register("churn", "2.0.0", artifact=company.artifact("third"))
    asked = alice.approvals.request("churn", "2.0.0", justification=WHY)
    assert asked.id in {one.id for one in bob.approvals.list(waiting_for="me").items}
    assert alice.approvals.list(waiting_for="me").items == ()
    said = bob.approvals.reject(asked.id, comment="not yet", key=company.keys["bob"])
    assert (said.state, said.decisions[0].verdict) == ("rejected", "reject")
    again = alice.approvals.request("churn", "2.0.0", justification=WHY)
    assert alice.approvals.withdraw(again.id).state == "withdrawn"


def test_whoever_registered_a_version_cannot_approve_it_though_they_are_an_approver(
    company: Company,
) -> None:
    carol = company.as_user("carol")
    carol.versions.register("churn", "3.0.0", artifact=company.artifact("hers"))
    asked = company.as_user("alice").approvals.request("churn", "3.0.0", justification=WHY)
    with pytest.raises(SelfApproval) as refused:
        carol.approvals.approve(asked.id, key=company.keys["carol"])
    assert refused.value.entry is not None
    assert "registrant" in refused.value.reasons


def test_a_sensitive_thing_takes_two_people_once(company: Company) -> None:
    root = company.as_user("root")
    role: dict[str, list[str]] = {"permissions": ["approval.decide"], "includes": []}
    with pytest.raises(PermitNeeded):
        root.roles.define("reviewer", permissions=role["permissions"])
    payload = {"role": "reviewer"} | role
    asked = root.approvals.request_access("role.define", payload=payload, justification=WHY)
    assert (asked.type, asked.action, asked.payload) == ("access", "role.define", payload)
    for name in ("bob", "carol"):
        company.as_user(name).approvals.approve(asked.id, key=company.keys[name])
    assert root.roles.define("reviewer", permissions=role["permissions"]).name == "reviewer"


def test_the_same_version_again_changes_nothing_and_another_is_refused(company: Company) -> None:
    alice = company.as_user("alice")
    before = alice.versions.show("churn", "2.0.0")
    assert alice.versions.register("churn", "2.0.0", artifact=company.artifact("third")) == before
    with pytest.raises(VersionExists):
        alice.versions.register("churn", "2.0.0", artifact=company.artifact("fourth"))


def test_a_deployment_made_elsewhere_is_noted_and_a_release_leaves_as_a_file(
    company: Company,
) -> None:
    dave = company.as_user("dave")
    at = datetime.now(UTC) - timedelta(minutes=5)
    made = dave.deployments.record(
        "churn", "2.0.0", environment="staging", at=at, notes="by hand", reference="CHG-9"
    )
    assert (made.origin, made.environment, made.notes) == ("recorded", "staging", "by hand")
    production = dave.deployments.list(model="churn", environment="production").items
    asked = next(one.request for one in production if one.kind != "rollback" and one.request)
    frank = company.as_user("frank")
    whole = frank.deployments.release_file(asked)
    assert whole.startswith(frank.approvals.envelopes(asked))
    assert whole.count(b"\n") == 3


def test_an_answer_is_taken_back_and_statements_are_fetched(company: Company) -> None:
    alice, bob = company.as_user("alice"), company.as_user("bob")
    alice.versions.register("churn", "5.0.0", artifact=company.artifact("fifth"))
    asked = alice.approvals.request("churn", "5.0.0", justification=WHY, environment="staging")
    data = bob.approvals.statement(asked.id, decision="reject")
    assert b'"decision":"reject"' in data
    with pytest.raises(SignatureNeeded):
        bob.approvals.approve(asked.id)
    envelope = seal(PAYLOAD_TYPE, bob.approvals.statement(asked.id), company.keys["bob"]).to_line()
    said = bob.approvals.decide(asked.id, "approve", envelope=envelope)
    assert said.state == "approved"
    with pytest.raises(RequestClosed):
        bob.approvals.withdraw_decision(asked.id)
    with pytest.raises(ValueInvalid):
        bob.approvals.decide(asked.id, "abstain")
