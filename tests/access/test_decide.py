"""decide: default deny, and no scope, token or end ever gives more (AC-11, AC-12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.access.authorize import CEILINGS, SELECTORS, Resource, decide, matches
from modelwarden.permissions import DECIDING, OWNING, ROLE_PERMISSIONS, STOPPING, Permission
from modelwarden.values.ids import ActorId, BindingId, PersonId
from modelwarden.values.principal import ActorKind, ActorStatus, Grant, Principal, Via

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WORDS = st.sampled_from(["a", "b", "c"])
MOMENTS = st.none() | st.integers(-3, 3).map(lambda hours: NOW + timedelta(hours=hours))
SCOPES = st.dictionaries(st.sampled_from(SELECTORS), WORDS, max_size=3).map(
    lambda scope: tuple(sorted(scope.items()))
)
GRANTS = st.builds(
    Grant,
    binding=st.just(BindingId("bnd_1")),
    role=st.just("role"),
    scope=SCOPES,
    not_before=MOMENTS,
    expires_at=MOMENTS,
)
PERMISSIONS = st.sampled_from(list(Permission))
RESOURCES = st.builds(
    Resource,
    model=st.none() | WORDS,
    team=st.none() | WORDS,
    environment=st.none() | WORDS,
    tags=st.frozensets(WORDS).map(tuple),
    use_case=st.none() | WORDS,
    owner=st.sampled_from([None, "usr_1", "usr_2"]),
)
PRINCIPALS = st.builds(
    Principal,
    actor=st.just(ActorId("usr_1")),
    kind=st.sampled_from([ActorKind.USER, ActorKind.SERVICE, ActorKind.THIRD_PARTY]),
    person=st.just(PersonId("per_1")),
    via=st.just(Via.TOKEN),
    status=st.sampled_from(list(ActorStatus)),
    credential_expires_at=MOMENTS,
    token_scopes=st.none() | st.frozensets(PERMISSIONS.map(str), max_size=40),
    grants=st.dictionaries(
        PERMISSIONS.map(str), st.lists(GRANTS, min_size=1, max_size=3).map(tuple), max_size=30
    ).map(MappingProxyType),
)


def _allowed(principal: Principal, permission: Permission, resource: Resource) -> bool:
    """Say it the long way round, as AC-11 has it."""
    ends = principal.credential_expires_at
    grants = principal.grants.get(permission, ())
    return (
        principal.status is ActorStatus.ACTIVE
        and (ends is None or ends > NOW)
        and (principal.token_scopes is None or permission in principal.token_scopes)
        and permission not in CEILINGS.get(principal.kind, ())
        and (
            _owns(principal, permission, resource)
            or any(
                (each.not_before is None or each.not_before <= NOW)
                and (each.expires_at is None or each.expires_at > NOW)
                and all(
                    value in resource.tags if name == "tag" else getattr(resource, name) == value
                    for name, value in each.scope
                )
                for each in grants
            )
        )
    )


def _owns(principal: Principal, permission: Permission, resource: Resource) -> bool:
    """Say whether the permission comes with owning it (AC-6)."""
    is_owner = resource.owner == principal.actor and principal.kind is ActorKind.USER
    return is_owner and permission in OWNING


@given(principal=PRINCIPALS, permission=PERMISSIONS, resource=RESOURCES)
def test_decide_says_what_the_rule_says(
    principal: Principal, permission: Permission, resource: Resource
) -> None:
    verdict = decide(principal, permission, resource, NOW)
    assert verdict.allow is _allowed(principal, permission, resource)
    assert (verdict.grant is not None) is (verdict.allow and verdict.code != "owner")


@given(principal=PRINCIPALS, permission=PERMISSIONS, resource=RESOURCES)
def test_without_a_binding_nothing_is_allowed(
    principal: Principal, permission: Permission, resource: Resource
) -> None:
    bare = replace(principal, grants=MappingProxyType({}))
    assert not decide(bare, permission, replace(resource, owner=None), NOW)
    allowed = decide(bare, permission, resource, NOW)
    assert not allowed or (allowed.code == "owner" and permission in OWNING)


@given(
    principal=PRINCIPALS,
    permission=PERMISSIONS,
    resource=RESOURCES,
    selector=st.sampled_from(SELECTORS),
    value=WORDS,
)
def test_adding_a_selector_to_every_scope_never_widens(
    principal: Principal, permission: Permission, resource: Resource, selector: str, value: str
) -> None:
    narrower = _each_grant(
        principal, lambda grant: replace(grant, scope=(*grant.scope, (selector, value)))
    )
    after = decide(narrower, permission, resource, NOW).allow
    assert not after or decide(principal, permission, resource, NOW).allow


@given(
    principal=PRINCIPALS,
    permission=PERMISSIONS,
    resource=RESOURCES,
    scopes=st.frozensets(PERMISSIONS.map(str)),
)
def test_cutting_a_token_down_never_widens(
    principal: Principal, permission: Permission, resource: Resource, scopes: frozenset[str]
) -> None:
    mine = principal.token_scopes
    cut = replace(principal, token_scopes=scopes if mine is None else mine & scopes)
    after = decide(cut, permission, resource, NOW).allow
    assert not after or decide(principal, permission, resource, NOW).allow


@given(
    principal=PRINCIPALS,
    permission=PERMISSIONS,
    resource=RESOURCES,
    hours=st.integers(0, 5),
)
def test_an_earlier_end_never_widens_and_what_ended_stays_ended(
    principal: Principal, permission: Permission, resource: Resource, hours: int
) -> None:
    def sooner(end: datetime | None) -> datetime:
        return (end or NOW + timedelta(hours=9)) - timedelta(hours=hours)

    shorter = _each_grant(principal, lambda g: replace(g, expires_at=sooner(g.expires_at)))
    shorter = replace(shorter, credential_expires_at=sooner(principal.credential_expires_at))
    after = decide(shorter, permission, resource, NOW).allow
    assert not after or decide(principal, permission, resource, NOW).allow
    started = _each_grant(principal, lambda g: replace(g, not_before=None))
    later = decide(started, permission, resource, NOW + timedelta(hours=hours)).allow
    assert not later or decide(started, permission, resource, NOW).allow


@given(scope=SCOPES)
def test_what_lacks_an_attribute_matches_no_selector(scope: tuple[tuple[str, str], ...]) -> None:
    assert matches(scope, Resource()) is (scope == ())


CAPPED = [
    *((kind, each) for kind in (ActorKind.SERVICE, ActorKind.THIRD_PARTY) for each in DECIDING),
    *((ActorKind.THIRD_PARTY, each) for each in STOPPING),
    (ActorKind.SERVICE, Permission.SWITCH_RELEASE),
]


@pytest.mark.parametrize(("kind", "permission"), sorted(CAPPED))
def test_neither_programs_nor_third_parties_decide_whatever_they_hold(
    kind: ActorKind, permission: Permission
) -> None:
    grants = {each.value: (Grant(binding=BindingId("b"), role="r"),) for each in Permission}
    principal = Principal(
        actor=ActorId("x"),
        kind=kind,
        person=PersonId("p"),
        via=Via.TOKEN,
        grants=MappingProxyType(grants),
    )
    assert decide(principal, permission, Resource(owner="x"), NOW).code == "ceiling"


def test_reasons_come_in_the_order_of_the_rule() -> None:
    principal = Principal(
        actor=ActorId("x"),
        kind=ActorKind.SERVICE,
        person=PersonId("p"),
        via=Via.TOKEN,
        status=ActorStatus.SUSPENDED,
        credential_expires_at=NOW,
        token_scopes=frozenset(),
    )
    codes = []
    for changed in (
        {},
        {"status": ActorStatus.ACTIVE},
        {"credential_expires_at": None},
        {"token_scopes": None},
        {"kind": ActorKind.USER},
    ):
        principal = replace(principal, **changed)  # type: ignore[arg-type]
        codes.append(decide(principal, Permission.APPROVAL_DECIDE, Resource(), NOW).code)
    assert codes == [
        "actor_inactive",
        "credential_expired",
        "not_in_token_scope",
        "ceiling",
        "no_binding",
    ]


def test_no_built_in_role_but_approver_decides_and_none_but_admin_administers() -> None:
    deciding = [role.value for role, held in ROLE_PERMISSIONS.items() if held & DECIDING]
    managing = [r.value for r, held in ROLE_PERMISSIONS.items() if Permission.USER_MANAGE in held]
    assert (deciding, managing) == (["approver"], ["admin"])


def _each_grant(principal: Principal, change: Callable[[Grant], Grant]) -> Principal:
    grants = {name: tuple(map(change, held)) for name, held in principal.grants.items()}
    return replace(principal, grants=MappingProxyType(grants))
