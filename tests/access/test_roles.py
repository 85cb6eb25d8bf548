"""Roles: who grants what to whom, what must not meet, and how roles are built (AC-7 to AC-10, AC-16, AC-17)."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    ExpiryNeeded,
    NotFound,
    NotPermitted,
    RoleConflict,
    RoleCycle,
    RoleFixed,
    RoleUnknown,
    SelfGrant,
    ValueInvalid,
)
from modelwarden.permissions import BuiltInRole
from tests.store.deeds import verified

if TYPE_CHECKING:
    from tests.access.company import Company

ROLES = [role.value for role in BuiltInRole]
MUST_NOT_MEET = {frozenset(pair) for pair in product(["auditor"], ROLES) if len(set(pair)) == 2} | {
    frozenset({"admin", "approver"})
}
WARNED = {frozenset({"approver", "operator"}), frozenset({"approver", "developer"})}
PAIRS = sorted({tuple(sorted(pair)) for pair in product(ROLES, ROLES) if pair[0] != pair[1]})


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_static_pairs(company: Company, one: str, other: str) -> None:
    company.join("dave", one)
    root = company.acting("root")
    if frozenset({one, other}) in MUST_NOT_MEET:
        with pytest.raises(RoleConflict):
            root.roles.grant("dave", other)
        assert company.last()["fact"]["rule"] == "role_conflict"
        assert root.users.show("dave").roles == (one,)
        return
    root.roles.grant("dave", other)
    assert root.users.show("dave").roles == tuple(sorted((one, other)))
    assert company.last()["fact"]["warned"] is (frozenset({one, other}) in WARNED)


def test_static_pairs_are_tested_over_all_accounts_of_a_person(company: Company) -> None:
    company.join("dave", "approver", email="dave@example.org")
    company.join("dave2", email="dave@example.org")
    root = company.acting("root")
    with pytest.raises(RoleConflict):
        root.roles.grant("dave2", "admin")
    root.service_accounts.add("ci", owner="dave")
    with pytest.raises(RoleConflict):
        root.roles.grant("ci", "admin")


def test_a_grant_is_recorded_with_scope_end_and_whether_permits_were_needed(
    company: Company,
) -> None:
    company.join("dave")
    found = company.acting("root").roles.grant(
        "dave", "operator", scope={"team": "risk", "environment": "staging"}, days=30, reason="why"
    )
    told = company.last()
    assert told["type"] == "role.granted"
    assert told["fact"]["scope"] == [["environment", "staging"], ["team", "risk"]]
    assert told["fact"]["role"] == "operator"
    assert "permit" not in told["fact"]
    assert {about.split(":")[0] for about in told["about"]} == {"actor", "binding", "role"}
    assert found.scope == {"team": "risk", "environment": "staging"}


def test_sensitive_grants_in_bootstrap_mode_are_flagged(company: Company) -> None:
    company.join("dave")
    root = company.acting("root")
    root.roles.grant("dave", "operator")
    assert "context" not in company.last()
    company.join("erin")
    root.roles.grant("erin", "approver")
    assert company.last()["context"] == {"flags": ["bootstrap"]}


def test_nobody_grants_a_role_to_themselves(company: Company) -> None:
    root = company.acting("root")
    root.service_accounts.add("ci", owner="root")
    company.join("root2", email="r@example.org")
    root.users.update("root", email="r@example.org")
    for name in ("root", "ci", root.users.me().id):
        with pytest.raises(SelfGrant):
            root.roles.grant(name, "operator")
        assert company.last()["fact"]["rule"] == "self_grant"


def test_a_program_grants_nothing(company: Company) -> None:
    company.join("alice", "developer")
    company.join("dave")
    root = company.acting("root")
    root.service_accounts.add("ci", owner="alice")
    root.roles.grant("ci", "admin")
    with pytest.raises(NotPermitted):
        company.acting("ci").roles.grant("dave", "operator")


@pytest.mark.parametrize(
    ("role", "days"),
    [("admin", 366), ("admin", 0), ("operator", 0), ("operator", -1), ("operator", 3_651)],
)
def test_a_role_is_held_for_a_time_within_its_bounds(
    company: Company, role: str, days: int
) -> None:
    company.join("dave")
    with pytest.raises(ExpiryNeeded):
        company.acting("root").roles.grant("dave", role, days=days)


def test_administering_always_ends(company: Company) -> None:
    company.join("ruth", "admin")
    (held,) = company.acting("root").roles.show("ruth")
    assert held.expires_at is not None
    company.clock.advance(days=364)
    assert company.acting("ruth").users.list().items
    company.clock.advance(days=2)
    with pytest.raises(NotPermitted):
        company.acting("ruth").users.add("eve")


def test_a_role_that_nobody_defined_cannot_be_granted(company: Company) -> None:
    company.join("dave")
    with pytest.raises(RoleUnknown):
        company.acting("root").roles.grant("dave", "wizard")


@pytest.mark.parametrize(
    "scope",
    [{"colour": "red"}, {"team": ""}, {"team": "x" * 129}, {"team": "a\0"}, {"team": "\ud800"}],
)
def test_a_scope_has_known_selectors_and_plain_values(
    company: Company, scope: dict[str, str]
) -> None:
    company.join("dave")
    with pytest.raises(ValueInvalid):
        company.acting("root").roles.grant("dave", "operator", scope=scope)


def test_revoking_is_in_force_at_once_and_recorded(company: Company) -> None:
    alice = company.join("alice", "developer")
    alice.models.register("churn")
    company.acting("root").roles.revoke("alice", "developer")
    assert company.last()["type"] == "role.revoked"
    with pytest.raises(NotPermitted):
        alice.models.register("other")
    with pytest.raises(NotFound):
        company.acting("root").roles.revoke("alice", "developer")
    assert verified(company.warden, state=True).problems == ()


def test_all_bindings_of_the_role_end_together(company: Company) -> None:
    company.join("dave")
    root = company.acting("root")
    for team in ("a", "b"):
        root.roles.grant("dave", "operator", scope={"team": team})
    assert len(root.roles.revoke("dave", "operator")) == 2
    assert root.roles.show("dave") == ()


def test_a_scoped_role_reaches_its_models_alone(company: Company) -> None:
    company.join("dave")
    root = company.acting("root")
    root.roles.grant("dave", "developer", scope={"team": "risk"})
    dave = company.acting("dave")
    dave.models.register("mine", team="risk")
    for team in ("", "other"):
        with pytest.raises(NotPermitted):
            dave.models.register(f"not-mine{team}", team=team)


def test_a_custom_role_gives_what_it_and_its_roles_say(company: Company) -> None:
    company.join("dave")
    root = company.acting("root")
    root.roles.define("reader", permissions=["audit.read"])
    root.roles.define("builder", permissions=["model.register", "model.read"], includes=["reader"])
    assert company.last()["fact"]["includes"] == ["reader"]
    root.roles.grant("dave", "builder")
    dave = company.acting("dave")
    assert dave.models.register("churn").name == "churn"
    assert root.users.may("dave", "AUDIT_READ").allow


def test_a_redefined_role_takes_rights_away_at_once_from_people_and_programs(
    company: Company,
) -> None:
    company.join("alice", "developer")
    company.join("dave")
    root = company.acting("root")
    root.service_accounts.add("ci", owner="alice")
    root.roles.define("builder", permissions=["model.register", "token.issue_self"])
    holders = []
    for name in ("dave", "ci"):
        root.roles.grant(name, "builder")
        secret = company.acting(name).tokens.create().secret
        holders += [company.acting(name), company.using(secret)]
    for n, rooms in enumerate(holders):
        rooms.models.register(f"model{n}", owner="alice")
    root.roles.define("builder", permissions=["model.read"])
    for n, rooms in enumerate(holders):
        with pytest.raises(NotPermitted):
            rooms.models.register(f"other{n}", owner="alice")


def test_roles_do_not_include_themselves(company: Company) -> None:
    root = company.acting("root").roles
    root.define("a", permissions=["model.read"])
    with pytest.raises(RoleCycle):
        root.define("a", permissions=[], includes=["a"])
    root.define("b", permissions=[], includes=["a"])
    root.define("c", permissions=[], includes=["b"])
    with pytest.raises(RoleCycle):
        root.define("a", permissions=[], includes=["c"])
    assert {role.name: role.includes for role in root.list()}["a"] == ()


def test_a_lattice_of_roles_is_resolved_without_walking_every_path(company: Company) -> None:
    root = company.acting("root").roles
    root.define("r0", permissions=["audit.read"])
    root.define("r1", permissions=["model.read"])
    for n in range(2, 60):
        root.define(f"r{n}", permissions=[], includes=[f"r{n - 1}", f"r{n - 2}"])
    company.join("dave", "r59")
    assert company.acting("root").users.may("dave", "audit.read").allow


@pytest.mark.parametrize("name", ROLES)
def test_built_in_roles_are_fixed(company: Company, name: str) -> None:
    with pytest.raises(RoleFixed):
        company.acting("root").roles.define(name, permissions=["model.read"])


@pytest.mark.parametrize(
    ("permissions", "includes"), [(["model.destroy"], []), ([], ["wizard"]), (["MODEL_DEPLOY"], [])]
)
def test_a_role_is_made_of_what_exists(
    company: Company, permissions: list[str], includes: list[str]
) -> None:
    with pytest.raises(RoleUnknown):
        company.acting("root").roles.define("r", permissions=permissions, includes=includes)


@pytest.mark.parametrize("name", ["", "Reader", "a b", "x" * 65, "a\0"])
def test_a_role_has_a_plain_name(company: Company, name: str) -> None:
    with pytest.raises(ValueInvalid):
        company.acting("root").roles.define(name, permissions=["model.read"])


@pytest.mark.parametrize("writes", ["model.register", "role.assign", "approval.decide"])
def test_no_custom_role_lets_an_auditor_write(company: Company, writes: str) -> None:
    company.join("erin", "auditor")
    root = company.acting("root")
    root.roles.define("more", permissions=[writes])
    with pytest.raises(RoleConflict):
        root.roles.grant("erin", "more")
    root.roles.define("watch", permissions=[writes], includes=["auditor"])
    company.join("dave")
    with pytest.raises(RoleConflict):
        root.roles.grant("dave", "watch")


def test_a_role_that_auditors_hold_cannot_grow_into_writing(company: Company) -> None:
    company.join("erin", "auditor")
    root = company.acting("root")
    root.roles.define("more", permissions=["metrics.read"])
    root.roles.grant("erin", "more")
    with pytest.raises(RoleConflict):
        root.roles.define("more", permissions=["metrics.read", "model.register"])
    root.roles.define("inner", permissions=["metrics.read"])
    root.roles.define("more", permissions=[], includes=["inner"])
    with pytest.raises(RoleConflict):
        root.roles.define("inner", permissions=["metrics.read", "model.register"])


def test_no_role_lets_a_program_decide(company: Company) -> None:
    company.join("alice", "developer")
    root = company.acting("root")
    root.service_accounts.add("ci", owner="alice")
    root.roles.grant("ci", "approver")
    for permission in ("approval.decide", "model.approve"):
        found = root.users.may("ci", permission)
        assert (found.allow, found.code) == (False, "ceiling")


def test_questions_about_rights_name_the_binding_or_the_reason(company: Company) -> None:
    company.join("dave")
    root = company.acting("root")
    root.roles.grant("dave", "operator", scope={"environment": "staging"})
    yes = root.users.may("dave", "MODEL_DEPLOY", environment="staging")
    no = root.users.may("dave", "MODEL_DEPLOY")
    assert (yes.allow, yes.role) == (True, "operator")
    assert yes.binding is not None
    assert (no.allow, no.code) == (False, "binding_out_of_scope")
    assert root.users.may("dave", "user.manage").code == "no_binding"
    with pytest.raises(ValueInvalid):
        root.users.may("dave", "fly")


def test_asking_about_others_takes_a_permission(company: Company) -> None:
    company.join("dave")
    alice = company.join("alice", "developer")
    with pytest.raises(NotFound):
        alice.users.may("dave", "audit.read")
    assert not alice.users.may("alice", "audit.read").allow
