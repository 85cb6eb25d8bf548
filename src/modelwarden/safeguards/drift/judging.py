"""How far counts lie from a reference, and what a row of windows says of it (SG-50). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.guard.drift import NOTE, OBSERVE, PROPOSE, Alarm, Edges, after_window, psi_star

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modelwarden.guard.drift_edges import DriftReference
    from modelwarden.safeguards.drift.counted import Cells

TRIP: Final = "trip"
UNKNOWN: Final = "unknown"
NONE: Final = "none"
_RUNGS: Final = ((TRIP, PROPOSE), ("observe", OBSERVE), ("note", NOTE))
STATES: Final = (*(word for word, _ in _RUNGS), UNKNOWN, NONE)
"""Worst first."""


class FeatureDrift(NamedTuple):
    """One feature in one window; `psi` is None where too few rows say nothing."""

    name: str
    psi: float | None
    counts: tuple[int, ...]

    @property
    def n(self) -> int:
        """How many rows were counted."""
        return sum(self.counts)


class Compared(NamedTuple):
    """All features of a version in one window, worst first."""

    features: tuple[FeatureDrift, ...]

    @property
    def psi(self) -> float | None:
        """The largest index; None where no feature says anything."""
        known = [one.psi for one in self.features if one.psi is not None]
        return max(known, default=None)

    @property
    def n(self) -> int:
        """The rows of the feature of which most were counted."""
        return max((one.n for one in self.features), default=0)


def compared(cells: Cells, reference: DriftReference) -> Compared:
    """Return how far counts lie from a reference."""
    found = []
    rows: Sequence[tuple[int, ...]] = cells or ((),) * len(reference.counts)
    for (name, feature), counts, base in zip(
        reference.edges.features, rows, reference.counts, strict=True
    ):
        known = counts or (0,) * feature.cells
        found.append(FeatureDrift(name, psi_star(known, base), known))
    found.sort(key=lambda one: (one.psi is None, -(one.psi or 0.0), one.name))
    return Compared(tuple(found))


class Gap(NamedTuple):
    """How many values of a number are missing, of how many rows; `before` says the same of its reference."""

    name: str
    missing: int
    n: int
    before: tuple[int, int]

    @property
    def more(self) -> float:
        """By how much the share that is missing grew; 0 where it fell."""
        missing, n = self.before
        return max(0.0, self.missing / self.n - (missing / n if n else 0.0))


def missing(cells: Cells, reference: DriftReference) -> list[Gap]:
    """Return what is missing of each number that was counted."""
    rows: Sequence[tuple[int, ...]] = cells or ((),) * len(reference.counts)
    return [
        Gap(name, counts[at], sum(counts), (base[at], sum(base)))
        for (name, feature), counts, base in zip(
            reference.edges.features, rows, reference.counts, strict=True
        )
        if isinstance(feature, Edges) and sum(counts) > 0
        for at in (len(feature.uppers),)  # the cell behind the bins
    ]


def state_after(windows: Iterable[float | None]) -> str:
    """Return the state after windows, oldest first: the highest rung whose alarm stands (SG-50)."""
    alarms = dict.fromkeys((word for word, _ in _RUNGS), Alarm())
    last: float | None = None
    for last in windows:
        for word, rung in _RUNGS:
            alarms[word] = after_window(alarms[word], last, rung)
    standing = next((word for word, _ in _RUNGS if alarms[word].firing), None)
    return standing or (UNKNOWN if last is None else NONE)
