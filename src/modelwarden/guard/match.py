"""Which switches match a context: a bitmap per dimension, ANDed and remembered (SG-4, SG-5, SG-19).

A matcher never changes what it answers, takes no lock and does no I/O. Which matcher is asked, and when again, is the
guard's to know; how one is made of a snapshot's switches stands in `compiled`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modelwarden.guard.bitmaps import set_bits
from modelwarden.guard.memo import MOST_IDS, NOTHING, REMEMBERED, Match, Memo, Remembered, picking
from modelwarden.guard.product import Product, grouped
from modelwarden.guard.router import bucket
from modelwarden.guard.scope import FOLDED, normalise
from modelwarden.guard.switch import Action, common_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelwarden.guard.bitmaps import Bitmaps
    from modelwarden.guard.switch import Effect, Steps


__all__ = ["MOST_IDS", "NOTHING", "REMEMBERED", "Match", "Matcher", "Remembered", "Rules", "joined"]


class Rules(NamedTuple):
    """The switches of one snapshot, compiled. Row i is the scope of switch i; the exceptions' rows follow them.

    Attributes:
        effects: of the switches, those with an exception first, so that exception i is row `len(effects) + i`.
        bitmaps: by dimension, the rows that each value satisfies.
        named: by dimension, the rows that name it.
        together: products by the names of their dimensions, each made when it is first wanted.
    """

    effects: tuple[Effect, ...]
    bitmaps: dict[str, Bitmaps]
    named: dict[str, int]
    blocks: int
    falls_back: int
    ramped: int
    found: Remembered
    together: dict[tuple[str, ...], Product]

    @property
    def width(self) -> int:
        """How many switches there are."""
        return len(self.effects)

    def products(self, names: tuple[str, ...]) -> list[Product]:
        """Return these dimensions, those of few values together; what has most values first, and alone."""
        return [self._product(group) for group in grouped(self.bitmaps, names)]

    def _product(self, names: tuple[str, ...]) -> Product:
        found = self.together.get(names)
        if found is None:
            product = Product({name: self.bitmaps[name] for name in names}, 2 * self.width)
            found = self.together.setdefault(names, product)
        return found

    def match(self, rows: int, missing: tuple[str, ...]) -> Match:
        """Return what these switches say together; the same object for the same switches, for a while."""
        key = rows, missing
        found = self.found.get(key)
        if found is None:
            found = self._joined(rows, missing)
            self.found.keep(key, found)
        return found

    def _joined(self, rows: int, missing: tuple[str, ...]) -> Match:
        if not rows:
            return NOTHING
        chosen = sorted((self.effects[place] for place in set_bits(rows)), key=_id)
        action, steps = (Action.BLOCK, ()) if rows & self.blocks else _strongest(chosen)
        moments = [s.lkg_before for s in chosen if s.action > Action.OBSERVE]
        return Match(
            action=action,
            switches=tuple(s.switch_id for s in chosen),
            steps=steps,
            missing=tuple(name for name in missing if self.named[name] & rows),
            lkg_before=min((m for m in moments if m is not None), default=None),
            is_ramped=bool(rows & self.ramped),
            rows=rows,
        )


class Matcher:
    """Answers for the switches of a snapshot, or for those that are left once some values are known.

    Attributes:
        dimensions: whose values `match_values` takes, in this order.
    """

    __slots__ = (
        "_known", "_memo", "_missing", "_names", "_rows", "_rules", "_width", "dimensions", "match", "match_values",
    )  # fmt: skip

    match: Callable[[Mapping[str, object]], Match]
    """Returns what the switches say of a context. Dimensions that no switch names are not looked at."""

    match_values: Callable[[tuple[object, ...]], Match]
    """Returns what the switches say of the values of `dimensions`, None for a missing one: the quickest way.

    Raises ValueError for too few values, or too many.
    """

    def __init__(
        self,
        rules: Rules,
        rows: int,
        *,
        missing: tuple[str, ...] = (),
        known: frozenset[str] = frozenset(),
        dimensions: tuple[str, ...] | None = None,
    ) -> None:
        """Take the rows that are still open, and the dimensions that are settled or missing already."""
        self._rules, self._rows, self._missing, self._known = rules, rows, missing, known
        self._width = len(rules.effects)
        open_names = [n for n in rules.bitmaps if n not in known and self._depends_on(n)]
        self.dimensions = tuple(open_names) if dimensions is None else dimensions
        places = [p for p, name in enumerate(self.dimensions) if name in open_names]
        self._names = tuple(self.dimensions[place] for place in places)
        self._memo = memo = Memo(rules, rows, self._names, missing)
        if not self._live:
            self.match = self.match_values = _nothing
            return
        self.match, self.match_values = memo.of_context, memo.of_values
        if len(places) < len(self.dimensions):
            pick = picking(places)
            self.match_values = lambda values: memo.of_values(pick(values))

    def bind(self, **known: object) -> Matcher:
        """Return a matcher for which these values are settled, so that they need not be given again.

        Its `dimensions` are those that are still open.
        """
        rows, missing = self._rows, self._missing
        for name, value in known.items():
            bitmaps = self._rules.bitmaps.get(name)
            if bitmaps is None or name in self._known:
                continue
            text = normalise(value, folds=name in FOLDED)
            rows &= bitmaps[text]
            if text is None:
                missing = (*missing, name)
        settled = self._known.union(known)
        return Matcher(self._rules, rows, missing=missing, known=settled)

    def over(self, *dimensions: str) -> Matcher:
        """Return a matcher whose `match_values` takes these dimensions; all others count as missing.

        Names that no switch asks for are allowed: their values are not looked at.
        """
        absent = dict.fromkeys(n for n in self.dimensions if n not in dimensions)
        bound = self.bind(**absent)
        return Matcher(
            self._rules,
            bound._rows,  # noqa: SLF001 - of the same class
            missing=bound._missing,  # noqa: SLF001
            known=bound._known,  # noqa: SLF001
            dimensions=dimensions,
        )

    def for_key(self, found: Match, key: object) -> Match:
        """Return what is left of a match for one caller, where a release goes in steps (SG-11).

        Whoever has no key is still held.
        """
        if not found.is_ramped:
            return found
        rows = found.rows
        for place in set_bits(rows & self._rules.ramped):
            ramp = self._rules.effects[place].ramp
            if ramp is None:
                continue
            at = bucket(key, ramp.salt)
            if at is not None and at >= ramp.held:
                rows &= ~(1 << place)
        return self._rules.match(rows, found.missing)

    def kind(self, place: int, value: object) -> tuple[int, bool] | None:
        """Return what tells the values of a dimension apart: those of one kind match alike, whatever the others are."""
        name = self.dimensions[place]
        if name not in self._names:
            return None
        bitmaps = self._rules.bitmaps[name]
        try:
            satisfied = bitmaps[value]
        except (KeyError, TypeError):  # no short plain text
            satisfied = bitmaps[value := normalise(value, folds=name in FOLDED)]
        return self._rows & satisfied, bitmaps.is_blank(value)

    def names(self, dimension: str, value: object) -> bool:
        """Say whether a switch that blocks or falls back names the dimension and takes in this value (SG-39)."""
        bitmaps = self._rules.bitmaps.get(dimension)
        if bitmaps is None:
            return False
        acting = self._live & (self._rules.blocks | self._rules.falls_back)
        satisfied = bitmaps[normalise(value, folds=dimension in FOLDED)]
        return bool(acting & satisfied & self._rules.named[dimension])

    @property
    def _live(self) -> int:
        return self._rows & ((1 << self._width) - 1)

    def _depends_on(self, dimension: str) -> bool:
        live = self._live
        return bool(self._rules.named[dimension] & self._rows & (live | live << self._width))


def joined(first: Match, second: Match) -> Match:
    """Return what two matchers of one snapshot say together of one call (SG-5).

    Ramps have to be settled before, by the matcher that found each.
    """
    if not first or not second:
        return first or second
    action = max(first.action, second.action)
    steps: Steps = ()
    if action is Action.FALLBACK:
        falling = [m.steps for m in (first, second) if m.action is action]
        steps = falling[0] if len(falling) == 1 else common_steps(*falling)
        action = Action.BLOCK if steps == () else action
    moments = [m.lkg_before for m in (first, second) if m.lkg_before is not None]
    return Match(
        action=action,
        switches=tuple(sorted({*first.switches, *second.switches})),
        steps=steps,
        missing=tuple(dict.fromkeys((*first.missing, *second.missing))),
        lkg_before=min(moments, default=None),
    )


def _strongest(effects: list[Effect]) -> tuple[Action, Steps]:
    falling = [effect.steps for effect in effects if effect.action is Action.FALLBACK]
    if not falling:
        return max(effect.action for effect in effects), ()
    steps = falling[0]
    for other in falling[1:]:
        steps = common_steps(steps, other)
    return (Action.BLOCK, ()) if steps == () else (Action.FALLBACK, steps)


def _id(effect: Effect) -> str:
    return effect.switch_id


def _nothing(_asked: object) -> Match:
    return NOTHING
