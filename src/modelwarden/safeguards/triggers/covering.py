"""Which ways to fail something would notice, for one model now (SG-46)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access.allowed import authorize
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
    from modelwarden.safeguards.severity.failure_modes import Coverage
    from modelwarden.store.change import View


def covered(
    view: View, model: str, *, environment: Environment = Environment.PRODUCTION
) -> list[Coverage]:
    """Return each way to fail, and what is on against it. Raises ModelNotFound, NotPermitted."""
    found = readable_model(view, model)
    authorize(view, Permission.SWITCH_READ, on=resource_of(found, environment.value))
    signals = {
        each.signal
        for each in queries.in_force(view)
        if (each.model, each.environment) == (found.name, environment) and not each.dry_run
    }
    heard = fleet.instances_after(
        view,
        ("",) * 4,
        since=view.now - LISTED,
        environment=environment.value,
        model=found.name,
        limit=1,
    )
    drilled = {fault: last.at for fault, last in last_drilled(view, found.name).items()}
    return coverage(signals, is_heard=bool(heard), drilled=drilled)
