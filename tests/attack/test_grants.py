"""Getting the seat: by oneself, through a friend, by a role that grows, by its own definition (attack 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    GrantFromParticipant,
    LastAdmin,
    NotPermitted,
    PermitNeeded,
    RoleConflict,
    RoleFixed,
    SelfGrant,
)
from tests.access.company import Company

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHY = "the third-quarter retraining is better on every figure that we measure"


@pytest.fixture
def company(store_url: str, tmp_path: Path) -> Iterator[Company]:
    opened = Company.at(store_url, tmp_path)
    yield opened
    opened.warden.close()


def test_a_friend_grants_the_seat_and_an_administrator_may_not_hold_it(company: Company) -> None:
    company.join("friend", "admin")
    with pytest.raises(RoleConflict):
        company.acting("friend").roles.grant("root", "approver")
    company.acting("friend").users.add("root2")
    company.acting("friend").users.link("root2", to="root")
    with pytest.raises(RoleConflict):
        company.acting("friend").roles.grant("root2", "approver")


def test_two_friends_who_make_each_other_approvers_still_have_no_say_in_their_own_case(
    company: Company,
) -> None:
    """ada and eve administer and build; each resigns as administrator after having made the other an approver."""
    for name in ("ada", "eve"):
        company.join(name, "admin", "developer")
    company.acting("ada").models.register(
        "churn", owner="ada", business_purpose="predicts which customers leave next month"
    )
    company.acting("ada").versions.register("churn", "1.0.0", metrics={"roc_auc": "0.8"})
    company.acting("root").roles.revoke("eve", "admin")
    company.acting("ada").roles.grant("eve", "approver")
    company.enrol("eve")
    request = company.acting("ada").approvals.request("churn", "1.0.0", justification=WHY)
    with pytest.raises(GrantFromParticipant):
        company.acting("eve").approvals.approve(request.id, key=company.keys["eve"])
    assert company.last()["fact"]["rule"] == "grant_from_participant"


def test_a_participant_grants_the_seat_through_an_account_linked_later(company: Company) -> None:
    company.join("ada", "developer")
    company.join("boss", "admin")
    company.acting("boss").users.add("eve")
    company.acting("boss").roles.grant("eve", "approver")
    company.enrol("eve")
    company.acting("ada").models.register(
        "churn", owner="ada", business_purpose="predicts which customers leave next month"
    )
    company.acting("ada").versions.register("churn", "1.0.0", metrics={"roc_auc": "0.8"})
    request = company.acting("ada").approvals.request("churn", "1.0.0", justification=WHY)
    company.acting("root").users.link("boss", to="ada")
    with pytest.raises(GrantFromParticipant):
        company.acting("eve").approvals.approve(request.id, key=company.keys["eve"])


def test_nobody_who_fills_a_seat_gave_another_person_theirs(company: Company) -> None:
    company.join("ada", "developer")
    company.join("boss", "admin")
    company.acting("boss").users.add("eve")
    company.acting("boss").roles.grant("eve", "approver")
    company.acting("root").roles.revoke("boss", "admin")
    company.acting("root").roles.grant("boss", "approver")
    for name in ("eve", "boss"):
        company.enrol(name)
    company.acting("ada").models.register(
        "churn", owner="ada", business_purpose="predicts which customers leave next month"
    )
    company.acting("ada").versions.register("churn", "1.0.0", metrics={"roc_auc": "0.8"})
    request = company.acting("ada").approvals.request("churn", "1.0.0", justification=WHY)
    company.acting("eve").approvals.approve(request.id, key=company.keys["eve"])
    with pytest.raises(GrantFromParticipant):
        company.acting("boss").approvals.approve(request.id, key=company.keys["boss"])


def test_a_custom_role_smuggles_no_right_past_its_permit(company: Company) -> None:
    company.with_approvers()
    root = company.acting("root").roles
    company.join("dave", "developer")
    root.define("harmless", permissions=["audit.read"])
    root.grant("dave", "harmless")
    for permissions, includes in (
        (["approval.decide"], []),
        (["model.approve"], []),
        (["role.assign"], []),
        ([], ["approver"]),
        ([], ["admin"]),
    ):
        with pytest.raises(PermitNeeded):
            root.define("harmless", permissions=permissions, includes=includes)
        with pytest.raises(PermitNeeded):
            root.define("fresh", permissions=permissions, includes=includes)
    assert not company.acting("root").users.may("dave", "approval.decide").allow


@pytest.mark.parametrize("name", ["approver", "admin", "auditor"])
def test_built_in_roles_are_not_redefined(company: Company, name: str) -> None:
    with pytest.raises(RoleFixed):
        company.acting("root").roles.define(name, permissions=["approval.decide", "user.manage"])


def test_a_user_named_like_a_role_or_an_id_gains_nothing(company: Company) -> None:
    company.join("admin")
    company.join("usr_01jd3v6q0000000000000000ab")
    with pytest.raises(NotPermitted):
        company.acting("admin").users.add("eve")


def test_administrators_who_go_at_once_leave_one(company: Company) -> None:
    company.join("ruth", "admin")
    root, ruth = company.acting("root"), company.acting("ruth")
    ruth.roles.revoke("root", "admin")
    with pytest.raises(NotPermitted):
        root.roles.revoke("ruth", "admin")
    with pytest.raises(LastAdmin):
        ruth.users.suspend("ruth", reason="x")


def test_an_administrators_token_grants_no_role_to_the_administrator(company: Company) -> None:
    secret = company.acting("root").tokens.create(scopes=["role.assign"]).secret
    with pytest.raises(SelfGrant):
        company.using(secret).roles.grant("root", "operator")
