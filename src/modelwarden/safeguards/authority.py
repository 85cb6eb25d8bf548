"""Who may stop what, see it, and let it go on (SG-9, SG-10). All is read as it is now, in the transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.access import duties
from modelwarden.access import queries as accounts
from modelwarden.access.allowed import acting_persons, authorize, readable, require_person
from modelwarden.access.authorize import Resource
from modelwarden.errors import NotPermitted, OwnerRelease, SelfRelease
from modelwarden.permissions import Permission
from modelwarden.registry.reads import resource_of
from modelwarden.safeguards import queries
from modelwarden.safeguards.reach import MODEL, reach_of, registrable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modelwarden.registry.model import Model
    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName, PersonId

OWNER: Final = "owner"


def authorize_on(view: View, permission: Permission, switch: Switch) -> None:
    """Refuse whoever lacks the permission on any model that the switch names; one that names none takes it everywhere.

    The owner of a model holds `switch.activate` on it without a role. Raises NotPermitted.
    """
    for on in resources(view, switch):
        authorize(view, permission, on=on)


def authorize_release(view: View, switch: Switch) -> None:
    """Refuse whoever may not take part in a release: it takes the permission, and an active person (AC-4)."""
    authorize_on(view, Permission.SWITCH_RELEASE, switch)
    require_person(view)


def authorize_keeping(view: View, switch: Switch) -> None:
    """Refuse whoever may neither release the switch nor activate it: either may refuse its release."""
    require_person(view)
    found = resources(view, switch)
    if not all(readable(view, Permission.SWITCH_RELEASE, on=on) for on in found):
        authorize_on(view, Permission.SWITCH_ACTIVATE, switch)


def require_requester(view: View, switch: Switch) -> None:
    """Refuse whoever did not ask for the release. Raises NotPermitted."""
    asked = accounts.current_persons(view, switch.requested_persons)
    if view.person not in asked:
        raise NotPermitted(
            "who asked for the release withdraws it; others refuse it",
            about=about(switch),
            reasons=("not_requester",),
        )


def check_duties(view: View, switch: Switch) -> None:
    """Hold SG-10 against whoever confirms: persons are compared, as they are known today (AC-2, AC-17).

    Raises SelfRelease for who asked or, at SEV1, activated; OwnerRelease for the owner of a model that is stopped.
    """
    barred = switch.barred_parts()
    persons = acting_persons(view)
    parts = {
        "requester": switch.requested_persons,
        "activator": switch.activated_persons,
    }
    known = {
        part: accounts.current_persons(view, stood)
        for part, stood in parts.items()
        if part in barred
    }
    duties.check(persons, barred=known, rule=SelfRelease, about=about(switch))
    if OWNER in barred and owns_some(view, persons, switch):
        duties.check(persons, barred={OWNER: persons}, rule=OwnerRelease, about=about(switch))


def owns_some(view: View, persons: Iterable[PersonId], switch: Switch) -> bool:
    """Tell whether one of these persons owns a model that the switch may touch, or did since it was activated."""
    mine = {a.id for person in sorted(persons) for a in accounts.accounts_of(view, person)}
    reach = reach_of(switch)
    found: Iterable[Model]
    if reach.models:
        found = queries.models_named(view, reach.models).values()
    else:
        found = queries.models_owned(view, sorted(mine))
    return any(
        mine & model.owners_since(switch.activated_at) and reach.may_touch(model.name, model.type)
        for model in found
    )


def may_read(view: View, switches: Sequence[Switch]) -> list[Switch]:
    """Return those switches that the caller may read: all models that one names have to be readable (AC-13)."""
    names = {name for switch in switches for name in reach_of(switch).models}
    found = queries.models_named(view, sorted(names)) if names else {}
    return [
        switch
        for switch in switches
        if all(readable(view, Permission.SWITCH_READ, on=on) for on in _resources(switch, found))
    ]


def resources(view: View, switch: Switch) -> list[Resource]:
    """Return what a switch acts on, as scopes of roles select it: each model that it names, else the environment."""
    names = reach_of(switch).models
    return _resources(switch, queries.models_named(view, names) if names else {})


def about(switch: Switch) -> tuple[tuple[str, str], ...]:
    """Return what a refusal concerns."""
    named: tuple[ModelName, ...] = registrable(reach_of(switch).models)
    return (("switch", switch.id), *((MODEL, name) for name in named))


def _resources(switch: Switch, found: Mapping[str, Model]) -> list[Resource]:
    environment = switch.environment.value
    names = reach_of(switch).models
    if not names:
        return [Resource(environment=environment)]
    return [
        resource_of(found[name], environment)
        if name in found
        else Resource(model=name, environment=environment)
        for name in names
    ]
