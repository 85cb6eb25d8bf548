"""What holds rows of a batch back before their answers count: approved rates, and the age of inputs (SG-34, SG-44).

Each row is asked as its call would be: charged in its order, and judged by the time in its column, which is one of the
context's, or else of the features'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from modelwarden.guard import columns
from modelwarden.guard.batch_context import plain_value
from modelwarden.guard.begun import Verdict
from modelwarden.guard.freshness import OLD, Level

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from numpy.typing import NDArray

    from modelwarden.guard.approved import Asked
    from modelwarden.guard.batch_context import BatchContext
    from modelwarden.guard.freshness import Fresh
    from modelwarden.guard.limits import Limited
    from modelwarden.guard.place import Place


class Held(NamedTuple):
    """Rows that are held back alike: what is to happen with them, and why."""

    rows: Sequence[int] | NDArray[Any]
    verdict: Verdict
    reason: str


class Moments:
    """Where the times of a batch's rows are found."""

    def __init__(self, given: BatchContext, features: Any, rows: int) -> None:  # noqa: ANN401 - any table
        self._given, self._rows = given, rows
        self._features = features if columns.is_frame(features) else None
        names = [] if self._features is None else columns.names(self._features)
        self._places = {str(name): place for place, name in enumerate(names)}

    def column(self, name: str) -> Any:  # noqa: ANN401 - any column
        """Return the times under a name row by row, or None where there is no such column."""
        if name in self._given.columns:
            return self._given.columns[name]
        if name in self._given.fixed or name not in self._places:
            return None
        found = columns.column(self._features, self._places[name])
        return found if len(found) == self._rows else None

    def fixed(self, name: str) -> object:
        """Return the time of all rows, or None."""
        return self._given.fixed.get(name)


def charged(
    asked: Asked, place: Place, given: BatchContext, going: Sequence[int]
) -> dict[int, Limited]:
    """Charge the rows that go, one after the other; return those that are over an approved rate."""
    if asked.limits is None:
        return {}
    fixed = dict(zip(asked.keys, place.picker(asked.keys).values((), given.fixed), strict=True))
    several = {name: given.rows_of(name) for name in asked.keys if name in given.columns}
    over: dict[int, Limited] = {}
    for row in going:
        context = fixed | {name: plain_value(cells[row]) for name, cells in several.items()}
        named = {name: str(value) for name, value in context.items() if value is not None}
        refused = asked.over(named)
        if refused is not None:
            over[row] = refused
    return over


class Ages:
    """How old the inputs of rows are, by the worst of several times."""

    def __init__(self, numpy: ModuleType, rows: int) -> None:
        self._numpy = numpy
        self.levels: NDArray[Any] = numpy.zeros(rows, numpy.uint8)
        self._why: list[tuple[NDArray[Any], str]] = []

    def judge(self, fresh: Fresh, moments: Moments, *, now: float) -> None:
        """Take in one time; of those that are equally bad the first speaks."""
        numpy, column = self._numpy, moments.column(fresh.field)
        if column is None:
            one = fresh.judge(moments.fixed(fresh.field), now=now)
            worse = numpy.flatnonzero(self.levels < one.level)
            self.levels[worse] = one.level
            self._why.append((worse, one.reason or ""))
            return
        found = fresh.judge_batch(column, now=now)
        worse = numpy.flatnonzero(found.levels > self.levels)
        self.levels[worse] = found.levels[worse]
        unknown = numpy.isnan(found.age_s[worse])
        self._why.append((worse[~unknown], OLD))
        if unknown.any():
            self._say(fresh, columns.rows(column), worse[unknown].tolist(), now=now)

    def tell(self, rows: Sequence[int], reason: str, *, level: Level) -> None:
        """Take in that rows are at least so bad, for another reason."""
        at = self._numpy.array(rows, self._numpy.intp)
        worse = at[self.levels[at] < level]
        self.levels[worse] = level
        self._why.append((worse, reason))

    def held(self, going: NDArray[Any]) -> list[Held]:
        """Return which of these rows are held back; of several reasons for a row the last one counts."""
        numpy, found = self._numpy, []
        for rows, reason in self._why:
            mine = rows[numpy.isin(rows, going)]
            for level, verdict in ((Level.FALLBACK, Verdict.FALL), (Level.BLOCK, Verdict.BLOCK)):
                at = mine[self.levels[mine] == level]
                if len(at):
                    found.append(Held(at, verdict, reason))
        return found

    def _say(self, fresh: Fresh, cells: list[Any], rows: list[int], *, now: float) -> None:
        """Say of each time whose age is not known why that is."""
        by_reason: dict[str, list[int]] = {}
        for row in rows:
            reason = fresh.judge(cells[row], now=now).reason or OLD
            by_reason.setdefault(reason, []).append(row)
        for reason, of in by_reason.items():
            self._why.append((self._numpy.array(of, self._numpy.intp), reason))
