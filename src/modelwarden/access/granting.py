"""Actions on roles: define one, grant and revoke bindings, and say who may do what."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from modelwarden.access import permits, queries, rights
from modelwarden.access.actor import ADMIN_DAYS_MOST, Binding, Role
from modelwarden.access.allowed import authorize, authorize_on, require_person
from modelwarden.access.authorize import SELECTORS
from modelwarden.access.duties import check_static, warnings
from modelwarden.errors import (
    ExpiryNeeded,
    LastAdmin,
    NotFound,
    RoleFixed,
    RoleUnknown,
    SelfGrant,
    ValueInvalid,
)
from modelwarden.facts.access import RoleDefined, RoleGranted, RoleRevoked
from modelwarden.facts.kinds import Code
from modelwarden.permissions import (
    ADMINISTERING,
    BUILT_IN,
    BY_PERMIT,
    BuiltInRole,
    Permission,
)
from modelwarden.values.canonical import digest
from modelwarden.values.ids import MODEL_NAME, NAME, TAG, BindingId, Digest, PersonId, RoleName
from modelwarden.values.principal import ActorKind, ActorStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from modelwarden.access.actor import Actor
    from modelwarden.access.permit import Permit
    from modelwarden.store.change import Change


def define_role(
    change: Change, name: str, *, permissions: Sequence[str], includes: Sequence[str] = ()
) -> Role:
    """Define or redefine a custom role (AC-7).

    Raises:
        RoleFixed: the name is a built-in role's.
        RoleUnknown: a permission or included role does not exist.
        RoleCycle: it would include itself.
        RoleConflict: somebody who holds it would hold what must not meet.
    """
    authorize(change, Permission.ROLE_MANAGE)
    if name in BUILT_IN:
        raise RoleFixed(f"{name} is built in; define one of another name")
    if not NAME.fullmatch(name):
        raise ValueInvalid("role", "lowercase letters, digits and . _ -, at most 64")
    unknown = sorted(set(permissions) - {permission.value for permission in Permission})
    defined = queries.custom_roles(change)
    unknown += sorted(set(includes) - set(defined) - BUILT_IN)
    if unknown:
        raise RoleUnknown(f"no such permission or role: {', '.join(unknown)}")
    before = defined.get(name) or Role(name=name, permissions=())
    role = replace(
        before, permissions=tuple(sorted(set(permissions))), includes=tuple(sorted(set(includes)))
    )
    held = rights.permissions_of(name, {**defined, name: role})  # raises RoleCycle
    gained = held - rights.permissions_of(name, defined)
    if gained & BY_PERMIT:
        permits.spend(change, "role.define", _role_payload(name, role.permissions, role.includes))
    with admin_stays(change):
        role = change.save(role)
        _reread_holders(change, name, check=bool(gained))
    change.record(
        RoleDefined(
            role=RoleName(name),
            permissions=tuple(Code(word) for word in role.permissions),
            includes=tuple(RoleName(word) for word in role.includes),
        )
    )
    permits.end_bootstrap_when_ready(change)
    return role


def grant(  # the fields of a binding
    change: Change,
    user: str,
    role: str,
    *,
    scope: Mapping[str, str] | None = None,
    days: int | None = None,
    reason: str | None = None,
) -> Binding:
    """Let an actor hold a role, in a scope and for a time. Granting what decides or administers needs a permit (AC-40).

    Raises:
        SelfGrant: the receiver is the granter, or an account of the same person.
        RoleConflict: the person would hold roles that must not meet (AC-16).
        PermitNeeded: a sensitive role, and bootstrap mode is over.
    """
    selectors = _checked_scope(scope or {})
    actor = authorize_on(change, user, Permission.ROLE_ASSIGN)
    _refuse_self_grant(change, actor)
    if actor.status is ActorStatus.DEACTIVATED:
        raise ValueInvalid("user", "an account that was not deactivated")
    defined = queries.custom_roles(change, hold=True)  # none grows while we look what may meet
    given = rights.permissions_of(role, defined)
    if not given:
        raise RoleUnknown(f"no role {role!r} is defined; built in are {', '.join(BuiltInRole)}")
    expires_at = _end(change, given, days)
    permit = None
    if given & BY_PERMIT:
        payload = grant_payload(actor.id, role, selectors, days)
        permit = permits.spend(change, "role.grant", payload)
    binding = change.save(
        Binding(
            id=BindingId(change.new_id("bnd")),
            actor=actor.id,
            role=role,
            scope=selectors,
            expires_at=expires_at,
            granted_by=change.actor,
            granted_person=change.person,
            reason=None if reason is None else change.text(reason, about=_whom(actor)),
            created_at=change.now,
        )
    )
    queries.raise_epoch(change, actor.id)
    _record_grant(change, binding, permit, held=check_person(change, actor.person))
    permits.end_bootstrap_when_ready(change)
    return binding


def revoke(change: Change, user: str, role: str) -> tuple[Binding, ...]:
    """End all bindings of a role that an actor holds; in force at once. Raises NotFound, LastAdmin."""
    actor = authorize_on(change, user, Permission.ROLE_ASSIGN)
    held = [binding for binding in queries.bindings_of(change, actor.id) if binding.role == role]
    if not held:
        raise NotFound("binding", f"{user}: {role}")
    ended = []
    with admin_stays(change):
        for binding in held:
            ended.append(change.save(replace(binding, revoked_at=change.now)))
            change.record(RoleRevoked(user=actor.id, role=RoleName(role), binding=binding.id))
    queries.raise_epoch(change, actor.id)
    return tuple(ended)


def grant_payload(
    actor: str, role: str, scope: Sequence[tuple[str, str]], days: int | None
) -> Digest:
    """Return the digest of exactly this grant, as an approval request names it (AC-41)."""
    payload = {"user": actor, "role": role, "scope": dict(scope)} | (
        {} if days is None else {"days": days}
    )
    return Digest(digest(payload))


def check_person(change: Change, person: PersonId) -> frozenset[Permission]:
    """Return all that a person's accounts hold together. Raises RoleConflict where it must not meet (AC-16)."""
    defined = queries.custom_roles(change)
    bindings = queries.bindings_of_person(change, person)
    now = change.now
    held = [b for b in bindings if b.expires_at is None or b.expires_at > now]
    permissions = frozenset().union(*(rights.permissions_of(b.role, defined) for b in held))
    audits = any(_is_audit(b.role, defined) for b in held)
    check_static(permissions, audits=audits, about=(("person", person),))
    return permissions


