"""Which rows of a batch a drill strikes, and what it makes of them: as for calls one by one (SG-53).

Each row is chosen as its call would be: by scope, and by the bucket of its key. A batch is computed before it is
judged, so a delay is waited for once, and what changes inputs changes the features that are counted and aged.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, Final

from modelwarden.guard import columns
from modelwarden.guard.batch_context import KEY, hashable, plain_value
from modelwarden.guard.drift_table import columns_of
from modelwarden.guard.drilling import DrillError, Struck
from modelwarden.guard.faults import FaultKind
from modelwarden.guard.signals import DISAGREEMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from modelwarden.guard.batch_context import BatchContext
    from modelwarden.guard.contract import Contract
    from modelwarden.guard.faults import Faults, Rule
    from modelwarden.guard.site import Site

FAILING: Final = {
    FaultKind.ERROR: f"raised:{DrillError.__name__}",
    FaultKind.DISAGREE: DISAGREEMENT,
}
"""Faults after which a row has no answer of the model's, and why."""
OF_INPUTS: Final = frozenset({FaultKind.DRIFT, FaultKind.MISSING_FEATURE})
OF_ANSWERS: Final = frozenset({FaultKind.NAN, FaultKind.OUT_OF_RANGE, FaultKind.CONSTANT})


class Strikes:
    """The rows that are struck, in their order, each by one rule."""

    def __init__(self, by_row: Mapping[int, Struck] | None = None) -> None:
        self.by_row: Final[Mapping[int, Struck]] = by_row or {}

    def rows(self, kinds: Collection[FaultKind]) -> list[int]:
        """Return the rows that faults of these kinds strike."""
        return [row for row, struck in self.by_row.items() if struck.fault.kind in kinds]

    def wait(self, going: Collection[int]) -> None:
        """Be late, once and as long as the slowest of these rows."""
        late = [self.by_row[row] for row in self.rows({FaultKind.LATENCY}) if row in going]
        if late:
            max(late, key=lambda struck: struck.fault.amount).wait()

    def features(self, features: Any) -> Any:  # noqa: ANN401 - any table
        """Return the features as they are with what strikes them; their columns as lists, if one does."""
        rows = self.rows(OF_INPUTS)
        if features is None or not rows:
            return features
        found = {name: columns.rows(column) for name, column in columns_of(features).items()}
        for row in rows:
            before = {name: plain_value(cells[row]) for name, cells in found.items()}
            after = self.by_row[row].changed(before)
            for name, cells in found.items():
                cells[row] = after.get(name) if isinstance(after, dict) else None
        return found

    def answers(
        self,
        values: Any,  # noqa: ANN401 - any batch
        contract: Contract | None,
        going: Collection[int],
    ) -> tuple[Any, list[int]]:
        """Return the values with what faults make of the rows that go, and the rows whose type can't hold it."""
        rows = [row for row in self.rows(OF_ANSWERS) if row in going]
        if not rows:
            return values, []
        cells, fits = columns.rows(values), _fitting(values)
        made: dict[int, object] = {}
        unfit = []
        for row in rows:
            before = _plain(cells[row])
            after = self.by_row[row].value(before, contract)
            if fits(before, after):
                made[row] = after
            else:
                unfit.append(row)
        return columns.replaced(values, list(made), list(made.values())), unfit


NO_STRIKES: Final = Strikes()


def struck_rows(site: Site, faults: Faults | None, given: BatchContext, rows: int) -> Strikes:
    """Return which of so many rows are struck."""
    if faults is None:
        return NO_STRIKES
    place = site.place
    fixed = [hashable(value) for value in place.picker(faults.wanted).values((), given.fixed)]
    key = None if place.key is None else place.key.value((), given.fixed)
    varying = [
        (at, [hashable(cell) for cell in given.rows_of(name)])
        for at, name in enumerate(faults.wanted)
        if name in given.columns and name != KEY
    ]
    found: dict[int, Struck] = {}
    known: dict[tuple[object, ...], Sequence[Rule]] = {}
    for row in range(rows):
        values = [*fixed]
        for at, cells in varying:
            values[at] = cells[row]
        kind = tuple(values)
        rules = known.get(kind)
        if rules is None:
            rules = known[kind] = faults.matching(kind)
        whose = key if given.keys is None else given.keys[row]
        rule = place.drills.taking(rules, whose)
        if rule is not None:
            found[row] = Struck(rule, site.kept)
    return Strikes(found)


def _plain(cell: Any) -> Any:  # noqa: ANN401 - any row
    return cell.tolist() if columns.is_a(cell, "numpy", "ndarray") else plain_value(cell)


def _fitting(values: Any) -> Callable[[object, object], bool]:  # noqa: ANN401 - any batch
    """Return what says whether a batch can hold a value in the place of another without changing its type."""
    dtype = getattr(getattr(values, "dtype", None), "kind", None)
    if isinstance(values, list | tuple) or dtype == "O":
        return lambda _before, _after: True
    found = columns.numbers(values)
    if found is None:
        return _is_alike
    kind, numpy = found.array.dtype, sys.modules["numpy"]
    if kind.kind in "iu":
        least, most = int(numpy.iinfo(kind).min), int(numpy.iinfo(kind).max)
        return lambda _before, after: type(after) is int and least <= after <= most
    edge = float(numpy.finfo(kind).max)
    return lambda _before, after: (
        type(after) is float and (abs(after) <= edge or not math.isfinite(after))
    )


def _is_alike(before: object, after: object) -> bool:
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        return len(before) == len(after) and all(map(_is_alike, before, after))
    return type(before) is type(after)
