"""Shares over the last five minutes, of which too few calls say nothing (SG-35, SG-45). Pure but for its clock.

Counts are kept in ten buckets of thirty seconds. Counting takes a lock for the time of some additions; no host code
runs under it.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

SPAN_S: Final = 300.0
LEAST: Final = 200
_BUCKETS: Final = 10


class Share(NamedTuple):
    """How many of how many. A window with fewer than `LEAST` has no `part`: None, not zero."""

    hits: int
    calls: int

    @property
    def part(self) -> float | None:
        """Return hits divided by calls, or None where that says nothing."""
        return self.hits / self.calls if self.calls >= LEAST else None

    def above(self, limit: float) -> bool:
        """Say whether it is known that the part is above the limit."""
        part = self.part
        return part is not None and part > limit


class Window:
    """Counts of calls, and of those among them that were amiss, over `span_s` seconds of a monotonic clock."""

    def __init__(
        self, *, span_s: float = SPAN_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bucket_s = span_s / _BUCKETS
        self._clock = clock
        self._lock = Lock()
        self._buckets: list[tuple[float, int, int]] = [(-1.0, 0, 0)] * _BUCKETS

    def add(self, calls: int, *, hits: int = 0) -> None:
        """Add calls."""
        number = self._clock() // self._bucket_s
        at = int(number % _BUCKETS)
        with self._lock:
            before, total, amiss = self._buckets[at]
            if before != number:
                total = amiss = 0
            self._buckets[at] = (number, total + calls, amiss + hits)

    def count(self, calls: int = 1, *, hits: int = 0) -> Share:
        """Add calls, and return the window with them."""
        self.add(calls, hits=hits)
        return self.share()

    def share(self) -> Share:
        """Return the window as it is now."""
        with self._lock:
            return self._share(self._clock() // self._bucket_s)

    def _share(self, number: float) -> Share:
        live = [bucket for bucket in self._buckets if bucket[0] > number - _BUCKETS]
        return Share(sum(bucket[2] for bucket in live), sum(bucket[1] for bucket in live))

    def after_fork(self) -> None:
        """Make the window usable in a forked child: another thread may have held the lock."""
        self._lock = Lock()
