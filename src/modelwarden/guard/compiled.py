"""Makes a matcher of a snapshot's switches, in slices: a thread can do it beside those that predict (SG-19).

A slice is work for well under 5 ms, counted in conditions and values, since rules read no clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from modelwarden.guard.bitmaps import SLICE, Draft, bits
from modelwarden.guard.match import Matcher, Remembered, Rules
from modelwarden.guard.scope import known_dimensions
from modelwarden.guard.switch import Action, Switch, read_switch

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Sequence

    from modelwarden.guard.scope import Condition

T = TypeVar("T")


def compile_switches(raw: Sequence[object], *, configured: Collection[str] = ()) -> Matcher:
    """Make a matcher of the switches of a snapshot body. Raises ValueInvalid for one that is no switch."""
    return at_once(compiling(at_once(reading(raw, configured=configured))))


def at_once(steps: Generator[None, None, T]) -> T:
    """Run what works in slices to its end, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            found: T = stop.value
            return found


def reading(
    raw: Sequence[object], *, configured: Collection[str] = ()
) -> Generator[None, None, list[Switch]]:
    """Read the switches of a snapshot body, yielding now and then. Raises ValueInvalid."""
    read: dict[str, dict[str, Condition]] = {name: {} for name in known_dimensions(configured)}
    found = []
    spent = 0
    for one in raw:
        switch = read_switch(one, read)
        if switch is None:
            continue
        found.append(switch)
        spent += _weight(switch)
        if spent > SLICE:
            spent = 0
            yield
    return found


def compiling(switches: Sequence[Switch]) -> Generator[None, None, Matcher]:
    """Compile switches, yielding now and then."""
    ordered = sorted(switches, key=_has_no_exception)  # so that exceptions' rows lie close together
    width = len(ordered)
    size = width + sum(1 for switch in ordered if switch.exception)
    yield
    kinds = yield from _sorting(ordered)
    drafts = yield from _drafting(ordered, size)
    every, scopes = (1 << size) - 1, (1 << width) - 1
    laxly = bits([row for row in kinds.passing if row < size - width], width) << width
    satisfied = scopes & ~bits(kinds.passing, width) | laxly
    bitmaps = {}
    for name, draft in drafts.items():
        bitmaps[name] = yield from draft.compiling(every, satisfied_by_missing=satisfied)
    falls_back = bits(kinds.falls_back, width)
    rules = Rules(
        effects=tuple([switch.effect for switch in ordered]),
        bitmaps=bitmaps,
        named={name: draft.named for name, draft in drafts.items()},
        blocks=scopes & ~falls_back & ~bits(kinds.observes, width),
        falls_back=falls_back,
        ramped=bits(kinds.ramped, width),
        found=Remembered(),
        together={},
    )
    return Matcher(rules, every)


class _Kinds(NamedTuple):
    """Rows of switches that are not the usual ones: those block, hold everybody, and match missing values."""

    falls_back: list[int]
    observes: list[int]
    ramped: list[int]
    passing: list[int]


def _sorting(ordered: Sequence[Switch]) -> Generator[None, None, _Kinds]:
    kinds = _Kinds([], [], [], [])
    for row, (effect, _, _, passes_unknown) in enumerate(ordered):
        if effect.action is not Action.BLOCK:
            falls_back = effect.action is Action.FALLBACK
            (kinds.falls_back if falls_back else kinds.observes).append(row)
        if effect.ramp is not None:
            kinds.ramped.append(row)
        if passes_unknown:
            kinds.passing.append(row)
        if row % SLICE == 0:
            yield
    return kinds


def _drafting(ordered: Sequence[Switch], size: int) -> Generator[None, None, dict[str, Draft]]:
    """Gather the rows of each condition, which switches share, then the conditions of each dimension."""
    conditions, rows_of = yield from _gathering(ordered)
    drafts: dict[str, Draft] = {}
    spent = 0
    for condition in conditions:
        draft = drafts.get(condition.dimension)
        if draft is None:
            draft = drafts[condition.dimension] = Draft(condition.dimension)
        rows = rows_of[id(condition)]
        if type(rows) is int:
            draft.add(condition, 1 << rows)
            spent += 1 + len(condition.values)
        else:
            draft.add(condition, bits(rows, size))
            spent += len(rows) + len(condition.values)
        if spent > SLICE:
            spent = 0
            yield
    return drafts


def _gathering(
    ordered: Sequence[Switch],
) -> Generator[None, None, tuple[list[Condition], dict[int, Any]]]:
    """Return the conditions, and by the id of each its row, or a list of its rows.

    A list for each would be tens of thousands of them, which would set off the garbage collector of the host.
    """
    conditions: list[Condition] = []
    rows_of: dict[int, Any] = {}
    scopes, exceptions = [each.scope for each in ordered], [each.exception for each in ordered]
    for first, several in ((0, scopes), (len(ordered), exceptions)):
        for row, each in enumerate(several, first):
            if row % SLICE == 0:
                yield
            for condition in each:
                known = rows_of.get(id(condition))
                if known is None:
                    conditions.append(condition)
                    rows_of[id(condition)] = row
                elif type(known) is int:
                    rows_of[id(condition)] = [known, row]
                else:
                    known.append(row)
    return conditions, rows_of


def _weight(switch: Switch) -> int:
    weight = 1
    for condition in switch.scope:
        weight += len(condition.values)
    for condition in switch.exception:
        weight += len(condition.values)
    return weight


def _has_no_exception(switch: Switch) -> bool:
    return not switch.exception
