"""What a matcher answers, and what it has answered before; a context that is new is matched on the way (SG-19).

Bitmaps are ANDed here, written out for up to six dimensions: a loop over them takes half as long again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from modelwarden.guard.switch import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.guard.bitmaps import Bitmaps
    from modelwarden.guard.switch import Steps

    Values = tuple[object, ...]

REMEMBERED: Final = 4_096
"""How many contexts a matcher remembers before it begins again (SG-19)."""

MOST_IDS: Final = 100_000
"""How many ids of switches it remembers with them: where many switches miss a value, one match names them all."""


class Match(NamedTuple):
    """What the switches say of one context; false if none matches.

    Attributes:
        action: the strongest of those that match.
        switches: ids of all that match, sorted.
        steps: for `FALLBACK`, the steps that all of them allow; None for the guard's own chain.
        missing: dimensions that a matching switch names and the context lacks, which is to be counted (SG-4).
        lkg_before: of those that block or fall back, the earliest; "" serves nothing remembered (SG-39).
        is_ramped: some let callers go by key: see `Matcher.for_key` (SG-11).
        rows: which they are, for the matcher that found them.
    """

    action: Action
    switches: tuple[str, ...] = ()
    steps: Steps = ()
    missing: tuple[str, ...] = ()
    lkg_before: str | None = None
    is_ramped: bool = False
    rows: int = 0

    def __bool__(self) -> bool:
        return self.action is not Action.NONE

    @property
    def diverts(self) -> bool:
        """The call is not made: it is blocked, or a fallback answers."""
        return self.action >= Action.FALLBACK


NOTHING: Final = Match(Action.NONE)
"""What a matcher answers when no switch matches: always this one object."""


class Says(Protocol):
    """The switches of one snapshot, which say what some of them do together."""

    @property
    def bitmaps(self) -> Mapping[str, Bitmaps]:
        """By dimension, the rows that each value satisfies."""

    @property
    def width(self) -> int:
        """How many switches there are; behind their rows stand those of the exceptions."""

    def match(self, rows: int, missing: tuple[str, ...]) -> Match:
        """Return what these switches say together."""


class Remembered(dict[tuple[object, ...], Match]):
    """Matches by what was asked, forgotten all at once when there are too many. Readers need no lock."""

    __slots__ = ("ids",)

    def __init__(self) -> None:
        super().__init__()
        self.ids = 0

    def keep(self, key: tuple[object, ...], found: Match) -> None:
        """Remember one more."""
        if len(self) >= REMEMBERED or self.ids > MOST_IDS:
            self.clear()
            self.ids = 0
        self[key] = found
        self.ids += len(found.switches)


class Memo(Remembered):
    """What the switches say of the values of some dimensions: `memo[values]`, None for a missing value.

    Raises KeyError or TypeError for values that are not all short plain text, or None: give their canonical form.
    Raises ValueError for another number of values.

    Attributes:
        tables: by place, the rows that each value satisfies.
    """

    __slots__ = ("_missing", "_names", "_open", "_rules", "tables")

    def __init__(
        self, rules: Says, rows: int, names: tuple[str, ...], missing: tuple[str, ...]
    ) -> None:
        super().__init__()
        self._rules, self._open, self._names, self._missing = rules, rows, names, missing
        self.tables = tuple(rules.bitmaps[name] for name in names)

    def __missing__(self, values: Values) -> Match:
        rows = self._open
        for table, value in zip(self.tables, values, strict=True):
            rows &= table[value]
        return self.settle(values, rows)

    def settle(self, values: Values, rows: int) -> Match:
        """Remember what these rows say, as far as they are open and no exception carves them out."""
        rows &= self._open
        carved = rows >> self._rules.width
        if carved:
            rows &= ~carved & ((1 << self._rules.width) - 1)
        found = self._rules.match(rows, self._missing + self._absent(values)) if rows else NOTHING
        self.keep(values, found)
        return found

    def _absent(self, values: Values) -> tuple[str, ...]:
        given = zip(self._names, values, self.tables, strict=True)
        return tuple([name for name, value, table in given if table.is_blank(value)])


class _One(Memo):
    __slots__ = ()

    def __missing__(self, values: Values) -> Match:
        (a,), (u,) = self.tables, values
        return self.settle(values, a[u])


class _Two(Memo):
    __slots__ = ()

    def __missing__(self, values: Values) -> Match:
        (a, b), (u, v) = self.tables, values
        rows = a[u] & b[v]
        if (rows and rows & self._open) or len(self) >= REMEMBERED:
            return self.settle(values, rows)
        self[values] = NOTHING  # as `settle` does, without its call
        return NOTHING


class _Three(Memo):
    __slots__ = ()

    def __missing__(self, values: Values) -> Match:
        (a, b, c), (u, v, w) = self.tables, values
        rows = a[u] & b[v] & c[w]
        if (rows and rows & self._open) or len(self) >= REMEMBERED:
            return self.settle(values, rows)
        self[values] = NOTHING
        return NOTHING


class _Four(Memo):
    __slots__ = ()

    def __missing__(self, values: Values) -> Match:
        (a, b, c, d), (u, v, w, x) = self.tables, values
        rows = a[u] & b[v] & c[w] & d[x]
        if (rows and rows & self._open) or len(self) >= REMEMBERED:
            return self.settle(values, rows)
        self[values] = NOTHING
        return NOTHING


class _Five(Memo):
    __slots__ = ()

    def __missing__(self, values: Values) -> Match:
        (a, b, c, d, e), (u, v, w, x, y) = self.tables, values
        rows = a[u] & b[v] & c[w] & d[x] & e[y]
        if (rows and rows & self._open) or len(self) >= REMEMBERED:
            return self.settle(values, rows)
        self[values] = NOTHING
        return NOTHING


class _Six(Memo):
    __slots__ = ()

    def __missing__(self, values: Values) -> Match:
        (a, b, c, d, e, f), (u, v, w, x, y, z) = self.tables, values
        rows = a[u] & b[v] & c[w] & d[x] & e[y] & f[z]
        if (rows and rows & self._open) or len(self) >= REMEMBERED:
            return self.settle(values, rows)
        self[values] = NOTHING
        return NOTHING


_WRITTEN_OUT: Final = (Memo, _One, _Two, _Three, _Four, _Five, _Six)


def memo_of(rules: Says, rows: int, names: tuple[str, ...], missing: tuple[str, ...]) -> Memo:
    """Return what remembers matches by the values of some dimensions.

    Args:
        rules: the switches.
        rows: those that are still open.
        names: the dimensions.
        missing: dimensions whose value is known to be missing.
    """
    kind = _WRITTEN_OUT[len(names)] if len(names) < len(_WRITTEN_OUT) else Memo
    return kind(rules, rows, names, missing)
