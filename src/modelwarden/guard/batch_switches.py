"""Which switches match the rows of a batch: asked once for each kind of context, not once a row (SG-28). Pure.

Values that satisfy the same conditions are of one kind (`Plan.kind`). A column becomes numbers, one for each kind that
it has; rows with the same numbers match alike, so a matcher is asked as often as there are combinations of kinds.
Columns of categories are read by category, all others value by value.
"""

from __future__ import annotations

import sys
from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.guard import columns
from modelwarden.guard.batch_context import hashable
from modelwarden.guard.bitmaps import LONGEST_KEPT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from numpy.typing import NDArray

    from modelwarden.guard.batch_context import BatchContext
    from modelwarden.guard.match import Match
    from modelwarden.guard.plan import Plan

    Values = tuple[object, ...]

MOST_VALUES: Final = 4_096
"""So many values of a dimension are known from one batch to the next."""

FEW: Final = 64
"""So many combinations are asked for without a look at which of them occur."""

OCTET: Final = 256
COMPARED: Final = 4
"""So many places are compared with before all are looked up."""


class Matched(NamedTuple):
    """What matches the rows of a batch.

    Attributes:
        matches: all that do; where `at` is None, the first one matches every row.
        at: for each row, where its match stands among them.
    """

    matches: list[Match]
    at: NDArray[Any] | None

    def looked_up(self, numpy: ModuleType, table: Sequence[int]) -> NDArray[Any] | int:
        """Return for each row what a table has for its match; one number where it is the same for all of them."""
        return table[0] if self.at is None else _looked_up(numpy, self.at, table)


def matched(
    known: KnownKinds, given: BatchContext, picked: Values, *, key: object, rows: int
) -> Matched:
    """Return what matches each row; `picked` has the values that are the same for all of them, as `key` is."""
    numpy = sys.modules.get("numpy") or columns.load_numpy()
    plan = known.plan
    several, at = [picked], None
    for place, name in enumerate(plan.wanted):
        if name in given.columns:
            kinds = known.of(place)
            numbers = _numbered(numpy, given.columns[name], kinds)
            several, at = _mixed(numpy, several, at, kinds, numbers)
    found = [plan.match(values, key) for values in several]
    if given.keys is not None and any(plan.is_ramped(values) for values in several):
        at = numpy.zeros(rows, numpy.intp) if at is None else at.astype(numpy.intp)
        return _by_key(plan, several, found, at, given.keys)
    return Matched(found, at)


class KnownKinds:
    """The kinds of values that batches had so far, under one plan. May be used from any thread."""

    def __init__(self, plan: Plan) -> None:
        self.plan: Final = plan
        self._by_place: dict[int, _Kinds] = {}

    def of(self, place: int) -> _Kinds:
        """Return the kinds of one dimension; begun anew where there are too many values."""
        found = self._by_place.get(place)
        if found is None or len(found) > MOST_VALUES:
            found = self._by_place[place] = _Kinds(self.plan, place)
        return found


class _Kinds(dict[object, int]):
    """The numbers of the values of one dimension; only of text and None, as 1, 1.0 and True would share a place."""

    def __init__(self, plan: Plan, place: int) -> None:
        super().__init__()
        self._plan, self.place = plan, place
        self._lock = Lock()
        self._numbers: dict[object, int] = {}
        self.examples: list[object] = []

    def __missing__(self, value: object) -> int:
        if value is not None and not isinstance(value, str):
            raise TypeError(type(value))
        kind = self._plan.kind(self.place, plain := hashable(value))
        with self._lock:
            number = self._numbers.setdefault(kind, len(self.examples))
            if number == len(self.examples):
                self.examples.append(plain)
        if len(self) <= MOST_VALUES and (plain is None or len(plain) <= LONGEST_KEPT):
            self[value] = number
        return number


