"""decide: may this principal do that, here and now? Pure, default deny, with the reason either way (AC-11).

The order of the tests is fixed and the first failure is the answer: actor active → credential valid → token scope →
ceiling → a binding in scope and time. A principal carries its rights resolved, so a decision is a look-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.permissions import ADMINISTERING, DECIDING, OWNING, STOPPING, Permission
from modelwarden.values.principal import ActorKind, ActorStatus, Grant, Principal

if TYPE_CHECKING:
    from datetime import datetime

SELECTORS: Final = ("team", "model", "use_case", "environment", "tag")


@dataclass(frozen=True, slots=True)
class Resource:
    """What is acted on, as far as scopes can select it. An attribute that it lacks matches no selector.

    `owner` is the account that owns it, which holds some permissions on it without a role.
    """

    model: str | None = None
    team: str | None = None
    environment: str | None = None
    tags: tuple[str, ...] = ()
    use_case: str | None = None
    owner: str | None = None


ANYTHING: Final = Resource()
"""A resource without attributes: only global bindings reach it."""


class Verdict(NamedTuple):
    """Allow or deny, and why: a code, and the binding that allows or the permission that is missing."""

    allow: bool
    code: str
    grant: Grant | None = None

    def __bool__(self) -> bool:
        return self.allow


_ACTIVE, _USER = ActorStatus.ACTIVE, ActorKind.USER  # looking a member up costs as much as a test
_INACTIVE: Final = Verdict(allow=False, code="actor_inactive")
_EXPIRED: Final = Verdict(allow=False, code="credential_expired")
_CEILING: Final = Verdict(allow=False, code="ceiling")
_NOT_IN_TOKEN: Final = Verdict(allow=False, code="not_in_token_scope")
_NO_BINDING: Final = Verdict(allow=False, code="no_binding")
_OUT_OF_SCOPE: Final = Verdict(allow=False, code="binding_out_of_scope")
_OWNER: Final = Verdict(allow=True, code="owner")
_NONE: Final[frozenset[Permission]] = frozenset()

CEILINGS: Final = {
    ActorKind.SERVICE: DECIDING
    | {
        Permission.SWITCH_RELEASE,
        Permission.DEPLOY_EMERGENCY,
        Permission.DELEGATION_CREATE,
    },
    ActorKind.THIRD_PARTY: DECIDING
    | {Permission.DELEGATION_CREATE}
    | ADMINISTERING
    | STOPPING
    | {
        Permission.DEPLOY_EMERGENCY,
        Permission.AUDIT_READ,
        Permission.AUDIT_VERIFY,
        Permission.AUDIT_EXPORT,
    },
}
"""What no role can give to an actor of this kind (AC-4, AC-8)."""


def decide(  # noqa: C901, PLR0911  # the order of AC-11, in one place, without calls: it is the hot path
    principal: Principal, permission: Permission, resource: Resource, now: datetime
) -> Verdict:
    """Return whether the principal may, and the binding or the reason (`benchmarks/decide.py`)."""
    if principal.status is not _ACTIVE:
        return _INACTIVE
    ends = principal.credential_expires_at
    if ends is not None and now >= ends:
        return _EXPIRED
    scopes = principal.token_scopes
    if scopes is not None and permission not in scopes:
        return _NOT_IN_TOKEN
    kind = principal.kind
    if kind is not _USER and permission in CEILINGS.get(kind, _NONE):
        return _CEILING
    if resource.owner == principal.actor and kind is _USER and permission in OWNING:
        return _OWNER
    grants = principal.grants.get(permission)
    if grants is None:
        return _NO_BINDING
    for grant in grants:
        if grant.expires_at is not None and now >= grant.expires_at:
            continue
        if grant.not_before is not None and now < grant.not_before:
            continue
        if not grant.scope or matches(grant.scope, resource):
            return Verdict(True, "allowed", grant)  # noqa: FBT003  # a tuple, on the hot path
    return _OUT_OF_SCOPE


def matches(scope: tuple[tuple[str, str], ...], resource: Resource) -> bool:
    """Tell whether every selector of the scope fits the resource (AC-9)."""
    for selector, wanted in scope:
        if selector == "tag":
            if wanted not in resource.tags:
                return False
        elif getattr(resource, selector) != wanted:
            return False
    return True


def is_current(grant: Grant, now: datetime) -> bool:
    """Tell whether a grant holds at this moment."""
    started = grant.not_before is None or grant.not_before <= now
    return started and (grant.expires_at is None or now < grant.expires_at)
