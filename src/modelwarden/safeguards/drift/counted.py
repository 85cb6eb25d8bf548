"""Counts of one part of the traffic in one slot of time, and how they add up. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.guard.fields import MAX_COUNT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modelwarden.guard.drift_flush import DriftCounts

    Cells = tuple[tuple[int, ...], ...]

MINUTE: Final = 1
HOUR: Final = 60
"""Minutes of a slot: as flushes come, and as old ones are kept."""

REST: Final = ""
"""Stands for what has no own count: no value, or one too many."""


class Slot(NamedTuple):
    """Whose counts, and since which minute since 1970."""

    version: str
    environment: str
    dimension: str
    minutes: int
    begins: int
    value: str

    @property
    def hour(self) -> Slot:
        """The slot in which it is kept once it is old."""
        return self._replace(minutes=HOUR, begins=self.begins // HOUR * HOUR)


def by_feature(counts: DriftCounts, features: Mapping[str, int]) -> dict[str | None, Cells]:
    """Return counts by value of `by`, with a row of cells for each feature of the version, in its order."""
    order = {name: at for at, name in enumerate(features)}
    found: dict[str | None, list[tuple[int, ...]]] = {}
    for (value, feature), cells in counts.cells:
        found.setdefault(value, [()] * len(features))[order[feature]] = cells
    return {value: tuple(rows) for value, rows in found.items()}


def added(one: Cells, other: Cells) -> Cells:
    """Return both together, in any order the same; what would pass 2^53 - 1 stays there."""
    return total((one, other))


def total(several: Iterable[Cells]) -> Cells:
    """Return all together."""
    found = [cells for cells in several if cells]
    return tuple(_summed([row for row in rows if row]) for rows in zip(*found, strict=True))


def _summed(rows: list[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(min(count, MAX_COUNT) for count in map(sum, zip(*rows, strict=True)))


def minute_of(at: datetime) -> int:
    """Return the minute since 1970 in which a moment lies."""
    return int(at.timestamp()) // 60


def moment_of(minute: int) -> datetime:
    """Return when a minute begins."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
