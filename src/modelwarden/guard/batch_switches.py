"""Which switches match the rows of a batch: asked once for each kind of context, not once a row (SG-28). Pure.

Values that satisfy the same conditions are of one kind (`Plan.kind`). A column becomes numbers, one for each kind that
it has; rows with the same numbers match alike, so a matcher is asked as often as there are combinations of kinds.
Columns of categories are read by category, all others value by value.
"""

from __future__ import annotations

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


class Matched(NamedTuple):
    """What matches the rows of a batch.

    Attributes:
        matches: all that do; where `at` is None, the first one matches every row.
        at: for each row, where its match stands among them.
    """

    matches: list[Match]
    at: NDArray[Any] | None


def matched(
    numpy: ModuleType, known: KnownKinds, given: BatchContext, picked: Values, *, rows: int
) -> Matched:
    """Return what matches each row; `picked` has the values that are the same for all of them."""
    plan = known.plan
    several, at = [picked], None
    for place, name in enumerate(plan.wanted):
        if name in given.columns:
            kinds = known.of(place)
            numbers = _numbered(numpy, given.columns[name], kinds)
            several, at = _mixed(numpy, several, at, kinds, numbers)
    found = [plan.match(values, None) for values in several]
    if "key" in given.columns and any(plan.is_ramped(values) for values in several):
        at = numpy.zeros(rows, numpy.intp) if at is None else at.astype(numpy.intp)
        return _by_key(plan, several, found, at, given.rows_of("key"))
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
        codes, categories = coded  # a missing one is -1, which is the last place
        numbers = [kinds[hashable(value)] for value in [*categories, None]]
        return numpy.array(numbers, numpy.intp).take(codes)  # type: ignore[no-any-return]
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
    together = numbers if at is None else at * numpy.intp(len(examples)) + numbers
    size = len(several) * len(examples)
    chosen = range(size)
    if size > FEW:
        occurring, together = numpy.unique(together, return_inverse=True)
        chosen = occurring.tolist()
    mixed = []
    for number in chosen:
        values = several[number // len(examples)]
        mixed.append((*values[:place], examples[number % len(examples)], *values[place + 1 :]))
    return mixed, together


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
