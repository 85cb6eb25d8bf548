"""Asking and answering on a real database: what is allowed, what is refused, and that the ledger shows it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.approvals import actions as approvals
from modelwarden.approvals.actions import Ballot
from modelwarden.approvals.decision import Custody
from modelwarden.approvals.reads import open_seats
from modelwarden.approvals.request import RequestState, VoidCause
from modelwarden.errors import (
    AlreadyDecided,
    ApprovalNotNeeded,
    CommentMissing,
    Conflict,
    GrantFromParticipant,
    JustificationMissing,
    KeyExpired,
    NoOpenRequest,
    NotFound,
    NotPermitted,
    OwnerMissing,
    PermitSpent,
    RequestClosed,
    RequestExists,
    SelfApproval,
    SignatureNeeded,
    StatementChanged,
    StatementStale,
    StrategyUnknown,
    ValueInvalid,
)
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.pages import Page
from tests.approvals.org import WHY, Org

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.store.change import View


def types(org: Org) -> list[str]:
    """Return the types of all entries, oldest first."""
    with org.warden.store.database.reading() as connection:
        rows = connection.exec_driver_sql("select type from ledger_index order by seq").all()
    return [row[0] for row in rows]


def test_two_people_with_their_own_keys_approve(org: Org) -> None:
    request = org.request()
    assert (request.state, request.humans, org.status()) == (RequestState.OPEN, 2, "pending")
    first = org.approve("bob", request.id, comment="looks right")
    assert (first.request.state, org.status()) == (RequestState.OPEN, "pending")
    second = org.approve("carol", request.id)
    assert (second.request.state, org.status()) == (RequestState.APPROVED, "approved")
    assert [d.custody for d in second.decisions] == [Custody.PERSONAL] * 2
    assert {d.seat for d in second.decisions} == {0, 1}
    assert types(org)[-3:] == ["approval.requested", "approval.decided", "approval.decided"]


def test_whoever_may_not_decide_is_refused_and_the_ledger_says_so(org: Org) -> None:
    request = org.request()
    with pytest.raises(NotPermitted):
        org.do("alice", approvals.approve, request.id)
    assert types(org)[-1] == "access.denied"


def _open_seats(view: View, request_id: str) -> tuple[approvals.OpenSeat, ...]:
    return open_seats(view, approvals.approval(view, request_id))


def test_an_approver_who_registered_or_owns_is_refused(tmp_path: Path) -> None:
    org = Org(tmp_path)
    org.warden.acting_as("root").roles.grant("carol", "developer")
    carol = org.warden.acting_as("carol")
    carol.models.register(
        "fraud", owner="carol", business_purpose="tells which payments to look at again"
    )
    path = tmp_path / "fraud.bin"
    path.write_bytes(b"weights")
    carol.versions.register("fraud", "1.0.0", artifact=str(path))
    ask = partial(approvals.request, justification=WHY)
    request = org.do("alice", ask, "fraud", "1.0.0")
    with pytest.raises(SelfApproval) as refused:
        org.approve("carol", request.id)
    assert refused.value.reasons == ("owner", "registrant")
    assert [seat.eligible for seat in org.see("alice", _open_seats, request.id)] == [1, 1]
    mine = org.see("carol", approvals.approvals, Page(), waiting_for_me=True)
    assert mine.items == ()
    org.warden.close()


def test_a_trainer_is_refused(org: Org) -> None:
    org.register("1.1.0", trained_by=["bob"])
    request = org.request("1.1.0")
    with pytest.raises(SelfApproval):
        org.approve("bob", request.id)


def test_one_person_answers_once(org: Org) -> None:
    request = org.request()
    org.approve("bob", request.id)
    with pytest.raises(AlreadyDecided):
        org.do("bob", approvals.approve, request.id, Ballot())


def test_a_linked_second_account_is_the_same_person(org: Org) -> None:
    request = org.request()
    org.approve("bob", request.id)
    org.warden.acting_as("root").users.link("carol", to="bob")
    with pytest.raises(Exception, match="another seat") as refused:
        org.approve("carol", request.id)
    assert refused.value.code == "same_person"  # type: ignore[attr-defined]


def test_a_vouching_process_needs_the_persons_key(org: Org) -> None:
    request = org.request()
    with pytest.raises(SignatureNeeded):
        org.do("bob", approvals.approve, request.id)


def test_under_basic_a_process_may_vouch_and_the_decision_says_so(tmp_path: Path) -> None:
    org = Org(tmp_path, policy="builtin/basic")
    request = org.request()
    done = org.do("bob", approvals.approve, request.id)
    assert done.request.state is RequestState.APPROVED
    assert [d.custody for d in done.decisions] == [Custody.PROCESS]
    org.warden.close()


def test_a_token_that_names_the_permission_may_decide(org: Org) -> None:
    request = org.request()
    for scopes, fits in (
        (["model.read", "approval.read"], False),
        (["approval.decide", "approval.read"], True),
    ):
        token = org.warden.acting_as("bob").tokens.create(scopes=scopes)
        principal = org.warden.authenticate(token.secret)
        decide = partial(approvals.approve, request_id=request.id)
        if fits:
            done = org.warden.change(principal, decide)
            assert [d.custody for d in done.decisions] == [Custody.TOKEN]
        else:
            with pytest.raises(NotPermitted):
                org.warden.change(principal, decide)


def test_a_token_without_scopes_does_not_name_it(org: Org) -> None:
    request = org.request()
    token = org.warden.acting_as("bob").tokens.create()
    principal = org.warden.authenticate(token.secret)
    with pytest.raises(SignatureNeeded):
        org.warden.change(principal, partial(approvals.approve, request_id=request.id))


def test_a_rejection_closes_and_needs_a_comment(org: Org) -> None:
    request = org.request()
    with pytest.raises(CommentMissing):
        org.do("bob", approvals.reject, request.id, Ballot(comment=" "))
    done = org.reject("bob", request.id, comment="the hold-out set is stale")
    assert (done.request.state, org.status()) == (RequestState.REJECTED, "rejected")
    with pytest.raises(RequestClosed):
        org.approve("carol", request.id)
    assert org.request().id != request.id


def test_an_answer_may_be_taken_back_while_the_request_is_open(org: Org) -> None:
    request = org.request()
    org.approve("bob", request.id)
    org.do("bob", approvals.withdraw_decision, request.id)
    with pytest.raises(NotFound):
        org.do("bob", approvals.withdraw_decision, request.id)
    org.approve("bob", request.id)
    done = org.approve("carol", request.id)
    assert [d.stands for d in done.decisions] == [False, True, True]
    with pytest.raises(RequestClosed):
        org.do("bob", approvals.withdraw_decision, request.id)


def test_only_whoever_asked_takes_the_question_back(org: Org) -> None:
    request = org.request()
    with pytest.raises(NotPermitted):
        org.do("bob", approvals.withdraw, request.id)
    org.do("alice", approvals.withdraw, request.id)
    assert org.status() == "registered"
    assert org.request().state is RequestState.OPEN


def test_a_question_is_asked_once(org: Org) -> None:
    request = org.request()
    with pytest.raises(RequestExists, match=request.id):
        org.request()
    staging = org.request(environment="staging")
    assert staging.environment is Environment.STAGING
    found = org.see("bob", approvals.find_open_request, "churn", "1.0.0")
    assert found.id == request.id  # production's, where both are open


def test_an_approval_in_force_is_not_asked_again(org: Org) -> None:
    org.approved()
    with pytest.raises(RequestExists, match="approved"):
        org.request()
    with pytest.raises(NoOpenRequest):
        org.see("bob", approvals.find_open_request, "churn", "1.0.0")


def test_what_a_request_needs(org: Org) -> None:
    ask = partial(org.do, "alice", approvals.request)
    with pytest.raises(JustificationMissing):
        ask("churn", "1.0.0", justification="please")
    with pytest.raises(StrategyUnknown):
        ask("churn", "1.0.0", justification=WHY, strategy="canary")
    with pytest.raises(NotPermitted):
        org.request(by="dave")
    org.warden.acting_as("alice").models.register("bare")
    org.warden.acting_as("alice").versions.register("bare", "1.0.0")
    with pytest.raises(OwnerMissing):
        ask("bare", "1.0.0", justification=WHY)


def test_where_no_human_is_wanted_nobody_is_asked(tmp_path: Path) -> None:
    org = Org(tmp_path, policy="builtin/basic")
    with pytest.raises(ApprovalNotNeeded):
        org.request(environment="staging")
    org.warden.close()


def test_metrics_recorded_after_the_signature_void_the_request(org: Org) -> None:
    request = org.request()
    ballot = org.ballot("bob", request.id)
    org.warden.acting_as("alice").versions.record_metrics(
        "churn", "1.0.0", metrics={"roc_auc": "0.99"}, kind="evaluation"
    )
    with pytest.raises(StatementChanged) as refused:
        org.do("bob", approvals.approve, request.id, ballot)
    assert refused.value.fields == (VoidCause.METRICS,)
    (ended,) = org.system(approvals.void_changed, "churn")
    assert (ended.state, ended.cause) == (RequestState.VOID, VoidCause.METRICS)
    assert types(org)[-1] == "approval.voided"
    assert org.request().id != request.id


def test_a_new_question_ends_one_that_no_longer_holds(org: Org) -> None:
    request = org.request()
    org.warden.acting_as("alice").versions.record_metrics(
        "churn", "1.0.0", metrics={"roc_auc": "0.99"}, kind="evaluation"
    )
    assert org.request().id != request.id
    old = org.see("alice", approvals.approval, request.id).request
    assert (old.state, old.cause) == (RequestState.VOID, VoidCause.METRICS)


def test_what_did_not_change_is_left_alone(org: Org) -> None:
    org.approved()
    assert org.system(approvals.void_changed, "churn") == ()
    assert org.status() == "approved"


def test_only_the_program_voids(org: Org) -> None:
    org.approved()
    for name in ("root", "bob"):
        with pytest.raises(NotPermitted):
            org.do(name, approvals.void_changed, "churn")
        with pytest.raises(NotPermitted):
            org.do(name, approvals.expire_due)


def test_an_open_question_expires_and_an_approval_becomes_void(org: Org) -> None:
    org.register("1.1.0")
    approved, asked = org.approved(), org.request("1.1.0")
    assert not org.see("alice", approvals.has_due)
    org.clock.advance(days=61)
    with pytest.raises(RequestClosed, match="expired"):
        org.do("bob", approvals.approve, asked.id)
    assert org.see("alice", approvals.has_due)
    ended = {r.id: (r.state, r.cause) for r in org.system(approvals.expire_due)}
    assert ended == {
        approved.id: (RequestState.VOID, VoidCause.EXPIRED),
        asked.id: (RequestState.EXPIRED, None),
    }
    assert (org.status("1.0.0"), org.status("1.1.0")) == ("registered", "registered")


def test_a_compromised_key_undoes_what_it_decided_since(org: Org) -> None:
    request = org.approved()
    keyid = org.keys["bob"].keyid
    since = org.clock.now() - timedelta(minutes=1)
    (ended,) = org.system(approvals.void_key, keyid, since=since)
    assert (ended.id, ended.cause) == (request.id, VoidCause.KEY_COMPROMISED)
    later = org.clock.now() + timedelta(minutes=1)
    assert org.system(approvals.void_key, keyid, since=later) == ()


def test_a_revoked_key_signs_nothing_more(org: Org) -> None:
    request = org.request()
    ballot = org.ballot("bob", request.id)
    org.warden.acting_as("bob").keys.revoke(org.keys["bob"].keyid, cause="lost")
    with pytest.raises(KeyExpired):
        org.do("bob", approvals.approve, request.id, ballot)


def test_a_signature_can_not_be_replayed(org: Org) -> None:
    org.register("1.1.0")
    first, second = org.request(), org.request("1.1.0")
    ballot = org.ballot("bob", first.id)
    with pytest.raises(StatementChanged):
        org.do("bob", approvals.approve, second.id, ballot)
    with pytest.raises(Exception, match="not registered to you"):
        org.do("carol", approvals.approve, first.id, ballot)
    org.clock.advance(minutes=11)
    with pytest.raises(StatementStale):
        org.do("bob", approvals.approve, first.id, ballot)


def test_a_comment_other_than_the_signed_one_is_refused(org: Org) -> None:
    request = org.request()
    ballot = org.ballot("bob", request.id, comment="fine")
    with pytest.raises(StatementChanged) as refused:
        org.do(
            "bob", approvals.approve, request.id, dataclasses.replace(ballot, comment="not fine")
        )
    assert refused.value.fields == ("predicate.approver.comment",)
    with pytest.raises(ValueInvalid):
        dataclasses.replace(ballot, comment_salt=None)


def test_a_seat_whose_role_came_from_a_participant_is_refused(tmp_path: Path) -> None:
    org = Org(tmp_path)
    request = org.do(
        "root",
        approvals.request_access,
        "role.grant",
        payload={"user": "erin", "role": "approver", "scope": {}},
        justification=WHY,
    )
    org.approve("bob", request.id)
    assert org.approve("carol", request.id).request.state is RequestState.APPROVED
    org.warden.acting_as("root").roles.grant("erin", "approver")
    with pytest.raises(PermitSpent):
        org.warden.acting_as("root").roles.grant("erin", "approver")
    org.enrol("erin")
    again = org.do(
        "root",
        approvals.request_access,
        "role.grant",
        payload={"user": "dave", "role": "approver", "scope": {}},
        justification=WHY,
    )
    with pytest.raises(GrantFromParticipant):  # root asks, and root made erin an approver
        org.approve("erin", again.id)
    org.warden.close()


def test_whom_an_access_request_serves_does_not_decide_on_it(org: Org) -> None:
    payload = {"user": "bob", "role": "admin", "scope": {}}
    request = org.do(
        "root", approvals.request_access, "role.grant", payload=payload, justification=WHY
    )
    assert str(request.payload["user"]).startswith("usr_")
    with pytest.raises(SelfApproval):
        org.approve("bob", request.id)
    with pytest.raises(NotPermitted):
        org.do("alice", approvals.request_access, "role.grant", payload=payload, justification=WHY)
    with pytest.raises(ValueInvalid):
        org.do("root", approvals.request_access, "coffee", payload={}, justification=WHY)


def test_if_nobody_can_fill_a_seat_the_request_says_what_to_grant(org: Org) -> None:
    root = org.warden.acting_as("root")
    request = org.request()
    root.users.suspend("bob", reason="away")
    root.users.suspend("carol", reason="away")
    seats = org.see("alice", _open_seats, request.id)
    assert [(seat.eligible, seat.grant) for seat in seats] == [(0, ("approver",))] * 2


def test_lists_show_what_waits_for_whom(org: Org) -> None:
    org.register("1.1.0")
    first, second = org.request(), org.request("1.1.0")
    waiting = partial(org.see, "bob", approvals.approvals, Page(), waiting_for_me=True)
    assert [r.id for r in waiting().items] == [second.id, first.id]
    org.approve("bob", first.id)
    assert [r.id for r in waiting().items] == [second.id]
    assert org.see("alice", approvals.approvals, Page(), waiting_for_me=True).items == ()
    page = org.see("alice", approvals.approvals, Page(limit=1), state=RequestState.OPEN)
    assert [r.id for r in page.items] == [second.id]
    rest = org.see("alice", approvals.approvals, Page(limit=1, cursor=page.next_cursor))
    assert [r.id for r in rest.items] == [first.id]


def test_what_does_not_exist_is_not_found(org: Org) -> None:
    for read in (approvals.approval, approvals.envelopes):
        with pytest.raises(NotFound):
            org.see("alice", read, "req_0")
    with pytest.raises(NotFound):
        org.do("bob", approvals.approve, "req_0")


def test_two_answers_for_one_seat_never_both_stand(org: Org) -> None:
    request = org.request()
    given = org.approve("bob", request.id).decisions[0]
    twin = dataclasses.replace(given, id="dec_twin", person="per_twin", revision=0)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        org.system(lambda change: change.save(twin))
