"""What a matcher answers, and what it has answered before; a context that is new is matched on the way (SG-19).

Two functions answer, written for the dimensions there are and holding what they need: one look-up in what is
remembered, one for each dimension's value, and the AND of their products. A loop takes twice as long, as does what
looks up attributes or goes through `__missing__` on the way. What has most values stands first, so that a new one of
those costs least.
"""

from __future__ import annotations

from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from modelwarden.guard.scope import FOLDED, normalise
from modelwarden.guard.switch import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelwarden.guard.bitmaps import Bitmaps
    from modelwarden.guard.product import Product
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

    def products(self, names: tuple[str, ...]) -> Sequence[Product]:
        """Return these dimensions, those of few values together; what has most values first, and alone."""

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


class Memo:
    """What the switches say of the values of some dimensions, and of contexts that hold them.

    Attributes:
        names: the dimensions.
        products: of these dimensions, in an order of their own.
        tables: by place, the rows that each value satisfies.
        kept: what was answered, forgotten all at once when there is too much of it.
        of_context: answers for a mapping from names to values.
        of_values: answers for values in the order of `names`, None for a missing one. Raises ValueError for another
            number of them.
    """

    __slots__ = (
        "_ids", "_missing", "_open", "_places", "_rules", "kept", "names", "of_context", "of_values", "products",
        "tables",
    )  # fmt: skip

    def __init__(
        self, rules: Says, rows: int, names: tuple[str, ...], missing: tuple[str, ...]
    ) -> None:
        """Take the switches, those rows of theirs that are open, and the dimensions known to be missing."""
        self._rules, self._open, self._missing = rules, rows, missing
        self.names: Final = names
        self.tables: Final = tuple(rules.bitmaps[name] for name in names)
        self.products: Final = rules.products(names)
        self._places = [tuple(map(names.index, product.names)) for product in self.products]
        self.kept: Final[dict[Values, Match]] = {}
        self._ids = 0
        self.of_context: Callable[[Mapping[str, object]], Match]
        self.of_values: Callable[[Values], Match]
        if not names:
            self.of_context, self.of_values = self._context_slowly, self._slowly
            return
        self.of_context, self.of_values = _written(*self._places)(
            self.kept, picking(names), rows, self.settle, self._context_slowly, self._slowly,
            self.products[0].tables[0].learnt, *(product.known for product in self.products),
        )  # fmt: skip

    def settle(self, values: Values, rows: int) -> Match:
        """Remember what these rows say, as far as they are open and no exception carves them out."""
        if len(self.kept) >= REMEMBERED or self._ids > MOST_IDS:
            self.kept.clear()
            self._ids = 0
        rows &= self._open
        if not rows:
            self.kept[values] = NOTHING
            return NOTHING
        carved = rows >> self._rules.width
        if carved:
            rows &= ~carved & ((1 << self._rules.width) - 1)
        found = self._rules.match(rows, self._missing + self._absent(values)) if rows else NOTHING
        self.kept[values] = found
        self._ids += len(found.switches)
        return found

    def _context_slowly(self, context: Mapping[str, object]) -> Match:
        return self.of_values(tuple(map(context.get, self.names)))

    def _slowly(self, values: Values) -> Match:
        """Match values of which one is new, or no short plain text, which is remembered in its canonical form only."""
        if len(values) != len(self.names):
            raise ValueError(f"expected the values of {', '.join(self.names)}")
        try:
            return self.settle(values, self._rows(values))
        except (KeyError, TypeError):
            named = zip(self.names, values, strict=True)
            plain = tuple([normalise(value, folds=name in FOLDED) for name, value in named])
            found = self.kept.get(plain)
            return self.settle(plain, self._rows(plain)) if found is None else found

    def _rows(self, values: Values) -> int:
        rows = self._open
        for product, places in zip(self.products, self._places, strict=True):
            rows &= product([values[place] for place in places])
        return rows

    def _absent(self, values: Values) -> tuple[str, ...]:
        given = zip(self.names, values, self.tables, strict=True)
        return tuple([name for name, value, table in given if table.is_blank(value)])


_TEMPLATE: Final = """
def answering(kept, given, open_rows, settle, context_slowly, slowly, learnt, {tables}):
    remembered = kept.get

    def of_context(context):
        try:
            values = given(context)
        except (KeyError, TypeError):  # a value is missing
            return context_slowly(context)
        try:
            found = remembered(values)
            if found is not None:
                return found
            {values} = values
            try:
                first = t0[{first}]
            except KeyError:
                first = learnt({first})
            rows = first{others}
        except (KeyError, TypeError):  # another value is new, or one is no short plain text
            return slowly(values)
        if (rows and rows & open_rows) or len(kept) >= {most}:
            return settle(values, rows)
        kept[values] = nothing
        return nothing

    def of_values(values):
        try:
            found = remembered(values)
            if found is not None:
                return found
            {values} = values
            try:
                first = t0[{first}]
            except KeyError:
                first = learnt({first})
            rows = first{others}
        except (KeyError, TypeError, ValueError):  # or their number is wrong
            return slowly(values)
        if (rows and rows & open_rows) or len(kept) >= {most}:
            return settle(values, rows)
        kept[values] = nothing
        return nothing

    return of_context, of_values
"""


@cache
def _written(first: tuple[int], *others: tuple[int, ...]) -> Callable[..., Any]:
    """Return what makes both functions for products of values at these places: `_TEMPLATE`, and nothing else."""
    several = [
        f" & t{n}" + "".join(f"[v{place}]" for place in places)
        for n, places in enumerate(others, start=1)
    ]
    text = _TEMPLATE.format(
        tables=", ".join(f"t{n}" for n in range(1 + len(others))),
        values="".join(f"v{n}, " for n in range(1 + sum(map(len, others)))),
        first=f"v{first[0]}",
        others="".join(several),
        most=REMEMBERED,
    )
    names: dict[str, Any] = {"nothing": NOTHING}
    exec(compile(text, __file__, "exec"), names)  # noqa: S102 - our own words, and numbers
    written: Callable[..., Any] = names["answering"]
    return written


def picking(places: Sequence[object]) -> Callable[[Any], tuple[object, ...]]:
    """Return what takes these places out of a tuple, or these names out of a mapping, as a tuple."""
    if len(places) > 1:
        return itemgetter(*places)
    if not places:
        return lambda _given: ()
    (place,) = places
    return lambda given: (given[place],)
