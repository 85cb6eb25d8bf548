"""Sensitive actions take an approved request: one payload, one use, one day (AC-40, AC-41)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.access.permits import in_bootstrap
from modelwarden.errors import (
    PayloadChanged,
    PermitExpired,
    PermitNeeded,
    PermitSpent,
    RoleConflict,
    SelfGrant,
)
from tests.store.deeds import ME, verified

if TYPE_CHECKING:
    from tests.access.company import Company

GRANT: dict[str, Any] = {"user": "dave", "role": "approver", "scope": {}}


@pytest.fixture
def company(any_company: Company) -> Company:
    """Give a company whose bootstrap mode is over, with dave and erin to be granted something."""
    any_company.with_approvers()
    any_company.join("ruth")
    for name in ("dave", "erin"):
        any_company.join(name)
    return any_company


def _bootstraps(company: Company) -> bool:
    return company.warden.view(ME, in_bootstrap)


@pytest.mark.parametrize("role", ["approver", "admin"])
def test_two_approvers_end_bootstrap_and_sensitive_grants_take_a_permit(
    company: Company, role: str
) -> None:
    assert not _bootstraps(company)
    with pytest.raises(PermitNeeded):
        company.acting("root").roles.grant("dave", role)
    assert company.last()["fact"]["rule"] == "permit_needed"
    company.acting("root").roles.grant("dave", "operator")


def test_a_permit_is_spent_on_exactly_what_was_approved(company: Company) -> None:
    request = company.permitted("root", "role.grant", GRANT)
    granted = company.acting("root").roles.grant("dave", "approver")
    types = [entry["type"] for entry in company.entries()][-2:]
    assert types == ["permit.used", "role.granted"]
    told = company.last()
    permit = company.facts("permit.written")[0]
    assert permit["request"] == request.id
    assert told["fact"]["permit"] == permit["permit"]
    assert "context" not in told
    assert granted.role == "approver"
    assert verified(company.warden, state=True).problems == ()


def test_a_permit_is_spent_once(company: Company) -> None:
    company.permitted("root", "role.grant", GRANT)
    root = company.acting("root")
    root.roles.grant("dave", "approver")
    with pytest.raises(PermitSpent):
        root.roles.grant("dave", "approver")
    assert company.last()["fact"]["rule"] == "approval_spent"


def test_a_permit_lasts_a_day(company: Company) -> None:
    company.permitted("root", "role.grant", GRANT)
    company.clock.advance(hours=24)
    with pytest.raises(PermitExpired):
        company.acting("root").roles.grant("dave", "approver")
    assert company.last()["fact"]["rule"] == "approval_expired"


def test_a_permit_of_before_works_until_its_day_is_over(company: Company) -> None:
    company.permitted("root", "role.grant", GRANT)
    company.clock.advance(hours=24, microseconds=-1)
    company.acting("root").roles.grant("dave", "approver")


@pytest.mark.parametrize(
    ("user", "role", "given"),
    [
        ("erin", "approver", {}),
        ("dave", "admin", {}),
        ("dave", "approver", {"days": 30}),
        ("dave", "approver", {"scope": {"team": "risk"}}),
    ],
)
def test_a_permit_fits_nothing_else(
    company: Company, user: str, role: str, given: dict[str, Any]
) -> None:
    company.permitted("root", "role.grant", GRANT)
    with pytest.raises(PayloadChanged):
        company.acting("root").roles.grant(user, role, **given)
    company.acting("root").roles.grant("dave", "approver")


def test_a_permit_is_the_requesters_alone(company: Company) -> None:
    company.permitted("root", "role.grant", GRANT)
    company.permitted("root", "role.grant", {"user": "ruth", "role": "admin", "scope": {}})
    company.acting("root").roles.grant("ruth", "admin")
    with pytest.raises(PermitNeeded):
        company.acting("ruth").roles.grant("dave", "approver")


def test_a_permit_lifts_no_duty(company: Company) -> None:
    company.acting("root").service_accounts.add("ci", owner="root")
    company.permitted("root", "role.grant", {"user": "ci", "role": "approver", "scope": {}})
    with pytest.raises(SelfGrant):
        company.acting("root").roles.grant("ci", "approver")


def test_a_refused_action_leaves_its_permit_unspent(company: Company) -> None:
    payload = {"user": "dave", "role": "admin", "scope": {}}
    company.acting("root").roles.grant("dave", "developer")
    company.permitted("root", "role.grant", payload)
    company.acting("root").roles.define("judge", permissions=["policy.draft"])
    company.permitted(
        "root",
        "role.define",
        {"role": "judge", "permissions": ["approval.decide"], "includes": []},
    )
    company.acting("root").roles.grant("dave", "judge")
    company.acting("root").roles.define("judge", permissions=["approval.decide"])
    with pytest.raises(RoleConflict):
        company.acting("root").roles.grant("dave", "admin")
    company.acting("root").roles.revoke("dave", "judge")
    company.acting("root").roles.grant("dave", "admin")


def test_a_role_that_comes_to_decide_takes_a_permit(company: Company) -> None:
    root = company.acting("root").roles
    root.define("judge", permissions=["policy.draft"])
    root.define("outer", permissions=[], includes=["judge"])
    for permissions, includes in (
        (["approval.decide"], []),
        (["user.manage"], []),
        (["policy.draft"], ["approver"]),
    ):
        with pytest.raises(PermitNeeded):
            root.define("judge", permissions=permissions, includes=includes)
    with pytest.raises(PermitNeeded):
        root.define("outer", permissions=[], includes=["judge", "admin"])


def test_a_role_that_decides_already_may_shrink_without_a_permit(company: Company) -> None:
    payload = {"role": "judge", "permissions": ["approval.decide", "audit.read"], "includes": []}
    company.permitted("root", "role.define", payload)
    root = company.acting("root").roles
    root.define("judge", permissions=["audit.read", "approval.decide"])
    root.define("judge", permissions=["approval.decide"])
    with pytest.raises(PermitNeeded):
        company.acting("root").roles.grant("dave", "judge")  # what gives a right is the role
