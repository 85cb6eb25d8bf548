"""authorize: decide inside the transaction, on rights that are current there, or refuse with the reason (AC-15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.access import queries, rights
from modelwarden.access.authorize import ANYTHING, Resource, Verdict, decide
from modelwarden.errors import ActorNotFound, NotPermitted, Unauthenticated
from modelwarden.permissions import ROLE_PERMISSIONS, SENSITIVE, Permission
from modelwarden.store.change import Change
from modelwarden.values.principal import ActorKind, ActorStatus, Principal

if TYPE_CHECKING:
    from modelwarden.access.actor import Actor
    from modelwarden.store.change import View
    from modelwarden.values.ids import PersonId

_REASONS: Final = {
    "actor_inactive": "this account is not active",
    "credential_expired": "this credential has expired",
    "ceiling": "no role can give this to an account of this kind",
    "not_in_token_scope": "this token was cut down and lacks it; use one whose scopes name it",
    "no_binding": "no role that you hold gives it",
    "binding_out_of_scope": "your roles give it elsewhere or at another time, not here and now",
}


def current(view: View) -> Principal:
    """Return the principal with rights as of this transaction; on PostgreSQL a revocation then waits for our commit.

    Raises Unauthenticated when the credential has ended meanwhile.
    """
    principal = view.principal
    if view.checked or principal.kind is ActorKind.SYSTEM:
        return principal
    if queries.epoch(view, principal.actor, hold=isinstance(view, Change)) != principal.epoch:
        principal = view.principal = rights.refreshed(view, principal)
    if principal.credential_expires_at is not None and view.now >= principal.credential_expires_at:
        raise Unauthenticated
    view.checked = True
    return principal


def authorize(view: View, permission: Permission, *, on: Resource = ANYTHING) -> Verdict:
    """Return the verdict that allows it. Raises NotPermitted, naming the role that would allow it."""
    verdict = verdict_on(view, permission, on=on)
    if not verdict.allow:
        raise NotPermitted(
            f"{permission.value} is refused: {_REASONS[verdict.code]}{_roles_with(permission)}",
            about=_about(on),
            reasons=(verdict.code,),
            permission=permission.value,
        )
    if permission in SENSITIVE:
        view.used.add(permission.value)
    return verdict


def authorize_on(change: Change, user: str, permission: Permission) -> Actor:
    """Return the actor whose rights are about to change, authorized, with all accounts of its person locked (AC-15).

    Raises NotPermitted, or ActorNotFound to those alone who may change it.
    """
    found = queries.find_actor(change, user)
    if found is not None:
        queries.lock_persons(change, {found.person})
    authorize(change, permission)
    actor = queries.find_actor(change, user)  # as it is behind the lock
    if actor is None:
        raise ActorNotFound("actor", user)
    return actor


def readable(view: View, permission: Permission, *, on: Resource = ANYTHING) -> bool:
    """Tell whether the caller may read this; what may not be read looks absent (AC-13)."""
    return verdict_on(view, permission, on=on).allow


def verdict_on(view: View, permission: Permission, *, on: Resource = ANYTHING) -> Verdict:
    """Return the verdict either way. The program's own actors may do what their code does."""
    principal = current(view)
    if principal.kind is ActorKind.SYSTEM:
        return Verdict(allow=True, code="system")
    return decide(principal, permission, on, view.now)


def require_person(view: View) -> None:
    """Raise NotPermitted unless an active human acts: programs and third parties fill no seat (AC-4)."""
    principal = current(view)
    if principal.kind is not ActorKind.USER or principal.status is not ActorStatus.ACTIVE:
        raise NotPermitted("only a person's own account can do this", reasons=("not_a_person",))


def acting_persons(view: View) -> frozenset[PersonId]:
    """Return who may stand behind this act: the person, and whoever issued a credential that is lent (AC-17)."""
    principal = current(view)
    lender = None if principal.lent_by is None else queries.actor_by_id(view, principal.lent_by)
    return frozenset({principal.person} if lender is None else {principal.person, lender.person})


def _roles_with(permission: Permission) -> str:
    names = sorted(role.value for role, held in ROLE_PERMISSIONS.items() if permission in held)
    return (
        f". It comes with the role {' or '.join(names)}"
        if names
        else ". It is granted singly, by a custom role"
    )


def _about(resource: Resource) -> tuple[tuple[str, str], ...]:
    return () if resource.model is None else (("model", resource.model),)
