"""Figures of switches, guards and triggers for `/metrics`: counts by environment, never a scope or a name (SG-57)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from modelwarden.safeguards.counters.watching import OWNER as FLEETS
from modelwarden.safeguards.figures import queries
from modelwarden.safeguards.fleet.instance import LATE, LISTED, LOST
from modelwarden.safeguards.triggers.queries import alarms_of
from modelwarden.values.health import SafeguardFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.store.change import View


def figures(view: View) -> tuple[SafeguardFigure, ...]:
    """Return the figures of switches and guards. The caller asks for the right."""
    now = view.now
    found = [
        SafeguardFigure(name="switches_live", labels=(("environment", place), ("severity", severity)), value=n)
        for place, severity, n in queries.count_switches(view)
    ]  # fmt: skip
    for place, confirmed, expected, unconfirmed in queries.count_confirmations(view):
        of = (("environment", place),)
        ratio = confirmed / expected if expected else 1.0
        found.append(SafeguardFigure(name="switch_confirmed_ratio", labels=of, value=ratio))
        found.append(SafeguardFigure(name="switches_unconfirmed", labels=of, value=unconfirmed))
    for place, standing, state, n in queries.count_instances(
        view, late=now - LATE, lost=now - LOST, since=now - LISTED
    ):
        labels = (("environment", place), ("standing", standing), ("state", state))
        found.append(SafeguardFigure(name="guards", labels=labels, value=n))
    for place, model, generation in queries.generations(view, since=now - LOST):
        of_model = (("environment", place), ("model", model))
        name = "guards_oldest_generation"
        found.append(SafeguardFigure(name=name, labels=of_model, value=generation))
    found += _triggers(view)
    return tuple(found)


def _triggers(view: View) -> Iterator[SafeguardFigure]:
    """Return the figures of triggers, and of fleets that were told to have open breakers."""
    told = alarms_of(view, FLEETS)
    firing = (about for (kind, about), each in told.items() if kind == "breakers" and each.firing)
    fleets = Counter(about.split("/")[0] for about in firing)
    for name, counts in (
        ("proposals_open", queries.count_proposals(view, view.now)),
        ("triggers_firing", queries.count_firing(view)),
        ("breaker_fleets", sorted(fleets.items())),
    ):
        for place, n in counts:
            yield SafeguardFigure(name=name, labels=(("environment", place),), value=n)
