"""What a guard measures of its calls: how they ended, counted for each, and latencies of some (SL-4, SL-9).

The hot path only adds to numbers that it adds to anyway, and keeps the latency of one call in sixteen where calls are
many, of each where they are few. A background thread asks for the difference since it last asked. Calls over a limit
are left out: their caller had no claim to an answer. So is what is only remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from modelwarden.guard.decision import Status
from modelwarden.guard.lanes import Folded, Kind, fold, taken_from
from modelwarden.values.buckets import Tally

if TYPE_CHECKING:
    from modelwarden.guard.breaker import Breaker
    from modelwarden.guard.counts import Counts

MANY: Final = 640
"""Calls at one place since the last time, from which on one in sixteen is timed."""
ONE_IN_SIXTEEN: Final = 15
UNTIMED: Final = frozenset({Kind.BLOCKED, Kind.DRILLED})
_NOTHING: Final = Tally(0, 0, {})
_ANSWERED: Final = (Status.OK, Status.CLIPPED)
_FALLBACKS: Final = (Status.LAST_KNOWN_GOOD, Status.BASELINE, Status.DEFAULT)


class Measured:
    """The difference since last time. One thread at a time asks."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._told: dict[Kind, int] = {}
        self._calls: WeakKeyDictionary[Breaker, int] = WeakKeyDictionary()
        self.rebase()

    def rebase(self) -> None:
        """Begin from here: in a forked child, whose parent tells what was."""
        self._counts.latencies.clear()
        self._told = self._ended()
        for breaker in self._counts.places():
            self._calls[breaker] = breaker.short

    def __call__(self) -> list[Folded]:
        """Return what ended since last time, by kind."""
        latencies = taken_from(self._counts.latencies)
        now = self._ended()
        new = {kind: max(0, count - self._told[kind]) for kind, count in now.items()}
        self._told = {kind: max(count, self._told[kind]) for kind, count in now.items()}
        self._pace()
        timed = sum(count for kind, count in new.items() if kind not in UNTIMED)
        tally = _tally(latencies[:timed], timed)  # a call may be timed just before it is counted
        found = []
        for kind, count in new.items():
            if count:
                found.append(Folded(kind, count, _NOTHING if kind in UNTIMED else tally, ()))
                tally = tally if kind in UNTIMED else _NOTHING
        return found

    def _ended(self) -> dict[Kind, int]:
        """Return how calls ended; one that a drill struck is in that kind alone, unless a switch blocked it."""
        counts = self._counts
        stopped, struck = counts.stopped, counts.drilled
        real = {status: counts.of(status) - struck[status] for status in Status}
        failed = real[Status.FAILED] - counts.not_stored
        blocked = real[Status.BLOCKED] + counts.drilled_stopped
        return {
            Kind.ANSWERED: sum(map(real.__getitem__, _ANSWERED)) - counts.stored,
            Kind.ERROR: failed + blocked - stopped,
            Kind.FALLBACK: sum(map(real.__getitem__, _FALLBACKS)),
            Kind.BLOCKED: stopped,
            Kind.DRILLED: sum(struck) - struck[Status.LIMITED] - counts.drilled_stopped,
        }

    def _pace(self) -> None:
        """Choose at each place how many of the next calls are timed."""
        for breaker in self._counts.places():
            was, now = self._calls.get(breaker, 0), breaker.short
            self._calls[breaker] = now
            breaker.untimed = ONE_IN_SIXTEEN if now - was >= MANY else 0


def _tally(latencies: list[float], calls: int) -> Tally:
    """Return where latencies fell, each standing for as many calls as were counted for each that was timed."""
    if not latencies:
        return _NOTHING
    found = fold(Kind.ANSWERED, latencies, ()).latencies
    weight = calls // len(latencies)
    buckets = {index: count * weight for index, count in found.buckets.items()}
    return Tally(found.zero * weight, found.invalid * weight, buckets)
