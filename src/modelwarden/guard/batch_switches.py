"""Which switches match the rows of a batch: asked once for each kind of context, not once a row (SG-28). Pure.

Values that satisfy the same conditions are of one kind (`Plan.kind`). A column becomes numbers, one for each kind that
it has; rows with the same numbers match alike, so a matcher is asked as often as there are combinations of kinds.
Columns of categories are read by category, all others value by value.
"""

from __future__ import annotations

import sys
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
    from modelwarden.guard.columns import Coded
    from modelwarden.guard.match import Match
    from modelwarden.guard.plan import Plan

    Values = tuple[object, ...]

MOST_VALUES: Final = 4_096
"""So many values of a dimension are known from one batch to the next."""

FEW: Final = 64
"""So many combinations are asked for without a look at which of them occur."""

OCTET: Final = 256


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
        return table[0] if self.at is None else Table(table, table[0]).of(numpy, self.at)


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
        self._of: tuple[object, Table] = None, Table([], 0)
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

    def of(self, coded: Coded, *, gaps: bool) -> Table:
        """Return the numbers of a column's categories; most often they are those of the batch before."""
        categories, found = self._of
        if not coded.stands_for(categories) or (gaps and not found.has_missing):
            named = coded.categories
            several = named.to_pylist() if hasattr(named, "to_pylist") else named.tolist()
            numbers = [self[hashable(value)] for value in several]
            found = Table(numbers, self[None] if gaps else None)
            self._of = coded.categories, found
        return found


class Table:
    """What stands at each place of a short list, looked up for many places at once; `missing` stands at -1."""

    def __init__(self, numbers: Sequence[int], missing: int | None) -> None:
        self.has_missing: Final = missing is not None
        self._whole = [*numbers, missing or 0]
        self._octets: bytes | None = None
        self._alone: tuple[int, int, int] | None = None
        self._is_small = max(self._whole) < OCTET
        if not self._is_small:
            return
        if len(numbers) < OCTET:
            self._octets = bytes(numbers).ljust(OCTET, bytes([missing or 0]))
        usual = max(set(self._whole), key=self._whole.count) if len(self._whole) < FEW else -1
        others = [place for place, number in enumerate(numbers) if number != usual]
        if len(others) == 1 and missing in {None, usual}:
            self._alone = others[0], usual, numbers[others[0]] ^ usual

    def of(self, numpy: ModuleType, places: NDArray[Any]) -> NDArray[Any]:
        """Return what stands at some places."""
        if self._alone is not None:  # one comparison costs a third of looking each place up
            place, usual, differs = self._alone
            found = (places == place).view(numpy.uint8)
            if differs != 1:
                found *= numpy.uint8(differs)
            return found if not usual else found ^ numpy.uint8(usual)  # type: ignore[no-any-return]
        if self._octets is not None and places.dtype.itemsize == 1:
            return numpy.frombuffer(places.tobytes().translate(self._octets), numpy.uint8)  # type: ignore[no-any-return]
        kind = numpy.uint8 if self._is_small else numpy.intp
        return numpy.array(self._whole, kind).take(places)  # type: ignore[no-any-return]


def _numbered(numpy: ModuleType, column: Any, kinds: _Kinds) -> NDArray[Any]:
    coded = columns.coded(column)
    if coded is not None:
        codes = coded.codes
        gaps = codes.dtype.kind == "i" and len(codes) and codes[codes.argmin()] < 0
        return kinds.of(coded, gaps=bool(gaps)).of(numpy, codes)
    cells = columns.rows(column)
    try:
        octets = bytes(map(kinds.__getitem__, cells))
    except (TypeError, ValueError):  # not all is text, or there are more than 256 kinds
        return numpy.array([kinds[hashable(cell)] for cell in cells], numpy.intp)  # type: ignore[no-any-return]
    return numpy.frombuffer(octets, numpy.uint8)  # type: ignore[no-any-return]


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
