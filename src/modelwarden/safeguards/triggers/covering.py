"""Which ways to fail something would notice, for a model now (SG-46)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access.allowed import authorize, readable
from modelwarden.permissions import Permission
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.reads import model as readable_model
from modelwarden.registry.reads import resource_of
from modelwarden.safeguards.drills.queries import last_drilled
from modelwarden.safeguards.fleet import queries as fleet
from modelwarden.safeguards.fleet.instance import LISTED
from modelwarden.safeguards.severity.failure_modes import coverage
from modelwarden.safeguards.triggers import queries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from modelwarden.registry.model import Model
    from modelwarden.safeguards.severity.failure_modes import Coverage
    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName


def covered(
    view: View, model: str, *, environment: Environment = Environment.PRODUCTION
) -> list[Coverage]:
    """Return each way to fail, and what is on against it. Raises ModelNotFound, NotPermitted."""
    found = readable_model(view, model)
    authorize(view, Permission.SWITCH_READ, on=resource_of(found, environment.value))
    return _covered(view, found.name, environment, _judged(view, environment).get(found.name, ()))


def covered_each(
    view: View, models: Iterable[Model], *, environment: Environment
) -> dict[str, list[Coverage]]:
    """Return it of each of these models of which switches may be read, by name."""
    judged = _judged(view, environment)
    return {
        each.name: _covered(view, each.name, environment, judged.get(each.name, ()))
        for each in models
        if readable(view, Permission.SWITCH_READ, on=resource_of(each, environment.value))
    }


def _judged(view: View, environment: Environment) -> dict[ModelName, set[str]]:
    """Return the signals that are judged of each model there, and not only tried out."""
    found: dict[ModelName, set[str]] = {}
    for each in queries.in_force(view):
        if each.environment is environment and not each.dry_run:
            found.setdefault(each.model, set()).add(each.signal)
    return found


def _covered(
    view: View, model: ModelName, environment: Environment, signals: Collection[str]
) -> list[Coverage]:
    heard = fleet.instances_after(
        view,
        ("",) * 4,
        since=view.now - LISTED,
        environment=environment.value,
        model=model,
        limit=1,
    )
    drilled = {fault: last.at for fault, last in last_drilled(view, model).items()}
    return coverage(frozenset(signals), is_heard=bool(heard), drilled=drilled)
