"""Counting for drift in the host's process: a tenth of single rows, all rows of batches (SG-49).

Nothing raises into the host and no lock is held while its code runs. Values leave this file only as counts. When to
flush, and how bytes travel, is the guard's to say; until then the counts wait here, in bounded space.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections import deque
from math import log
from operator import add
from random import Random
from typing import TYPE_CHECKING, Any, Final

from modelwarden.guard.drift import MAX_TEXT, FrozenEdges, items_of, plain_column
from modelwarden.guard.drift_flush import MAX_BY, DriftCounts, DriftFlush, Key, split
from modelwarden.guard.lanes import loaded_numpy, taken_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modelwarden.guard.drift import Column

SHARE: Final = 0.1
MOST_WAITING: Final = 256
"""Rows that wait to be counted; the thread that adds the last one counts them."""

MOST_FOLDED: Final = 16


class Sampling:
    """Which rows are looked at: a share of them, without a rhythm.

    Attributes:
        skip: rows to leave out before the next. Threads that race to count down only shift the sample a little.
    """

    __slots__ = ("_random", "_share", "skip")

    def __init__(self, share: float, chance: Random) -> None:
        self._share = share
        self._random = chance
        self.renew()

    def renew(self) -> None:
        """Draw how many rows to leave out: geometric, so that no rhythm of the host is followed."""
        self.skip = 0
        if self._share < 1:
            self.skip = int(log(1.0 - self._random.random()) / log(1.0 - self._share))

    def is_due(self) -> bool:
        """Say whether to look at this row."""
        if self.skip > 0:
            self.skip -= 1
            return False
        self.renew()
        return True


class DriftCounter:
    """Counts among the frozen edges of one version. Any thread may use it. A forked child starts from nothing."""

    def __init__(self, edges: FrozenEdges, *, share: float = SHARE) -> None:
        """Begin with nothing counted. `share` of single rows are looked at, from above 0 to 1."""
        if not 0 < share <= 1:
            raise ValueError(f"a share of {share}: expected one above 0, up to 1")
        self._edges: Final = edges
        self._digest: Final = edges.sha256
        self._share: Final = share
        self._begin()
        reset = weakref.WeakMethod(self._begin)
        os.register_at_fork(after_in_child=lambda: (again := reset()) and again())

    def _begin(self) -> None:
        self.instance = os.urandom(8).hex()
        self.faults = 0
        # of its own, so that the host's seeded numbers stay as they are
        self._sampling = Sampling(self._share, Random())  # noqa: S311
        self._rows: deque[tuple[str | None, tuple[int | None, ...]]] = deque()
        self._folded: deque[dict[Key, list[int]]] = deque()
        self._names: frozenset[str] = frozenset()
        self._naming = (
            threading.RLock()
        )  # a signal handler may come upon a new name while one is added
        self._lock = threading.Lock()
        self._counts: dict[Key, list[int]] = {}
        self._sequence = 0

    def observe(self, row: Mapping[str, object], *, by: str | None = None) -> None:
        """Look at one row by feature name, or leave it out: a tenth is counted. An absent feature is missing."""
        try:
            if self._sampling.is_due():
                cells = tuple(edges.cell(row.get(name)) for name, edges in self._edges.features)
                self.take(cells, by=by)
        except Exception:  # noqa: BLE001  # the guard's edge: the host must not notice
            self.faults += 1

    def take(self, cells: tuple[int | None, ...], *, by: str | None = None) -> None:
        """Count a row that was chosen, as the cell of each feature; None for one that the row does not tell."""
        self._rows.append((self._name(by), cells))
        if len(self._rows) >= MOST_WAITING:
            self._hold(self._fold())

    def observe_batch(
        self, columns: Mapping[str, Column], *, by: str | Sequence[object] | None = None
    ) -> None:
        """Count all rows of a batch, given as columns of equal length; `by` is one value, or one for each row.

        An absent column is not counted: a batch does not say how many rows it lacks.
        """
        try:
            found: dict[Key, list[int]] = {}
            for group, part in _groups(columns, by):
                group_name = self._name(group)
                for name, edges in self._edges.features:
                    if (column := part.get(name)) is not None:
                        _add(found, (group_name, name), edges.count(column))
            self._hold(found)
        except Exception:  # noqa: BLE001  # the guard's edge: the host must not notice
            self.faults += 1

    def flush(self, *, minute: int) -> list[bytes]:
        """Return what was counted since the last flush as messages of at most 64 KB, each with its own number.

        The caller sends each until it arrives, unchanged: the far end knows a repeat by its number. `minute` is in
        whole minutes since 1970, UTC.
        """
        with self._lock:
            self._hold_folded(self._fold())
            self._gather()
            counts = DriftCounts.of(self._digest, self._counts)
            written = [
                DriftFlush(
                    instance=self.instance, sequence=self._sequence + at, minute=minute, counts=some
                ).encode()
                for at, some in enumerate(split(counts), start=1)
            ]
            self._sequence += len(written)
            self._counts = {}
        return written

    def _fold(self) -> dict[Key, list[int]]:
        """Take the rows that wait, and count them, without a lock: each take is one step of the interpreter."""
        found: dict[Key, list[int]] = {}
        for group, cells in taken_from(self._rows):
            for (name, edges), cell in zip(self._edges.features, cells, strict=True):
                if cell is None:
                    continue
                counts = found.get((group, name))
                if counts is None:
                    counts = found[group, name] = [0] * edges.cells
                counts[cell] += 1
        return found

    def _hold(self, found: dict[Key, list[int]]) -> None:
        """Keep what is counted, and add up all that is kept unless another thread does: a row must not wait."""
        self._hold_folded(found)
        if self._lock.acquire(blocking=False):
            try:
                self._gather()
            finally:
                self._lock.release()

    def _hold_folded(self, found: dict[Key, list[int]]) -> None:
        with contextlib.suppress(IndexError):  # meanwhile another thread took all
            while len(self._folded) >= MOST_FOLDED:
                _merge(found, self._folded.popleft())
        self._folded.append(found)

    def _gather(self) -> None:
        for found in taken_from(self._folded):
            _merge(self._counts, found)

    def _name(self, by: object) -> str | None:
        """Return the value of `by` that has own counts: the first 32 do, for as long as this process lives."""
        if not isinstance(by, str):
            return None
        name = str.__str__(by)  # free of a subclass's own code
        if name in self._names:
            return name
        if len(self._names) >= MAX_BY or len(name) > MAX_TEXT:
            return None
        with self._naming:
            if len(self._names) < MAX_BY:
                self._names |= {name}
            return name if name in self._names else None


def _merge(counts: dict[Key, list[int]], more: dict[Key, list[int]]) -> None:
    for key, cells in more.items():
        _add(counts, key, cells)


def _add(counts: dict[Key, list[int]], key: Key, cells: list[int]) -> None:
    before = counts.get(key)
    counts[key] = cells if before is None else list(map(add, before, cells))


def _groups(
    columns: Mapping[str, Column], by: str | Sequence[object] | None
) -> Iterator[tuple[object, Mapping[str, Any]]]:
    """Yield the rows of each value of `by`, as columns."""
    if by is None or isinstance(by, str):
        yield by, columns
        return
    plain = {name: plain_column(column) for name, column in columns.items()}
    places: dict[str | None, list[int]] = {}
    for at, value in enumerate(items_of(by)):
        places.setdefault(value if isinstance(value, str) else None, []).append(at)
    numpy = loaded_numpy()
    for group, rows in places.items():
        indices: Any = rows if numpy is None else numpy.array(rows, dtype=numpy.intp)
        yield (
            group,
            {
                name: column[indices] if hasattr(column, "dtype") else [column[row] for row in rows]
                for name, column in plain.items()
            },
        )
