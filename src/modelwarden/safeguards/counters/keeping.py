"""Keeps what heartbeats add, in the writer's lane, together with the heartbeats themselves (SG-23)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from modelwarden.safeguards.by_version import queries as by_version
from modelwarden.safeguards.counters import queries
from modelwarden.safeguards.counters.totals import Total, named_counts, step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelwarden.safeguards.fleet.instance import Instance
    from modelwarden.store.change import Telemetry

KEPT: Final = timedelta(hours=26)
AHEAD: Final = timedelta(minutes=2)


def keep_counts(telemetry: Telemetry, found: Iterable[Instance]) -> None:
    """Add what each report says beyond what its instance said before."""
    for each in found:
        before = queries.find_total(telemetry, each.key)
        counts = named_counts(each.counts, each.by_version)
        total, added, versions = step(before, Total(each.pid, each.heard_at, counts))
        if added is None:
            continue
        queries.keep_total(telemetry, each.key, total)
        queries.add(telemetry, each.key, each.heard_at.replace(second=0, microsecond=0), added)
        by_version.add(telemetry, each.key, each.heard_at, versions)


def forget(telemetry: Telemetry) -> int:
    """Forget minutes that are over a day old, and those of a time to come; return how many."""
    now = telemetry.now
    by_version.forget(telemetry)
    return queries.forget(telemetry, before=now - KEPT, after=now + AHEAD)