def _numbered(numpy: ModuleType, column: Any, kinds: _Kinds) -> NDArray[Any]:
    coded = columns.coded(column)
    if coded is not None:
        codes, categories = coded
        numbers = [kinds[hashable(value)] for value in categories]
        return _looked_up(numpy, codes, numbers, missing=kinds[None])
    cells = columns.rows(column)
    try:
        octets = bytes(map(kinds.__getitem__, cells))
    except (TypeError, ValueError):  # not all is text, or there are more than 256 kinds
        return numpy.array([kinds[hashable(cell)] for cell in cells], numpy.intp)  # type: ignore[no-any-return]
    return numpy.frombuffer(octets, numpy.uint8)  # type: ignore[no-any-return]


def _looked_up(
    numpy: ModuleType, places: NDArray[Any], table: Sequence[int], *, missing: int | None = None
) -> NDArray[Any]:
    """Return for each place what stands there in a table, `missing` for a place of -1.

    Where most of a table is one number, comparing with the few other places costs a fifth of looking all of them up.
    """
    whole = [*table] if missing is None else [*table, missing]  # -1 is the last one
    if max(whole, default=0) >= OCTET:
        return numpy.array(whole, numpy.intp).take(places)  # type: ignore[no-any-return]
    ((usual, _),) = Counter(whole).most_common(1) or ((0, 0),)
    others = [(place, number) for place, number in enumerate(table) if number != usual]
    if missing not in {None, usual}:
        others.append((-1, missing or 0))
    if len(others) > COMPARED:
        return numpy.array(whole, numpy.uint8).take(places)  # type: ignore[no-any-return]
    found = numpy.full(len(places), usual, numpy.uint8)
    for place, number in others:
        differs = (places == place).view(numpy.uint8)
        if number ^ usual != 1:
            differs *= numpy.uint8(number ^ usual)
        found ^= differs
    return found  # type: ignore[no-any-return]


def _mixed(
    numpy: ModuleType,
    several: Sequence[Values],
    at: NDArray[Any] | None,
    kinds: _Kinds,
    numbers: NDArray[Any],
) -> tuple[list[Values], NDArray[Any]]:
    """Return the combinations with one more column, those that occur where there are many, and which each row has."""
    examples, place = tuple(kinds.examples), kinds.place  # another thread may find more
    size = len(several) * len(examples)
    together = numbers
    if at is not None:
        if size > OCTET or at.dtype.itemsize > 1:
            at = at.astype(numpy.intp)
        together = at * at.dtype.type(len(examples)) + numbers
    chosen: Sequence[int] = range(size)
    if size > FEW:
        chosen, together = _occurring(numpy, together, size)
    mixed = []
    for number in chosen:
        values = several[number // len(examples)]
        mixed.append((*values[:place], examples[number % len(examples)], *values[place + 1 :]))
    return mixed, together


def _occurring(
    numpy: ModuleType, together: NDArray[Any], size: int
) -> tuple[Sequence[int], NDArray[Any]]:
    """Return the numbers that occur, and where among them each row's stands."""
    if size > 8 * len(together):
        several, at = numpy.unique(together, return_inverse=True)
        return several.tolist(), at
    occurs = numpy.bincount(together, minlength=size) > 0
    renumbered = occurs.cumsum() - 1
    return occurs.nonzero()[0].tolist(), renumbered.take(together)


def _by_key(
    plan: Plan, several: list[Values], found: list[Match], at: NDArray[Any], keys: Sequence[object]
) -> Matched:
    """Match the rows again for which it depends on the caller's key (SG-11)."""
    matches, places = list(found), {id(one): place for place, one in enumerate(found)}
    ramped = [plan.is_ramped(values) for values in several]
    for row, number in enumerate(at.tolist()):
        if ramped[number]:
            one = plan.match(several[number], keys[row])
            at[row] = place = places.setdefault(id(one), len(matches))
            if place == len(matches):  # kept, so that no other object gets its id
                matches.append(one)
    return Matched(matches, at)
