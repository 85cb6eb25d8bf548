"""Reads of roles: who holds what, who granted it, and who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access import accounts, queries, rights
from modelwarden.access.actor import Role
from modelwarden.access.allowed import current
from modelwarden.access.authorize import Resource, Verdict, decide, is_current, matches
from modelwarden.errors import ValueInvalid
from modelwarden.permissions import ALIASES, BuiltInRole, Permission
from modelwarden.values.principal import Via

if TYPE_CHECKING:
    from collections.abc import Collection

    from modelwarden.access.actor import Binding
    from modelwarden.store.change import View
    from modelwarden.values.ids import PersonId
    from modelwarden.values.principal import Grant


def roles_of(view: View, user: str) -> tuple[Binding, ...]:
    """Return the bindings of an actor: one's own, or others' with `user.manage` or `access.review`."""
    return tuple(queries.bindings_of(view, accounts.user(view, user).id))


def roles(view: View) -> tuple[Role, ...]:
    """Return all roles: built in first, then defined ones."""
    current(view)
    built_in = (
        Role(name=role.value, permissions=tuple(sorted(rights.permissions_of(role.value, {}))))
        for role in BuiltInRole
    )
    return (*built_in, *queries.custom_roles(view).values())


def may(view: View, user: str, permission: str, *, resource: Resource) -> Verdict:
    """Answer whether an actor may do something here, and by which binding or why not (AC-14).

    Takes the names of the source documents too: `MODEL_DEPLOY` means both environments, or the one asked about (AC-6a).
    """
    actor = accounts.user(view, user)
    principal = rights.principal_of(view, actor, via=Via.TOKEN)
    wanted = _permissions_meant(permission, resource)
    verdicts = [decide(principal, each, resource, view.now) for each in wanted]
    denied = [verdict for verdict in verdicts if not verdict.allow]
    return denied[0] if denied else verdicts[0]


def holds_role(view: View, actor: str, role: str, resource: Resource) -> Grant | None:
    """Return the grant by which an actor holds a role here and now, itself or through a role that includes it."""
    defined = queries.custom_roles(view)
    wanted = rights.roles_giving(role, defined)
    for binding in queries.bindings_of(view, actor):  # type: ignore[arg-type]
        (found,) = rights.as_grants((binding,))
        if (
            binding.role in wanted
            and is_current(found, view.now)
            and matches(binding.scope, resource)
        ):
            return found
    return None


def granters(view: View, actor: str, role: str) -> frozenset[PersonId]:
    """Return the persons who granted this role, or one that includes it, to the actor (AC-17)."""
    wanted = rights.roles_giving(role, queries.custom_roles(view))
    held = queries.bindings_of(view, actor)  # type: ignore[arg-type]
    given = (binding.granted_person for binding in held if binding.role in wanted)
    return queries.current_persons(view, given)


def granters_of(view: View, actor: str, permissions: Collection[Permission]) -> frozenset[PersonId]:
    """Return the persons who granted the actor a role that gives one of these permissions (AC-17)."""
    defined, wanted = queries.custom_roles(view), set(permissions)
    held = queries.bindings_of(view, actor)  # type: ignore[arg-type]
    given = (
        each.granted_person for each in held if wanted & rights.permissions_of(each.role, defined)
    )
    return queries.current_persons(view, given)


def _permissions_meant(name: str, resource: Resource) -> tuple[Permission, ...]:
    if name == "MODEL_DEPLOY" and resource.environment in {"staging", "production"}:
        return (Permission(f"deploy.{resource.environment}"),)
    if name in ALIASES:
        return ALIASES[name]
    try:
        return (Permission(name),)
    except ValueError as error:
        raise ValueInvalid("permission", "a name from the permission matrix") from error
