"""What an actor may do, resolved: roles into permissions, bindings into grants, a credential into a principal."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from modelwarden.access import queries
from modelwarden.errors import RoleCycle, Unauthenticated
from modelwarden.permissions import BUILT_IN, ROLE_PERMISSIONS, BuiltInRole, Permission
from modelwarden.values.principal import ActorStatus, Grant, Principal, Via

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from modelwarden.access.actor import Actor, Binding, Role, Token
    from modelwarden.store.change import View
    from modelwarden.values.ids import ActorId


def permissions_of(name: str, defined: Mapping[str, Role]) -> frozenset[Permission]:
    """Return all that a role gives, included roles too. Raises RoleCycle; an unknown role gives nothing."""
    found: set[Permission] = set()
    for role in (name, *included_in(name, defined)):
        if role in BUILT_IN:
            found |= ROLE_PERMISSIONS[BuiltInRole(role)]
        elif role in defined:
            found.update(Permission(word) for word in defined[role].permissions)
    return frozenset(found)


def included_in(name: str, defined: Mapping[str, Role]) -> frozenset[str]:
    """Return the roles that a role includes, at any depth. Raises RoleCycle when it is among them."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        role = defined.get(waiting.pop())
        fresh = set() if role is None else set(role.includes) - found
        found |= fresh
        waiting += fresh
    if name in found:
        raise RoleCycle(f"the role {name} would include itself, by way of the roles it includes")
    return frozenset(found)


def roles_giving(name: str, defined: Mapping[str, Role]) -> tuple[str, ...]:
    """Return the roles whose holders also hold `name`: itself, and all that include it."""
    found, more = set[str](), {name}
    while more:
        found |= more
        more = {role.name for role in defined.values() if more & set(role.includes)} - found
    return tuple(sorted(found))


def as_grants(bindings: Iterable[Binding]) -> tuple[Grant, ...]:
    """Return the bindings as grants, in order."""
    return tuple(
        Grant(
            binding=binding.id,
            role=binding.role,
            scope=binding.scope,
            not_before=binding.not_before,
            expires_at=binding.expires_at,
        )
        for binding in bindings
    )


def resolve(
    bindings: Iterable[Binding], defined: Mapping[str, Role]
) -> dict[str, tuple[Grant, ...]]:
    """Return permission → grants, for look-up by decide."""
    grants: dict[str, list[Grant]] = {}
    for grant in as_grants(bindings):
        for permission in permissions_of(grant.role, defined):
            grants.setdefault(permission.value, []).append(grant)
    return {permission: tuple(found) for permission, found in grants.items()}


def principal_of(view: View, actor: Actor, *, via: Via, token: Token | None = None) -> Principal:
    """Return the actor with its rights as they are now, cut down to the token's scopes."""
    defined = _current_roles(view)
    bindings = [
        each
        for each in queries.bindings_of(view, actor.id)
        if not view.is_frozen("binding", each.id)
    ]
    behind = view.is_frozen(
        "actor", actor.id
    )  # it may have been suspended since: until a person says no
    return Principal(
        actor=actor.id,
        kind=actor.kind,
        person=actor.person,
        via=via,
        status=ActorStatus.SUSPENDED if behind else actor.status,
        credential=None if token is None else token.id,
        credential_expires_at=None if token is None else _end(token),
        token_scopes=None if token is None or token.scopes is None else frozenset(token.scopes),
        epoch=queries.epoch(view, actor.id),
        grants=MappingProxyType(resolve(bindings, defined)),
        roles=frozenset(binding.role for binding in bindings),
        networks=() if token is None else token.networks,
        lent_by=None if token is None else _lender(view, actor, token),
    )


def _current_roles(view: View) -> dict[str, Role]:
    """Return the roles that are defined, without those that a restore left behind the ledger (LG-46)."""
    found = queries.custom_roles(view)
    return {name: role for name, role in found.items() if not view.is_frozen("role", name)}


def _lender(view: View, actor: Actor, token: Token) -> ActorId | None:
    """Return who issued the token, if that is another person."""
    issuer = None if token.issued_by == actor.id else queries.actor_by_id(view, token.issued_by)
    return None if issuer is None or issuer.person == actor.person else issuer.id


def authenticated(view: View, secret: str) -> Principal:
    """Return who this token stands for. Raises Unauthenticated, always in the same words."""
    token = queries.token_by_secret(view, secret)
    actor = None if token is None else queries.actor_by_id(view, token.actor)
    if (
        token is None
        or actor is None
        or not token.is_valid(view.now)
        or actor.status is not ActorStatus.ACTIVE
        or view.is_frozen("token", token.id)
    ):
        raise Unauthenticated
    return principal_of(view, actor, via=Via.TOKEN, token=token)


def refreshed(view: View, principal: Principal) -> Principal:
    """Return the principal with its rights read again. Raises Unauthenticated when the credential ended."""
    actor = queries.actor_by_id(view, principal.actor)
    if actor is None:
        raise Unauthenticated
    if principal.credential is None:
        return principal_of(view, actor, via=principal.via)
    token = queries.token(view, principal.credential)
    if token is None or not token.is_valid(view.now) or view.is_frozen("token", token.id):
        raise Unauthenticated
    return principal_of(view, actor, via=principal.via, token=token)


def _end(token: Token) -> datetime:
    return token.expires_at if token.revoked_at is None else min(token.expires_at, token.revoked_at)
