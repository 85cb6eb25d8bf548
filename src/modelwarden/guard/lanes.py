"""Where latencies wait for a moment, and what they are folded into (SL-13).

A lane is a few queues that any thread appends to and any thread takes from without a lock: each append and each take
is one atomic step of the interpreter, so nothing is lost or counted twice. What waits is bounded, however many threads
come and go.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections import deque
from enum import IntEnum
from itertools import repeat, starmap
from math import nan
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from modelwarden.guard.slots import Counts
from modelwarden.values.buckets import Tally, sorted_valid, tally_array, tally_sorted
from modelwarden.values.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

BATCH: Final = 1_024
"""How many latencies of one kind wait in a lane before the thread that added the last one folds them."""

_WORTH_AN_ARRAY: Final = 200  # fewer are counted sooner in plain Python than an array is made


class Kind(IntEnum):
    """What became of an attempt (SL-4)."""

    ANSWERED = 0
    ERROR = 1
    FALLBACK = 2
    BLOCKED = 3
    DRILLED = 4
    """A drill struck it: it says nothing of the service (SG-53)."""


class Lane:
    """One queue for each kind."""

    __slots__ = ("answered", "blocked", "errors", "fallbacks")

    def __init__(self) -> None:
        self.answered: Final[deque[float]] = deque()
        self.errors: Final[deque[float]] = deque()
        self.fallbacks: Final[deque[float]] = deque()
        self.blocked: Final[deque[float]] = deque()

    def take(self) -> list[tuple[Kind, list[float]]]:
        """Remove and return what waits, by kind; another thread may take at the same time."""
        queues = (self.answered, self.errors, self.fallbacks, self.blocked)
        return [
            (kind, taken)
            for kind, queue in zip(Kind, queues, strict=False)  # what a drill strikes comes counted
            if (taken := taken_from(queue))
        ]


def taken_from(queue: deque[T]) -> list[T]:
    """Remove and return what a queue holds now; another thread may take at the same time."""
    taken: list[T] = []
    try:  # what came before the error stays in the list
        taken.extend(starmap(queue.popleft, repeat((), len(queue))))
    except IndexError:  # another thread took the rest
        return taken
    return taken


class Folded(NamedTuple):
    """Attempts of one kind, counted.

    Attributes:
        bad: for each limit, how many were above it or invalid.
    """

    kind: Kind
    total: int
    latencies: Tally
    bad: tuple[int, ...]

    def added(self, other: Folded) -> Folded:
        """Return both together; they are of one kind."""
        buckets = dict(self.latencies.buckets)
        for index, count in other.latencies.buckets.items():
            buckets[index] = buckets.get(index, 0) + count
        return Folded(
            self.kind,
            self.total + other.total,
            Tally(
                self.latencies.zero + other.latencies.zero,
                self.latencies.invalid + other.latencies.invalid,
                buckets,
            ),
            tuple(a + b for a, b in zip(self.bad, other.bad, strict=True)),
        )


def fold(kind: Kind, values: list[float], limits: tuple[float, ...]) -> Folded:
    """Count latencies in seconds against limits in seconds; by NumPy when the process has loaded it."""
    if kind is Kind.BLOCKED:
        return Folded(kind, len(values), Tally(0, 0, {}), (0,) * len(limits))
    if len(values) >= _WORTH_AN_ARRAY and (numpy := loaded_numpy()) is not None:
        return fold_array(kind, numpy.fromiter(values, numpy.float64, len(values)), limits)
    valid = sorted_valid(values)
    bad = tuple(len(values) - bisect_right(valid, limit) for limit in limits)
    found = tally_sorted(valid, invalid=len(values) - len(valid))
    return Folded(kind, len(values), found, bad)


def fold_array(kind: Kind, values: NDArray[np.floating[Any]], limits: tuple[float, ...]) -> Folded:
    """Count an array of latencies. Raises TypeError, ValueError when it has no numbers."""
    found = tally_array(values)
    size, bad = int(values.size), []
    for limit in limits:
        quick = values <= limit
        if found.invalid:
            quick &= values >= 0.0
        bad.append(size - int(quick.sum()))
    return Folded(kind, size, found, tuple(bad))


def unreadable(kind: Kind, count: int, limits: tuple[float, ...]) -> Folded:
    """Return attempts whose latencies could not be read: invalid, and bad for every limit."""
    return Folded(kind, count, Tally(0, count, {}), (count,) * len(limits))


def seconds(value: object) -> float:
    """Return what was given as a float; NaN, which counts as invalid, for what is no number."""
    try:
        return float(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001  # a host's own type may raise anything; the host must not notice
        return nan


def all_seconds(values: Iterable[object]) -> list[float]:
    """Return each as `seconds` does."""
    return [value if type(value) is float else seconds(value) for value in values]


def loaded_numpy() -> ModuleType | None:
    """Return NumPy if this process has imported it, and completely; it is never imported here."""
    numpy = sys.modules.get("numpy")
    if numpy is None or getattr(numpy.__spec__, "_initializing", False):
        return None
    return numpy


class Gathered:
    """Everything folded for one minute since the last part. One thread at a time uses it."""

    def __init__(self, limits: int) -> None:
        self._kinds: Final = [0] * len(Kind)
        self._bad: Final = [0] * limits
        self._buckets: Final[dict[int, int]] = {}
        self._zero = self._invalid = 0

    def add(self, folded: Folded) -> None:
        """Add some attempts."""
        self._kinds[folded.kind] += folded.total
        self._zero += folded.latencies.zero
        self._invalid += folded.latencies.invalid
        for at, count in enumerate(folded.bad):
            self._bad[at] += count
        buckets = self._buckets
        for index, count in folded.latencies.buckets.items():
            buckets[index] = buckets.get(index, 0) + count

    def counts(self, thresholds: Sequence[str]) -> Counts:
        """Return the counts as a value."""
        return Counts(
            total=sum(self._kinds) - self._kinds[Kind.DRILLED],
            drilled=self._kinds[Kind.DRILLED],
            errors=self._kinds[Kind.ERROR],
            blocked=self._kinds[Kind.BLOCKED],
            fallbacks=self._kinds[Kind.FALLBACK],
            invalid=self._invalid,
            thresholds=tuple(thresholds),
            bad=tuple(self._bad),
            sketch=Sketch(zero=self._zero, buckets=tuple(sorted(self._buckets.items()))),
        )
