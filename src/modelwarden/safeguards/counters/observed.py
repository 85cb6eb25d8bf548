"""How far figures from operation lie from those that were approved: labels that come late show it (SG-46).

Which way is worse is not known of a figure, so what departs either way is told. Only versions that are live count.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from modelwarden.safeguards.counters import queries
from modelwarden.safeguards.triggers.signal import Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from modelwarden.store.change import View

SIGNAL: Final = "metric_change"


def windows(
    view: View, *, model: str, environment: str, since: datetime, until: datetime, by: str | None
) -> Sequence[Window]:
    """Return the one window of what was recorded in a span, of the figure that departs most; `n` figures compare."""
    if by is not None:
        return ()
    found = queries.observed(view, model, environment, since=since, until=until)
    compared = {
        f"{each.label}:{each.name}": (approved, each.value)
        for each in found
        if (approved := each.evaluation.get(each.name)) is not None
    }
    parts = [departure(Decimal(approved), Decimal(value)) for approved, value in compared.values()]
    evidence = {"figures": {name: list(pair) for name, pair in sorted(compared.items())}}
    value = float(max(parts)) if parts else None
    return (Window(SIGNAL, None, since, until, len(parts), value, evidence),)


def departure(approved: Decimal, observed: Decimal) -> Decimal:
    """Return how far a figure lies from the approved one, as a part of it; of an approved 0, as it is."""
    apart = abs(observed - approved)
    return apart / abs(approved) if approved else apart