@contextmanager
def admin_stays(change: Change) -> Iterator[None]:
    """Raise LastAdmin if what is done inside leaves no active person who administers everywhere (AC-10)."""
    queries.lock_persons(change, _admins(change))
    before = _admins(change)
    yield
    if before and not _admins(change):
        raise LastAdmin("this is the last active administrator; let someone else administer first")


def _admins(change: Change) -> frozenset[PersonId]:
    wanted = rights.roles_giving(BuiltInRole.ADMIN, queries.custom_roles(change))
    return frozenset(
        person for binding, person in queries.holders(change, wanted) if not binding.scope
    )


def _record_grant(
    change: Change, binding: Binding, permit: Permit | None, *, held: frozenset[Permission]
) -> None:
    change.record(
        RoleGranted(
            user=binding.actor,
            role=RoleName(binding.role),
            binding=binding.id,
            scope=tuple((Code(selector), Code(value)) for selector, value in binding.scope),
            expires_at=binding.expires_at,
            reason=binding.reason,
            permit=None if permit is None else permit.id,
            warned=bool(warnings(held)),
        )
    )


def _refuse_self_grant(change: Change, actor: Actor) -> None:
    if change.principal.kind is ActorKind.SYSTEM:
        return
    require_person(change)
    if actor.person == change.person:
        raise SelfGrant(
            "you can't grant a role to yourself or to an account behind which you stand; ask another administrator",
            about=(("actor", actor.id),),
        )


def _whom(actor: Actor) -> PersonId | None:
    return None if actor.kind is ActorKind.SERVICE else actor.person


def _is_audit(role: str, defined: Mapping[str, Role]) -> bool:
    return BuiltInRole.AUDITOR in {role, *rights.included_in(role, defined)}


def _end(change: Change, given: frozenset[Permission], days: int | None) -> datetime | None:
    if given & ADMINISTERING and days is None:
        days = ADMIN_DAYS_MOST  # expiry is mandatory for administrators (AC-9)
    if days is None:
        return None
    most = ADMIN_DAYS_MOST if given & ADMINISTERING else 3_650
    if not 1 <= days <= most:
        raise ExpiryNeeded(f"this role is held for 1 to {most} days at a time")
    return change.now + timedelta(days=days)


def _checked_scope(scope: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    unknown = sorted(set(scope) - set(SELECTORS))
    if unknown:
        raise ValueInvalid("scope", f"selectors among {', '.join(SELECTORS)}")
    for selector, value in scope.items():
        pattern = MODEL_NAME if selector == "model" else TAG
        if not pattern.fullmatch(
            value
        ):  # nothing else has such a name, and entries keep it in clear
            raise ValueInvalid(f"scope.{selector}", f"text that matches {pattern.pattern}")
    return tuple(sorted(scope.items()))


def _role_payload(name: str, permissions: Sequence[str], includes: Sequence[str]) -> Digest:
    return Digest(
        digest({"role": name, "permissions": list(permissions), "includes": list(includes)})
    )


def _reread_holders(change: Change, name: str, *, check: bool) -> None:
    """Let what holders may do be read again, everywhere; if they gain, check what each person holds now."""
    wanted = rights.roles_giving(name, queries.custom_roles(change))
    queries.raise_epochs_of_holders(change, wanted)
    for person in queries.persons_holding(change, wanted) if check else ():
        check_person(change, person)
