"""From totals that only grow to what was added since. Pure.

Guards count from their start, and a forked child goes on from its parent's numbers under another name. So the first
report of an instance adds nothing, and neither does one that says less than the one before: it is late, or sent twice.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from modelwarden.safeguards.fleet.instance import VersionCount

FORGIVEN: Final = timedelta(minutes=5)
"""After so long with nothing but smaller totals, an instance is believed to count anew."""
GAUGES: Final = frozenset({"local_stop", "open_breakers", "stuck_outputs", "clock_is_behind"})
"""Counts that say how something stands, and may fall."""
ANSWERED: Final = ("ok", "clipped", "last_known_good", "baseline", "default", "failed")
FALLEN_BACK: Final = ("last_known_good", "baseline", "default")
ALL: Final = (*ANSWERED, "blocked", "limited")
OF: Final = "@"
MOST: Final = 10**12
"""More in one report is no count, but a guard that lies or is broken."""


class Total(NamedTuple):
    """What an instance said last that was believed."""

    pid: int
    heard_at: datetime
    counts: Mapping[str, int]


class Added(NamedTuple):
    """What one report adds to its minute.

    Attributes:
        answerable: decisions to which the model, or a fallback, owed an answer: no switch and no limit stood before.
        failed: those whose model raised, whether or not a fallback answered.
    """

    decisions: int = 0
    answerable: int = 0
    failed: int = 0
    clipped: int = 0
    fell_back: int = 0
    stale: int = 0
    disagreed: int = 0
    non_finite: int = 0
    refused_snapshots: int = 0
    drilled: int = 0
    slow: int = 0
    inputs: int = 0
    bad_inputs: int = 0
    open_breakers: int = 0
    stuck_outputs: int = 0


STANDING: Final = ("open_breakers", "stuck_outputs")
"""Fields that say how something stands in a minute; all others add up."""


class VersionAdded(NamedTuple):
    """What one report adds to the calls of one version."""

    calls: int = 0
    failed: int = 0
    busy_ms: int = 0
    differed: int = 0


class Step(NamedTuple):
    """What is kept of a report, and what it adds; `added` is None where it says nothing new."""

    total: Total
    added: Added | None
    by_version: Mapping[str, VersionAdded] = MappingProxyType({})


def step(before: Total | None, now: Total) -> Step:
    """Return what a report adds to what its instance said before."""
    counts = {name: count for name, count in now.counts.items() if 0 <= count <= MOST}
    now = now._replace(counts=counts)
    gauge = Added(**{name: counts.get(name, 0) for name in STANDING})
    if before is None or before.pid != now.pid:
        return Step(now, gauge)
    if now.heard_at < before.heard_at:
        return Step(before, None)
    if any(counts.get(name, 0) < count for name, count in _growing(before.counts).items()):
        forgiven = now.heard_at - before.heard_at > FORGIVEN
        return Step(now, gauge) if forgiven else Step(before, None)
    grown = {name: count - before.counts.get(name, 0) for name, count in _growing(counts).items()}
    return Step(now, _added(grown, gauge), _by_version(grown))


def named_counts(counts: Mapping[str, int], versions: Iterable[VersionCount]) -> dict[str, int]:
    """Return all that a guard counts by one name each: `calls@1.4.0` for what it counts of a version."""
    plain = {name: count for name, count in counts.items() if OF not in name}
    return plain | {
        f"{name}{OF}{each.label}": getattr(each, name)
        for each in versions
        for name in VersionAdded._fields
    }


def _growing(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if name not in GAUGES}


def _by_version(grown: Mapping[str, int]) -> dict[str, VersionAdded]:
    found: dict[str, VersionAdded] = {}
    for name, count in grown.items():
        field, of, label = name.partition(OF)
        if of and count:
            found[label] = found.get(label, VersionAdded())._replace(**{field: count})
    return found


def _added(grown: Mapping[str, int], gauge: Added) -> Added:
    def of(*names: str) -> int:
        return sum(grown.get(name, 0) for name in names)

    return gauge._replace(
        decisions=of(*ALL),
        answerable=max(0, of(*ANSWERED, "blocked") - of("stopped")),
        failed=of("failed", "raised"),
        clipped=of("clipped"),
        fell_back=of(*FALLEN_BACK),
        stale=of("stale_inputs"),
        disagreed=of("disagreement"),
        non_finite=of("non_finite"),
        refused_snapshots=of("rejected"),
        drilled=of("drilled"),
        slow=of("slow"),
        inputs=of("inputs"),
        bad_inputs=of("bad_inputs"),
    )
