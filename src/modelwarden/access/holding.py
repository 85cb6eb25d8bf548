"""Reads of roles: who holds what, who granted it, and who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modelwarden.access import accounts, queries, rights
from modelwarden.access.actor import Role
from modelwarden.access.allowed import current
from modelwarden.access.authorize import Resource, Verdict, decide, is_current, matches
from modelwarden.errors import ValueInvalid
from modelwarden.permissions import ALIASES, BuiltInRole, Permission
from modelwarden.values.principal import Via

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from modelwarden.access.actor import Binding
    from modelwarden.store.change import View
    from modelwarden.values.ids import PersonId
    from modelwarden.values.principal import Grant


class Held(NamedTuple):
    """The bindings of some accounts and the roles that are defined, both read at once; not kept over a transaction."""

    defined: Mapping[str, Role]
    bindings: Mapping[str, Sequence[Binding]]

    def grant(self, actor: str, role: str, resource: Resource, *, now: datetime) -> Grant | None:
        """Return the grant by which one of them holds a role here and now, or a role that includes it."""
        wanted = rights.roles_giving(role, self.defined)
        grants = rights.as_grants(each for each in self._of(actor) if each.role in wanted)
        here = (each for each in grants if is_current(each, now) and matches(each.scope, resource))
        return next(here, None)

    def granters(self, actor: str, role: str) -> frozenset[PersonId]:
        """Return who granted this role, or one that includes it, as they were known then (AC-17)."""
        wanted = rights.roles_giving(role, self.defined)
        return frozenset(each.granted_person for each in self._of(actor) if each.role in wanted)

    def granters_of(self, actor: str, permissions: Iterable[Permission]) -> frozenset[PersonId]:
        """Return who granted a role that gives one of these permissions, as they were known then (AC-17)."""
        wanted = set(permissions)
        return frozenset(
            each.granted_person
            for each in self._of(actor)
            if wanted & rights.permissions_of(each.role, self.defined)
        )

    def _of(self, actor: str) -> Sequence[Binding]:
        return self.bindings.get(actor, ())


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
    return held_by(view, {actor}).grant(actor, role, resource, now=view.now)


def held_by(view: View, actors: Iterable[str]) -> Held:
    """Return what these accounts hold as this transaction sees it: two statements, however many they are."""
    found: dict[str, list[Binding]] = {}
    for binding in queries.bindings_of_these(view, actors):
        found.setdefault(binding.actor, []).append(binding)
    return Held(queries.custom_roles(view), found)


def _permissions_meant(name: str, resource: Resource) -> tuple[Permission, ...]:
    if name == "MODEL_DEPLOY" and resource.environment in {"staging", "production"}:
        return (Permission(f"deploy.{resource.environment}"),)
    if name in ALIASES:
        return ALIASES[name]
    try:
        return (Permission(name),)
    except ValueError as error:
        raise ValueInvalid("permission", "a name from the permission matrix") from error
