"""Which models have guards that can be relied on, and which have none (SG-58)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access.allowed import readable
from modelwarden.permissions import Permission
from modelwarden.registry import reads as registry
from modelwarden.safeguards.fleet import queries
from modelwarden.safeguards.fleet.confirming import Heard
from modelwarden.safeguards.fleet.instance import LISTED, GuardCounts
from modelwarden.safeguards.fleet.reads import Confirmations, tracked_of
from modelwarden.values.guards import CoverageAnswer
from modelwarden.values.pages import Listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.registry.lifecycle import Environment
    from modelwarden.registry.model import Model
    from modelwarden.registry.queries import ModelFilter
    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import View
    from modelwarden.values.pages import Page


def coverage(
    view: View, page: Page, *, environment: Environment, wanted: ModelFilter | None = None
) -> Listing[CoverageAnswer]:
    """Return a page of the models that the caller may read, by name, and how their guards are.

    A model whose switches there are not the caller's to read is left out.
    """
    found = registry.models(view, page, wanted=wanted)
    return Listing(
        guarded(view, found.items, environment=environment), found.next_cursor, found.indexed_to
    )


def guarded(
    view: View, models: Sequence[Model], *, environment: Environment
) -> tuple[CoverageAnswer, ...]:
    """Return how the guards of these models are, in their order; those that the caller may read of."""
    place = environment.value
    mine = [
        each.name
        for each in models
        if readable(view, Permission.SWITCH_READ, on=registry.resource_of(each, place))
    ]
    counts = queries.guard_counts(view, mine, environment=place, since=view.now - LISTED)
    return tuple(_covered(name, place, counts.get(name, GuardCounts())) for name in mine)


def live_confirmations(view: View, switches: Sequence[Switch]) -> dict[str, Confirmations]:
    """Return how far these switches, which the caller was shown, are confirmed now: those that are in force."""
    heard = Heard(view)
    live = [(switch, tracked_of(view, switch)) for switch in switches if switch.is_live]
    return {
        switch.id: Confirmations(tracked, heard.tally(switch, tracked)) for switch, tracked in live
    }


def _covered(model: str, environment: str, found: GuardCounts) -> CoverageAnswer:
    return CoverageAnswer(
        model=model,
        environment=environment,
        guards=found.heard,
        live=found.live,
        lost=found.lost,
        stale=found.stale,
        rejecting=found.rejecting,
        oldest=found.oldest,
        newest=found.newest,
    )
