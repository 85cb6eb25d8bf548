"""Signals that are read from what guards count in their heartbeats (SG-51)."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelwarden.safeguards.counters import queries
from modelwarden.safeguards.triggers.signal import DRILLED, Part, Window, fair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.safeguards.counters.queries import Worker
    from modelwarden.safeguards.triggers.signal import Fair, Source
    from modelwarden.store.change import View

SHOWN: Final = 50
"""Workers that evidence names; the others are added up."""
SHARES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "error_rate": ("failed", "answerable"),
        "clip_rate": ("clipped", "answerable"),
        "fallback_share": ("fell_back", "answerable"),
        "stale_inputs": ("stale", "decisions"),
        "disagreement": ("disagreed", "decisions"),
        "non_finite": ("non_finite", "decisions"),
        "latency": ("slow", "answerable"),
        "schema": ("bad_inputs", "inputs"),
    }
)
"""Signal → what is bad, of what."""
BY_WORKER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "breaker_open": "open_breakers",
        "refused_snapshots": "refused_snapshots",
        "stuck_output": "stuck_outputs",
    }
)
"""Signal → what a worker must not have."""


def windows(  # noqa: PLR0913  # what every source is asked, and for which signal
    view: View,
    *,
    signal: str,
    model: str,
    environment: str,
    since: datetime,
    until: datetime,
    by: str | None,
) -> Sequence[Window]:
    """Return the one window of a signal; guards count nothing by the values of a dimension."""
    if by is not None:
        return ()
    found = queries.workers(view, model, environment, since=since, until=until)
    parts = [_part(worker, signal) for worker in found]
    counted = fair(parts)
    evidence = _evidence(counted) | {DRILLED: sum(worker.added.drilled for worker in found)}
    return (Window(signal, None, since, until, counted.n, counted.value, evidence),)


SOURCES: Final[Mapping[str, Source]] = MappingProxyType(
    {signal: partial(windows, signal=signal) for signal in (*SHARES, *BY_WORKER)}
)


def _part(worker: Worker, signal: str) -> Part:
    if signal in BY_WORKER:
        return Part(worker.instance, 1, int(getattr(worker.added, BY_WORKER[signal]) > 0))
    bad, of = SHARES[signal]
    return Part(worker.instance, getattr(worker.added, of), getattr(worker.added, bad))


def _evidence(counted: Fair) -> dict[str, Any]:
    """Return the counts that give the value again: bad of n, and the workers with the most of it."""
    ordered = sorted(counted.parts, key=lambda part: (-part.bad, part.worker))
    shown, rest = ordered[:SHOWN], ordered[SHOWN:]
    return {
        "n": counted.n,
        "bad": counted.bad,
        "cap": counted.cap,
        "workers": [[part.worker, part.n, part.bad] for part in shown],
        "others": [len(rest), sum(part.n for part in rest), sum(part.bad for part in rest)],
    }
