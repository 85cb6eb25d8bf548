"""One person in two parts of a release, by whatever account: refused, and the ledger says so (AC-17, attack 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    NotFound,
    NotPermitted,
    PermitNeeded,
    RoleConflict,
    SamePerson,
    SelfApproval,
    SignatureNeeded,
)
from tests.attack.case import PARTS

if TYPE_CHECKING:
    from tests.attack.case import Case


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_no_part_is_approved_by_a_second_account_of_who_plays_it(
    case: Case, part: str, when: str
) -> None:
    root = case.acting("root")
    if when == "before":
        root.users.link("xavier", to=PARTS[part])
    request = case.request()
    if when == "after":
        root.users.link(PARTS[part], to="xavier")
    with pytest.raises(SelfApproval) as refused:
        case.approve("xavier", request.id)
    assert refused.value.reasons == (part,)
    told = case.last()
    assert (told["type"], told["fact"]["rule"]) == ("access.denied", "self_approval")
    assert f"approval:{request.id}" in told["about"]
    assert case.approve("bob", request.id).state == "open"


def test_a_twin_by_email_is_the_same_person(case: Case) -> None:
    case.warden.add_user("xavier2", roles=["developer"], email="XAVIER@example.org")
    case.acting("xavier2").versions.register("churn", "2.0.0", metrics={"roc_auc": "0.9"})
    request = case.request("2.0.0")
    with pytest.raises(SelfApproval):
        case.approve("xavier", request.id)


def test_an_owner_who_gave_the_model_away_after_the_version_was_built_is_still_barred(
    case: Case,
) -> None:
    case.acting("root").users.link("xavier", to="olivia")
    case.acting("olivia").models.update("churn", owner="quinn")
    request = case.request()
    with pytest.raises(SelfApproval) as refused:
        case.approve("xavier", request.id)
    assert "owner" in refused.value.reasons


def test_a_link_made_between_two_answers_undoes_the_approval(case: Case) -> None:
    request = case.request()
    case.approve("xavier", request.id)
    case.acting("root").users.link("xavier", to="olivia")
    with pytest.raises(SelfApproval):
        case.approve("bob", request.id)
    assert case.acting("quinn").approvals.show(request.id).state == "open"


def test_two_seats_are_not_filled_by_two_accounts_of_one_person(case: Case) -> None:
    request = case.request()
    case.acting("root").users.link("xavier", to="bob")
    case.approve("xavier", request.id)
    with pytest.raises(SamePerson) as refused:
        case.approve("bob", request.id)
    assert refused.value.status == 403
    assert case.last()["fact"]["rule"] == "same_person"


def test_ones_own_program_approves_nothing(case: Case) -> None:
    root = case.acting("root")
    root.service_accounts.add("ci", owner="quinn")
    root.roles.grant("ci", "developer")
    request = case.request()
    with pytest.raises(NotPermitted):
        case.acting("ci").approvals.approve(request.id)
    secret = (
        case.acting("quinn")
        .tokens.create(user="ci", scopes=["approval.decide", "approval.read"])
        .secret
    )
    with pytest.raises(NotPermitted):
        case.using(secret).approvals.approve(request.id)


def test_what_ones_own_program_registered_is_not_approved_by_its_owner(case: Case) -> None:
    root = case.acting("root")
    root.service_accounts.add("ci", owner="xavier")
    root.roles.grant("ci", "developer")
    case.acting("ci").versions.register("churn", "2.0.0", metrics={"roc_auc": "0.9"})
    request = case.request("2.0.0")
    with pytest.raises(SelfApproval) as refused:
        case.approve("xavier", request.id)
    assert refused.value.reasons == ("registrant",)


@pytest.mark.parametrize("name", ["olivia", "rita", "tina", "quinn", "root"])
def test_nobody_without_the_seats_role_approves_their_own_work(case: Case, name: str) -> None:
    request = case.request()
    with pytest.raises(NotPermitted):
        case.acting(name).approvals.approve(request.id)
    assert case.acting("quinn").approvals.show(request.id).decisions == ()


def test_an_administrator_approves_nothing_and_takes_no_seat(case: Case) -> None:
    root = case.acting("root")
    request = case.ask("root", "role.grant", {"user": "rita", "role": "admin", "scope": {}})
    with pytest.raises(NotPermitted):
        root.approvals.approve(request.id)
    case.agree(request.id, "xavier", "bob")
    root.roles.grant("rita", "admin")
    for act in (
        lambda: case.acting("rita").roles.grant("root", "approver"),
        lambda: root.roles.define("admin2", permissions=["approval.decide"], includes=["admin"]),
        lambda: root.users.link("root", to="bob"),
    ):
        with pytest.raises((RoleConflict, PermitNeeded)):
            act()


def test_whoever_a_request_serves_does_not_decide_on_it(case: Case) -> None:
    case.join("bob2")
    case.acting("root").users.link("bob2", to="bob")
    payload = {"user": "bob2", "role": "approver", "scope": {}}
    request = case.ask("root", "role.grant", payload)
    with pytest.raises(SelfApproval) as refused:
        case.approve("bob", request.id)
    assert refused.value.reasons == ("receiver",)


def test_a_process_that_vouches_is_no_persons_signature(case: Case) -> None:
    request = case.request()
    with pytest.raises(SignatureNeeded):
        case.acting("xavier").approvals.approve(request.id, comment="the process says so")
    assert case.last()["fact"]["rule"] == "signature_needed"


def test_an_approver_who_lost_the_role_decides_nothing_more(case: Case) -> None:
    request = case.request()
    ballot = case.ballot("xavier", request.id)
    case.acting("root").roles.revoke("xavier", "approver")
    with pytest.raises(NotFound):  # it can't be read any more
        case.acting("xavier").approvals.decide(request.id, "approve", **ballot)


def test_a_suspended_approver_decides_nothing(case: Case) -> None:
    request = case.request()
    ballot = case.ballot("xavier", request.id)
    case.acting("root").users.suspend("xavier", reason="left")
    with pytest.raises(NotFound):  # it can't be read any more
        case.acting("xavier").approvals.decide(request.id, "approve", **ballot)
