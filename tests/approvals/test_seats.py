"""Who may fill a seat: members of a group, delegates, whoever takes over once it is due (RL-15, RL-18, RL-19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.access import actions as access
from modelwarden.approvals import actions as approvals
from modelwarden.approvals.offline import KnownKey, verify_release
from modelwarden.errors import (
    DelegationChain,
    ExpiryNeeded,
    GrantFromParticipant,
    IllegalMove,
    NotFound,
    NotPermitted,
    PolicyInvalid,
    RequestClosed,
    SamePerson,
    SelfApproval,
    SelfGrant,
    ValueInvalid,
)
from modelwarden.reactions.approvals import VoidApprovals
from tests.approvals.org import Org

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.approvals.request import ApprovalRequest

RISK = "seats: [{role: approver}, {group: risk}]"
LATE = "seats: [{role: approver}, {person: carol, group: risk}]\n  due: P2D"
QUORUM = "seats: [{any: 2, of: [{group: risk}, {person: bob}]}]"


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    company = Org(tmp_path)
    yield company
    company.warden.close()


def document(approvals_part: str) -> str:
    return (
        "schema: modelwarden.policy/v1\nname: seats\napprovals:\n  humans: 2\n"
        f"  signature: personal\n  {approvals_part}\nrollout: {{strategy: direct}}\n"
    )


def govern(org: Org, approvals_part: str) -> None:
    """Publish a policy of two people and let it govern churn, as two approvers permit."""
    text = document(approvals_part)
    root = org.warden.acting_as("root")
    found = org.warden.acting_as("root").policies.lint(text)
    permit(org, "policy.publish", {"policy": "seats", "hash": found.hash})
    root.policies.publish(text)
    permit(org, "policy.assign", {"policy": "seats", "model": "churn"})
    root.policies.assign("seats", model="churn")


def permit(org: Org, action: str, payload: dict[str, object]) -> None:
    asked = org.warden.acting_as("root").approvals.request_access(
        action, payload=payload, justification="agreed in the weekly meeting of the team"
    )
    for name in ("bob", "carol"):
        org.warden.acting_as(name).approvals.approve(asked.id, key=org.keys[name])


def group(org: Org, *names: str, name: str = "risk") -> None:
    root = org.warden.acting_as("root")
    root.groups.create(name)
    for each in names:
        root.groups.add_member(name, each)


def make_approver(org: Org, name: str = "erin") -> None:
    permit(org, "role.grant", {"user": name, "role": "approver", "scope": {}})
    org.warden.acting_as("root").roles.grant(name, "approver")
    org.enrol(name)


def answer(org: Org, name: str, request: ApprovalRequest, **how: object) -> str:
    org.clock.advance(seconds=0.001)
    rooms = org.warden.acting_as(name)
    return rooms.approvals.approve(request.id, key=org.keys[name], **how).state  # type: ignore[arg-type]


def test_a_groups_seat_is_its_members_alone(org: Org) -> None:
    group(org, "carol")
    govern(org, RISK)
    org.clock.advance(seconds=1)
    request = org.request()
    seats = org.warden.acting_as("alice").approvals.show(request.id).seats
    assert [(seat.claim, seat.eligible) for seat in seats] == [
        ("group:risk", 1),
        ("role:approver", 2),
    ]
    with pytest.raises(NotPermitted) as refused:
        answer(org, "bob", request, seat=0)
    assert refused.value.reasons == ("seat",)
    assert answer(org, "carol", request, seat=0) == "open"
    assert answer(org, "bob", request) == "approved"
    assert org.deploy().state == "live"


def test_whoever_joined_after_the_question_does_not_answer_it(org: Org) -> None:
    group(org)
    govern(org, RISK)
    request = org.request()
    org.clock.advance(seconds=1)
    org.warden.acting_as("root").groups.add_member("risk", "carol")
    with pytest.raises(NotPermitted) as refused:
        answer(org, "carol", request, seat=0)
    assert refused.value.reasons == ("joined_later",)
    shown = org.warden.acting_as("alice").approvals.show(request.id)
    assert shown.seats[0].eligible == 0
    org.warden.acting_as("root").groups.remove_member("risk", "carol")
    org.warden.acting_as("root").groups.add_member("risk", "carol")
    with pytest.raises(NotPermitted):  # leaving and joining again makes nobody older
        answer(org, "carol", request, seat=0)


def test_whom_a_participant_let_in_does_not_answer(org: Org) -> None:
    group(org, "carol")
    govern(org, RISK)
    org.warden.acting_as("root").users.link("root", to="alice")  # root turns out to be the owner
    org.clock.advance(seconds=1)
    request = org.request()
    with pytest.raises(GrantFromParticipant):
        answer(org, "carol", request, seat=0)
    assert request.id not in {
        one.id
        for one in org.warden.acting_as("carol").approvals.list(waiting_for="me").items
        if one.seats[0].eligible
    }


def test_nobody_lets_themselves_in_and_no_program_belongs(org: Org) -> None:
    group(org)
    root = org.warden.acting_as("root")
    with pytest.raises(SelfGrant):
        root.groups.add_member("risk", "root")
    root.service_accounts.add("ci", owner="dave")
    with pytest.raises(ValueInvalid):
        root.groups.add_member("risk", "ci")
    with pytest.raises(NotPermitted):
        org.warden.acting_as("bob").groups.add_member("risk", "bob")
    with pytest.raises(NotFound):
        root.groups.remove_member("risk", "bob")
    with pytest.raises(NotFound):
        org.warden.acting_as("bob").groups.show("risk")
    root.groups.add_member("risk", "bob")
    assert [m.user for m in org.warden.acting_as("bob").groups.show("risk").members] == ["bob"]
    assert root.groups.create("risk") == root.groups.show("risk")


def test_a_quorum_takes_as_many_people_as_it_says(org: Org) -> None:
    group(org, "bob", "carol")
    govern(org, QUORUM)
    org.clock.advance(seconds=1)
    request = org.request()
    assert answer(org, "bob", request) == "open"
    assert answer(org, "carol", request) == "approved"


def test_a_group_takes_over_once_an_answer_is_due(org: Org) -> None:
    make_approver(org)
    group(org, "erin")
    govern(org, LATE)
    org.clock.advance(seconds=1)
    request = org.request()
    assert request.seats[0] == ("group:risk@due", f"person:{org.who('carol').person}")
    assert answer(org, "bob", request) == "open"
    with pytest.raises(NotPermitted):
        answer(org, "erin", request, seat=0)
    org.clock.advance(days=1)
    for _ in range(2):  # a second look tells nothing anew
        VoidApprovals(org.warden).idle()
    org.clock.advance(days=1)
    VoidApprovals(again := org.reopened()).idle()
    VoidApprovals(again).idle()
    assert (facts(org, "approval.reminded"), facts(org, "approval.escalated")) == (1, 1)
    assert org.warden.acting_as("erin").approvals.list(waiting_for="me").items[0].overdue
    assert answer(org, "erin", request) == "approved"
    figure = org.warden.acting_as("root").approvals.times()
    assert (figure.open, figure.overdue) == (0, 0)
    assert figure.longest_s is not None
    assert 172_800 <= figure.longest_s < 172_900
    shown = org.warden.acting_as("alice").approvals.show(request.id)
    assert shown.decided_after_s == figure.longest_s


def test_whoever_was_away_for_both_reminders_tells_of_the_later_alone(org: Org) -> None:
    govern(org, "seats: [{role: approver}]\n  due: P1D")
    request = org.request()
    org.clock.advance(days=2)
    with pytest.raises(NotPermitted):
        org.do("root", approvals.remind, request.id)
    VoidApprovals(org.reopened()).idle()
    assert (facts(org, "approval.reminded"), facts(org, "approval.escalated")) == (0, 1)
    assert org.warden.acting_as("root").approvals.times().overdue == 1


def facts(org: Org, kind: str) -> int:
    return len(org.warden.audit.search(type=kind).items)


@pytest.mark.parametrize(("word", "state"), [("expire", "expired"), ("reject", "rejected")])
def test_time_never_approves(org: Org, word: str, state: str) -> None:
    govern(
        org, f"seats: [{{role: approver}}]\n  expires_after: P3D\n  due: P1D\n  on_timeout: {word}"
    )
    request = org.request()
    answer(org, "bob", request)
    org.clock.advance(days=4)
    with pytest.raises(RequestClosed):
        answer(org, "carol", request)
    assert org.see("root", approvals.requests_to_remind) == []
    org.system(approvals.expire_due)
    shown = org.warden.acting_as("alice").approvals.show(request.id)
    assert (shown.state, shown.decided_after_s) == (state, None)


def test_a_document_that_means_nothing_is_refused(org: Org) -> None:
    lint = org.warden.acting_as("root").policies.lint
    for part in (
        "seats: [{role: approver, group: risk}]",
        "seats: [{role: approver, person: bob}]",
        "seats: [{any: 1, of: [{}]}]",
        "seats: [{group: risk, any: 1, of: [{role: approver}]}]",
        "seats: [{group: risk}]\n  on_timeout: approve",
    ):
        with pytest.raises(PolicyInvalid):
            lint(document(part))
    with pytest.raises(NotFound):
        lint(document("seats: [{group: nobody}]"))


def test_a_delegates_answer_counts_for_the_delegators_seat(org: Org) -> None:
    make_approver(org)
    govern(org, "seats: [{role: approver}, {person: carol}]")
    request = org.request()
    given = org.warden.acting_as("carol").delegations.delegate("erin", reason="on leave", days=3)
    assert [d.id for d in org.warden.acting_as("erin").delegations.list()] == [given.id]
    with pytest.raises(NotPermitted):
        answer(org, "erin", request, seat=0)
    with pytest.raises(NotPermitted):
        answer(org, "erin", request, on_behalf_of="bob")
    assert request.id in {
        r.id for r in org.warden.acting_as("erin").approvals.list(waiting_for="me").items
    }
    assert answer(org, "erin", request, seat=0, on_behalf_of="carol") == "open"
    with pytest.raises(SamePerson):  # carol has answered, by erin
        answer(org, "carol", request)
    assert answer(org, "bob", request) == "approved"
    shown = org.warden.acting_as("alice").approvals.show(request.id)
    assert [(d.approver, d.on_behalf_of) for d in shown.decisions] == [
        ("erin", "carol"),
        ("bob", None),
    ]
    assert org.deploy().state == "live"
    _holds_offline(org, request.id)


def _holds_offline(org: Org, request: str) -> None:
    trust = [
        KnownKey(
            keyid=key.keyid, pem=key.public_pem, person=org.who(name).person,
            valid_from=org.clock.now().replace(year=2025), valid_to=None,
        )
        for name, key in org.keys.items()
    ]  # fmt: skip
    data = org.warden.acting_as("alice").approvals.envelopes(request)
    found = verify_release(data, trust=trust, at=org.clock.now())
    assert {each.code for each in found if each.is_note} == {"delegated", "no_gate"}
    assert [each for each in found if not each.is_note] == []


def test_one_person_is_not_in_two_seats_by_a_delegation(org: Org) -> None:
    make_approver(org)
    govern(org, "seats: [{role: approver}, {role: approver}]")
    request = org.request()
    org.warden.acting_as("carol").delegations.delegate("erin", reason="on leave")
    assert answer(org, "carol", request) == "open"
    with pytest.raises(SamePerson):
        answer(org, "erin", request, on_behalf_of="carol")
    org.warden.acting_as("root").users.link("erin", to="bob")
    assert answer(org, "bob", request) == "approved"


@pytest.mark.parametrize("barred", ["delegate", "delegator"])
def test_duties_test_both_persons(org: Org, barred: str) -> None:
    make_approver(org)
    request = org.request()
    org.warden.acting_as("carol").delegations.delegate("erin", reason="on leave")
    org.warden.acting_as("root").users.link("erin" if barred == "delegate" else "carol", to="alice")
    with pytest.raises(SelfApproval):
        answer(org, "erin", request, on_behalf_of="carol")
    waiting = org.warden.acting_as("erin").approvals.list(waiting_for="me").items
    assert [one.id for one in waiting] == (
        [] if barred == "delegate" else [request.id]
    )  # her own seat


def test_whoever_made_the_delegate_an_approver_takes_no_part(org: Org) -> None:
    make_approver(org)  # root did
    request = org.request()
    org.warden.acting_as("carol").delegations.delegate("erin", reason="on leave")
    org.warden.acting_as("root").users.link("root", to="alice")  # who asked
    with pytest.raises(GrantFromParticipant):
        answer(org, "erin", request, on_behalf_of="carol")
    assert answer(org, "carol", request) == "open"


def test_the_gate_finds_out_later_who_made_the_delegate_an_approver(org: Org) -> None:
    make_approver(org)
    request = org.request()
    org.warden.acting_as("carol").delegations.delegate("erin", reason="on leave")
    answer(org, "bob", request)
    assert answer(org, "erin", request, on_behalf_of="carol") == "approved"
    org.warden.acting_as("root").users.link("root", to="alice")
    gate = org.warden.acting_as("dave").deployments.gate("churn", "1.0.0")
    assert {reason.code for reason in gate.reasons} == {"grant_from_participant"}


def test_the_gate_weighs_the_delegator_too(org: Org) -> None:
    make_approver(org)
    request = org.request()
    org.warden.acting_as("carol").delegations.delegate("erin", reason="on leave")
    answer(org, "bob", request)
    assert answer(org, "erin", request, on_behalf_of="carol") == "approved"
    root = org.warden.acting_as("root")
    root.users.link("carol", to="bob")
    gate = org.warden.acting_as("dave").deployments.gate("churn", "1.0.0")
    assert "same_person" in {reason.code for reason in gate.reasons}


def test_no_chain_and_no_circle(org: Org) -> None:
    make_approver(org)
    carol, erin, bob = (org.warden.acting_as(name).delegations for name in ("carol", "erin", "bob"))
    carol.delegate("erin", reason="on leave")
    for act, to in ((erin, "bob"), (erin, "carol"), (bob, "carol")):
        with pytest.raises(DelegationChain):
            act.delegate(to, reason="laundering")
    with pytest.raises(SelfGrant):
        bob.delegate("bob", reason="to myself")
    with pytest.raises(ValueInvalid):
        bob.delegate("alice", reason="she decides nothing")
    with pytest.raises(NotPermitted):
        org.warden.acting_as("alice").delegations.delegate("bob", reason="nor does she")
    for days in (0, 31):
        with pytest.raises(ExpiryNeeded):
            bob.delegate("erin", reason="for long", days=days)


def test_a_delegation_ends_with_its_time_its_end_or_its_delegators_right(org: Org) -> None:
    make_approver(org)
    request = org.request()
    carol, root = org.warden.acting_as("carol"), org.warden.acting_as("root")

    def refused(code: str) -> None:
        with pytest.raises(NotPermitted) as told:
            answer(org, "erin", request, on_behalf_of="carol")
        assert told.value.reasons == (code,)

    first = carol.delegations.delegate("erin", reason="on leave", days=1)
    org.clock.advance(days=1)
    refused("no_delegation")
    with pytest.raises(IllegalMove):
        carol.delegations.end(first.id)
    second = carol.delegations.delegate("erin", reason="still on leave", days=1)
    with pytest.raises(NotFound):
        org.warden.acting_as("bob").delegations.end(second.id)
    carol.delegations.end(second.id)
    refused("no_delegation")
    carol.delegations.delegate("erin", reason="again", days=1)
    root.roles.revoke("carol", "approver")
    refused("delegator")
    root.users.deactivate("carol", reason="left the company")
    refused("no_delegation")
    assert facts(org, "delegation.ended") == 2


def test_a_statement_signed_under_a_delegation_dies_with_it(org: Org) -> None:
    make_approver(org)
    request = org.request()
    given = org.warden.acting_as("carol").delegations.delegate("erin", reason="on leave")
    rooms = org.warden.acting_as("erin")
    ballot = rooms.approvals._ballot(
        request.id, "approve", comment=None, key=org.keys["erin"], seat=None, on_behalf_of="carol"
    )
    org.do("root", access.end_delegation, given.id)
    with pytest.raises(NotPermitted):
        rooms.approvals.decide(request.id, "approve", **ballot)
