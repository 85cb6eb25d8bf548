"""The authorised reads of triggers, firings and proposals. What may not be read looks absent (AC-13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import readable
from modelwarden.access.authorize import Resource
from modelwarden.errors import NotFound
from modelwarden.permissions import Permission
from modelwarden.registry.reads import resource_of
from modelwarden.safeguards.queries import models_named
from modelwarden.safeguards.triggers import queries
from modelwarden.safeguards.triggers.judge import Alarm, Verdict
from modelwarden.safeguards.triggers.trigger import Trigger, TriggerState
from modelwarden.values.pages import Listing, Page, cursor_for

if TYPE_CHECKING:
    from datetime import timedelta

    from modelwarden.safeguards.triggers.proposal import Firing, Proposal
    from modelwarden.store.change import View

STALE: Final = 3
"""So many windows after the last one that was judged, nothing is known any more."""


def trigger(view: View, name: str) -> Trigger:
    """Return the newest version of a trigger. Raises NotFound."""
    found = queries.versions_of(view, name, limit=1)
    if not found or not may_read(view, found[0].model, found[0].environment.value):
        raise NotFound("trigger", name)
    return found[0]


def trigger_versions(view: View, name: str, page: Page) -> Listing[Trigger]:
    """Return the versions of a trigger, newest first. Raises NotFound."""
    trigger(view, name)
    return Listing(tuple(queries.versions_of(view, name, limit=page.limit)))


def triggers(
    view: View, page: Page, *, model: str | None = None, waiting: bool = False
) -> Listing[Trigger]:
    """Return a page of the triggers that are in force or wait, by name; `waiting`: those alone that wait."""
    found = queries.standing(view, page.after or "", limit=page.limit, waiting=waiting)
    fitting = tuple(
        each
        for each in found
        if model in {None, each.model} and may_read(view, each.model, each.environment.value)
    )
    more = cursor_for(found[-1].name) if len(found) == page.limit else None
    return Listing(fitting, more)


def firing(view: View, firing_id: str) -> Firing:
    """Return one firing. Raises NotFound."""
    found = queries.find_firing(view, firing_id)
    if found is None or not may_read(view, found.model, found.environment.value):
        raise NotFound("firing", firing_id)
    return found


def firings(view: View, name: str, page: Page) -> Listing[Firing]:
    """Return a page of what a trigger fired, newest first. Raises NotFound."""
    trigger(view, name)
    found = queries.firings_before(view, name, page.after or queries.NEWEST, limit=page.limit)
    more = cursor_for(found[-1].id) if len(found) == page.limit else None
    kept = (each for each in found if may_read(view, each.model, each.environment.value))
    return Listing(tuple(kept), more)


def proposal(view: View, proposal_id: str) -> Proposal:
    """Return a proposed switch, open or not. Raises NotFound."""
    found = queries.find_proposal(view, proposal_id)
    if found is None or not may_read(view, found.model, found.environment.value):
        raise NotFound("proposal", proposal_id)
    return found


def proposals(view: View, page: Page, *, everything: bool = False) -> Listing[Proposal]:
    """Return a page of the proposals that are open, newest first; with `everything`, all that ever were."""
    found = queries.proposals_before(
        view,
        page.after or queries.NEWEST,
        open_at=None if everything else view.now,
        limit=page.limit,
    )
    more = cursor_for(found[-1].id) if len(found) == page.limit else None
    kept = (each for each in found if may_read(view, each.model, each.environment.value))
    return Listing(tuple(kept), more)


def verdict_of(view: View, trigger: Trigger) -> Verdict:
    """Return what is known by a trigger now: fail while a rung fires or begins to, unknown where nothing was judged."""
    if trigger.state is not TriggerState.IN_FORCE or view.is_frozen("trigger", trigger.id):
        return Verdict.UNKNOWN
    alarms = queries.alarms_of(view, trigger.name)
    steps = {rung.step for rung in trigger.rungs}
    mine = [alarm for (step, _), alarm in alarms.items() if step in steps]
    if any(alarm.firing or alarm.streak for alarm in mine):
        return Verdict.FAIL
    current = [alarm for alarm in mine if not _is_stale(view, alarm, trigger)]
    if not mine or len(current) < len(mine) or not all(alarm.spoke for alarm in current):
        return Verdict.UNKNOWN
    return Verdict.PASS


def _is_stale(view: View, alarm: Alarm, trigger: Trigger) -> bool:
    if alarm.judged_until is None:
        return True
    age: timedelta = view.now - alarm.judged_until
    return age.total_seconds() > STALE * trigger.window_s


def may_read(view: View, model: str, environment: str) -> bool:
    """Tell whether the caller may read what concerns a model there; one that nobody registered, by its name."""
    found = models_named(view, [model]).get(model)
    on = (
        Resource(model=model, environment=environment)
        if found is None
        else resource_of(found, environment)
    )
    return readable(view, Permission.SWITCH_READ, on=on)
