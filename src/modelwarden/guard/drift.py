"""Drift: where values fall among frozen edges, how far two counts lie apart, when that alarms (SG-49, SG-50).

Pure. Counts are integers, so they add up in any order. A comparison of too few rows is unknown: neither drift nor its
absence. Gathering counts in a running guard is in `drift_counter`, their way over the wire in `drift_flush`.
"""

from __future__ import annotations

import hashlib
import sys
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from math import isfinite, log, nan
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from modelwarden.errors import DriftInvalid
from modelwarden.values import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Column: TypeAlias = Sequence[object] | NDArray[Any]

BINS: Final = 10
TOP: Final = 50
MAX_TEXT: Final = 200
LEAST_ROWS: Final = 500
ROWS_A_CELL: Final = 50
CONSECUTIVE: Final = 3

_NUMBERS: Final = "biuf"  # NumPy's kinds of what is read as float64
_MIXED: Final = "OUS"


@dataclass(frozen=True, slots=True)
class Edges:
    """Cells of a number: up to ten bins of about equal share, then missing, below, above. Raises DriftInvalid.

    Attributes:
        low: the least value of the reference; it is in the first bin.
        uppers: the bins' upper ends, in the bin, rising. Fewer than ten where many values are equal.
    """

    low: float
    uppers: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.uppers) <= BINS or not all(map(isfinite, (self.low, *self.uppers))):
            raise DriftInvalid("uppers", f"1 to {BINS} finite numbers")
        if self.uppers[0] < self.low or list(self.uppers) != sorted(set(self.uppers)):
            raise DriftInvalid("uppers", "rising numbers, none below low")

    @classmethod
    def of(cls, values: Column) -> Edges:
        """Return edges at the deciles of a reference, by nearest rank. Raises DriftInvalid without finite numbers."""
        ranked = sorted(value for value in map(_number, items_of(values)) if isfinite(value))
        if not ranked:
            raise DriftInvalid("values", "at least one finite number")
        uppers = {ranked[-(-len(ranked) * tenth // BINS) - 1] for tenth in range(1, BINS + 1)}
        return cls(ranked[0], tuple(sorted(uppers)))

    @property
    def cells(self) -> int:
        """Return how many cells there are."""
        return len(self.uppers) + 3

    def cell(self, value: object) -> int:
        """Return the cell of one value; what is no number, text too, is missing."""
        number = value if type(value) is float else _number(value)
        if number != number:  # noqa: PLR0124  # NaN
            return len(self.uppers)
        if number < self.low:
            return len(self.uppers) + 1
        place = bisect_left(self.uppers, number)
        return place if place < len(self.uppers) else place + 2

    def count(self, values: Column) -> list[int]:
        """Return how many of many values lie in each cell, as `cell` says of each."""
        values = plain_column(values)
        if (kind := _kind(values)) and kind in _NUMBERS:
            return self._count_array(values)  # type: ignore[arg-type]
        return _counted(map(self.cell, items_of(values)), self.cells)

    def _count_array(self, values: NDArray[Any]) -> list[int]:
        numpy = sys.modules["numpy"]
        flat = numpy.ascontiguousarray(values, dtype=numpy.float64).ravel()
        at_most, below, missing = [0] * len(self.uppers), 0, 0
        for start in range(
            0, len(flat), _CHUNK
        ):  # one chunk stays in the second cache for all edges
            chunk = flat[start : start + _CHUNK]
            for at, upper in enumerate(self.uppers):
                at_most[at] += int(numpy.count_nonzero(chunk <= upper))
            # Looking for the least and the largest costs half of comparing; both find NaN first.
            if not chunk[chunk.argmin()] >= self.low:
                below += int(numpy.count_nonzero(chunk < self.low))
            if numpy.isnan(chunk[chunk.argmax()]):
                missing += int(numpy.count_nonzero(numpy.isnan(chunk)))
        bins = [more - less for less, more in zip([below, *at_most], at_most, strict=False)]
        return [*bins, missing, below, len(flat) - missing - at_most[-1]]


@dataclass(frozen=True, slots=True)
class Categories:
    """Cells of a category: the fifty most frequent by name, then all others, missing ones too. Raises DriftInvalid."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.names) > TOP or len(set(self.names)) < len(self.names):
            raise DriftInvalid("names", f"at most {TOP} different names")
        if any(len(name) > MAX_TEXT for name in self.names):
            raise DriftInvalid("names", f"names of at most {MAX_TEXT} characters")

    @classmethod
    def of(cls, values: Column) -> Categories:
        """Return the most frequent categories of a reference; of equally frequent ones the first by name."""
        found = Counter(map(category_name, items_of(values)))
        found.pop(None, None)
        return cls(tuple(sorted(found, key=lambda name: (-found[name], name or ""))[:TOP]))  # type: ignore[arg-type]

    @property
    def cells(self) -> int:
        """Return how many cells there are."""
        return len(self.names) + 1

    def cell(self, value: object) -> int:
        """Return the cell of one value."""
        name = category_name(value)
        return self.names.index(name) if name in self.names else len(self.names)

    def count(self, values: Column) -> list[int]:
        """Return how many of many values lie in each cell, as `cell` says of each."""
        items = items_of(values)
        # Equal values of two types have two names, so only values of one type are counted before they are named.
        same = len(set(map(type, items))) == 1 and type(items[0]) in {str, int, bool}
        if not same:
            return _counted(map(self.cell, items), self.cells)
        counts, places = [0] * self.cells, {name: at for at, name in enumerate(self.names)}
        for value, count in Counter(items).items():
            counts[places.get(str(value), len(self.names))] += count
        return counts


Feature: TypeAlias = Edges | Categories


@dataclass(frozen=True, slots=True)
class FrozenEdges:
    """The edges of all features of a version, fixed when it is registered; sorted by name. Raises DriftInvalid."""

    features: tuple[tuple[str, Feature], ...]

    def __post_init__(self) -> None:
        names = [name for name, _ in self.features]
        if names != sorted(set(names)) or not all(0 < len(name) <= MAX_TEXT for name in names):
            raise DriftInvalid("features", f"different names of 1 to {MAX_TEXT} characters, sorted")

    @property
    def sha256(self) -> str:
        """Return the digest that counts name, so that they never meet other edges."""
        return hashlib.sha256(
            canonical.encode_any(
                {
                    name: {"low": edges.low, "uppers": list(edges.uppers)}
                    if isinstance(edges, Edges)
                    else {"names": list(edges.names)}
                    for name, edges in self.features
                }
            )
        ).hexdigest()


def psi(counts: Sequence[int], baseline: Sequence[int]) -> float:
    """Return the population stability index of smoothed shares, p = (c + 0.5) / (n + 0.5·B). Raises DriftInvalid."""
    if len(counts) != len(baseline) or not counts:
        raise DriftInvalid("counts", f"{len(baseline)} cells, as in the baseline")
    if min(*counts, *baseline, 0) < 0:
        raise DriftInvalid("counts", "no negative numbers")
    half = 0.5 * len(counts)
    rows, base_rows = sum(counts) + half, sum(baseline) + half
    found = 0.0
    for count, base in zip(counts, baseline, strict=True):
        share, base_share = (count + 0.5) / rows, (base + 0.5) / base_rows
        found += (share - base_share) * log(share / base_share)
    return found


def psi_star(counts: Sequence[int], baseline: Sequence[int]) -> float | None:
    """Return the index less what chance alone makes: max(0, PSI - (B - 1)(1/n + 1/m)) (SG-50).

    None is unknown: fewer rows than max(500, 50·B) here or in the baseline. Raises DriftInvalid.
    """
    found = psi(counts, baseline)
    cells, rows, base_rows = len(counts), sum(counts), sum(baseline)
    if min(rows, base_rows) < least_rows(cells):
        return None
    return max(0.0, found - (cells - 1) * (1 / rows + 1 / base_rows))


def least_rows(cells: int) -> int:
    """Return how many rows a comparison over so many cells needs (SG-50)."""
    return max(LEAST_ROWS, ROWS_A_CELL * cells)


class Rung(NamedTuple):
    """An alarm fires above `fire` and clears below `clear`."""

    fire: float
    clear: float


NOTE, OBSERVE, PROPOSE = LADDER = (Rung(0.1, 0.05), Rung(0.25, 0.1), Rung(0.5, 0.2))


class Alarm(NamedTuple):
    """Whether an alarm fires, and how many windows in a row have spoken for the other."""

    firing: bool = False
    streak: int = 0


def after_window(
    alarm: Alarm, found: float | None, rung: Rung, *, consecutive: int = CONSECUTIVE
) -> Alarm:
    """Return the alarm after one more window; it turns after so many in a row, and unknown changes nothing (SG-47)."""
    if found is None:
        return alarm
    against = found < rung.clear if alarm.firing else found > rung.fire
    if not against:
        return Alarm(alarm.firing, 0)
    if alarm.streak + 1 >= consecutive:
        return Alarm(not alarm.firing, 0)
    return Alarm(alarm.firing, alarm.streak + 1)


_CHUNK: Final = 16_384


def _number(value: object) -> float:
    """Return the number, or NaN for what is none."""
    if value is None or isinstance(value, str | bytes):
        return nan
    try:
        return float(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001  # a host's own type may raise anything
        return nan


def category_name(value: object) -> str | None:
    """Return the name of a category, or None for a missing one or one too long to be kept."""
    try:
        if type(value) is not str:
            value = (
                value.item() if hasattr(value, "item") else value
            )  # NumPy's numbers, as in its lists
            if value is None or value != value:  # noqa: PLR0124  # NaN
                return None
            value = str(value + 0.0 if type(value) is float else value)  # minus zero is zero
    except Exception:  # noqa: BLE001  # a host's own type may raise anything
        return None
    return value if len(value) <= MAX_TEXT else None


def plain_column(values: Column) -> Column:
    """Return a column of pandas or Polars as an array, and any other as it is."""
    as_array = getattr(values, "to_numpy", None)
    return values if as_array is None else as_array()


def _kind(values: Column) -> str:
    return getattr(getattr(values, "dtype", None), "kind", "")


def items_of(values: Column) -> Sequence[object]:
    """Return the values as a list of Python's own types where an array has them."""
    values = plain_column(values)
    kind = _kind(values)
    if not kind:
        return values  # type: ignore[return-value]
    if kind not in _NUMBERS + _MIXED:
        return [None] * values.size  # type: ignore[union-attr]
    items: list[object] = values.ravel().tolist()  # type: ignore[union-attr]
    return items


def _counted(cells: Iterable[int], size: int) -> list[int]:
    counts = [0] * size
    for cell in cells:
        counts[cell] += 1
    return counts
