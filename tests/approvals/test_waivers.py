"""Waivers: asked for, signed, read at each door, ended by time, by people and by whatever changes (EVAL-5)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.approvals import actions as approvals
from modelwarden.approvals.request import RequestState, VoidCause
from modelwarden.errors import (
    ActorNotFound,
    ChecksBlocking,
    FilterInvalid,
    JustificationMissing,
    NotFound,
    NotPermitted,
    NotWaivable,
    RequestClosed,
    RequestExists,
    ValueInvalid,
    WaiverTooLong,
)
from modelwarden.policies import checking
from modelwarden.registry.actions import record_metrics
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.pages import Page
from tests.approvals.test_checks import (
    FLOOR,
    SCAN,
    outcomes,
    publish,
    ran,
    reacts,
    reasons,
    runs,
    scanned,
)

if TYPE_CHECKING:
    from modelwarden.approvals.request import ApprovalRequest
    from tests.approvals.org import Org

WHY: Final = "the scanner's two findings are in code that is never called"
LEAVE: Final = "waivers: {max: P30D, seats: [{any: 2, of: [{role: approver}]}]}"


def asks(org: Org, by: str = "alice", **given: object) -> ApprovalRequest:
    wanted = {"check": "scan", "reason": WHY, **given}
    found: ApprovalRequest = org.do(by, approvals.request_waiver, "churn", "1.0.0", **wanted)
    return found


def waived(org: Org, **given: object) -> ApprovalRequest:
    """Ask for leave, and let both approvers sign."""
    asked = asks(org, **given)
    org.approve("bob", asked.id)
    return org.approve("carol", asked.id).request


def shown(org: Org, request: str) -> ApprovalRequest:
    found: ApprovalRequest = org.see("alice", approvals.approval, request).request
    return found


@pytest.fixture
def failing(org: Org) -> Org:
    publish(org, f"{SCAN}, {FLOOR}", rest=LEAVE)
    scanned(org, high=1)
    return org


def test_a_waived_check_lets_ask_and_go_live_and_shows_what_it_came_to(failing: Org) -> None:
    with pytest.raises(ChecksBlocking):
        failing.request()
    given = waived(failing)
    assert (given.state, given.expires_at - given.opened_at) == (
        RequestState.APPROVED,
        timedelta(days=30),
    )
    run = ran(failing)
    assert outcomes(run) == {"scan": "waived", "floor": "pass"}
    (scan,) = [result for result in run.found if result.check == "scan"]
    assert (scan.underlying, scan.waiver, scan.blocks) == ("fail", given.id, False)
    assert failing.status() == "registered"  # leave from a check approves nothing
    assert set(reasons(failing)) == {"not_approved"}
    failing.approved()
    assert failing.deploy().state == "live"
    for each in runs(failing):
        assert failing.see("alice", checking.is_reproduced, each)
    facts = failing.warden.acting_as("root").audit.search(type="checks.evaluated").items
    assert {entry.entry["fact"].get("waived") for entry in facts} == {1}


def test_it_ends_by_itself_and_takes_along_what_rested_on_it(failing: Org) -> None:
    end = failing.clock.now() + timedelta(days=2)
    given = waived(failing, expires_at=end)
    release = failing.approved()
    failing.clock.time = end - timedelta(seconds=1)
    assert outcomes(ran(failing))["scan"] == "waived"
    failing.clock.time = end
    assert outcomes(ran(failing))["scan"] == "fail"
    assert reasons(failing) == ("checks_blocking",)
    failing.system(approvals.expire_due)
    assert shown(failing, given.id).cause is VoidCause.EXPIRED
    reacts(failing)
    assert shown(failing, release.id).cause is VoidCause.CHECKS


def test_whoever_may_ask_or_sign_ends_it_before_its_time(failing: Org) -> None:
    for name in ("bob", "alice", "dave"):
        given = waived(failing)
        with pytest.raises(NotPermitted):
            failing.do("root", approvals.end_waiver, given.id)
        failing.do(name, approvals.end_waiver, given.id)
        assert shown(failing, given.id).cause is VoidCause.ENDED
        assert outcomes(ran(failing))["scan"] == "fail"
        with pytest.raises(RequestClosed):
            failing.do(name, approvals.end_waiver, given.id)
    asked = asks(failing)
    with pytest.raises(NotPermitted):
        failing.do("dave", approvals.end_waiver, asked.id)
    failing.do("alice", approvals.end_waiver, asked.id)
    assert shown(failing, asked.id).state is RequestState.WITHDRAWN
    payload = {"user": "erin", "role": "analyst"}
    release = failing.do(
        "root", approvals.request_access, "role.grant", payload=payload, justification=WHY
    )
    with pytest.raises(NotFound):
        failing.do("root", approvals.end_waiver, release.id)
    with pytest.raises(NotFound):
        failing.see("root", approvals.waiver, release.id)


def test_what_changes_voids_it(failing: Org) -> None:
    given = waived(failing)
    failing.do("alice", record_metrics, "churn", label="1.0.0", metrics={"roc_auc": 0.80})
    assert outcomes(ran(failing))["scan"] == "fail"  # seen at once
    reacts(failing)
    assert shown(failing, given.id).cause is VoidCause.METRICS
    given = waived(failing)
    publish(failing, f"{SCAN}, {FLOOR.replace('0.75', '0.70')}", rest=LEAVE)
    assert outcomes(ran(failing))["scan"] == "fail"
    reacts(failing)
    assert shown(failing, given.id).cause is VoidCause.POLICY


def test_one_for_production_holds_in_staging_but_not_the_other_way(failing: Org) -> None:
    waived(failing, environment=Environment.STAGING)
    assert outcomes(ran(failing))["scan"] == "fail"
    assert failing.deploy(environment=Environment.STAGING).state == "live"
    failing.register("2.0.0")
    scanned(failing, "2.0.0", high=1)
    asked = failing.do(
        "alice", approvals.request_waiver, "churn", "2.0.0", check="mine/scan", reason=WHY
    )
    failing.approve("bob", asked.id)
    failing.approve("carol", asked.id)
    assert failing.deploy("2.0.0", environment=Environment.STAGING).state == "live"


def test_unknown_is_waived_too_and_a_pass_stays_a_pass(failing: Org) -> None:
    waived(failing)
    failing.clock.advance(days=8)
    (scan,) = [result for result in ran(failing).found if result.check == "scan"]
    assert (scan.outcome, scan.underlying) == ("waived", "stale")
    scanned(failing)
    assert outcomes(ran(failing))["scan"] == "pass"


def test_what_can_be_asked_for(failing: Org) -> None:
    now = failing.clock.now()
    for wrong, given in (
        (NotWaivable, {"check": "nothing"}),
        (NotWaivable, {"check": "self_approval"}),
        (WaiverTooLong, {"expires_at": now + timedelta(days=31)}),
        (ValueInvalid, {"expires_at": now}),
        (ValueInvalid, {"expires_at": (now + timedelta(days=1)).replace(tzinfo=None)}),
        (JustificationMissing, {"reason": "because"}),
        (ActorNotFound, {"owner": "nobody"}),
    ):
        with pytest.raises(wrong):
            asks(failing, **given)
    for name in ("bob", "root"):
        with pytest.raises(NotPermitted):
            asks(failing, by=name)
    asked = asks(failing, owner="dave")
    with pytest.raises(RequestExists):
        asks(failing, by="dave")
    found = failing.see("bob", approvals.waivers, Page(), model="churn", version="1.0.0").items
    assert [each.id for each in found] == [asked.id]
    assert failing.see("bob", approvals.waivers, Page(), state=RequestState.APPROVED).items == ()
    assert failing.see("bob", approvals.approvals, Page(), waiting_for_me=True).items == found
    with pytest.raises(FilterInvalid):
        failing.see("bob", approvals.waivers, Page(), model="churn")


def test_where_no_policy_lets_any_be_waived_none_is(org: Org) -> None:
    publish(org, SCAN)
    scanned(org, high=1)
    with pytest.raises(NotWaivable):
        asks(org)


def test_the_shortest_time_and_the_most_people_of_all_policies_hold(failing: Org) -> None:
    text = "applies_to: {field: model.name, eq: churn}\n" + LEAVE.replace("P30D", "P5D").replace(
        "[{any", "[{role: risk_officer}, {any"
    )
    other = f"{SCAN.replace('id: scan', 'id: other')}, {SCAN}"
    publish(failing, other, rest=text, name="second")
    with pytest.raises(ValueInvalid, match="mine/scan, second/scan"):
        asks(failing)
    with pytest.raises(WaiverTooLong):
        asks(failing, check="mine/scan", expires_at=failing.clock.now() + timedelta(days=6))
    asked = asks(failing, check="mine/scan")
    assert len(asked.seats) == asked.humans == 3
    assert ("role:risk_officer",) in asked.seats
