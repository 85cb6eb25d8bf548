"""Makes a matcher of a snapshot's switches, in slices: a thread can do it beside those that predict (SG-19).

A slice is work for well under 5 ms, counted in conditions and values, since rules read no clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from modelwarden.guard.bitmaps import SLICE, Draft, bits
from modelwarden.guard.match import Matcher, Rules
from modelwarden.guard.scope import known_dimensions
from modelwarden.guard.switch import Action, Switch, read_switch

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Sequence

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
    known = known_dimensions(configured)
    found = []
    spent = 0
    for one in raw:
        switch = read_switch(one, known)
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
    drafts: dict[str, Draft] = {}
    yield from _drafting(ordered, drafts)
    by_missing = [
        *(row for row, s in enumerate(ordered) if not s.passes_unknown),
        *(row for row, s in enumerate(ordered[: size - width], width) if s.passes_unknown),
    ]
    satisfied = bits(by_missing, size)
    bitmaps = {}
    for name, draft in drafts.items():
        bitmaps[name] = yield from draft.compiling(size, satisfied_by_missing=satisfied)
    rules = Rules(
        switches=tuple(ordered),
        bitmaps=bitmaps,
        named={name: draft.named(size) for name, draft in drafts.items()},
        blocks=_those(ordered, Action.BLOCK),
        falls_back=_those(ordered, Action.FALLBACK),
        ramped=bits([row for row, s in enumerate(ordered) if s.ramp is not None], width),
        found={},
    )
    return Matcher(rules, (1 << size) - 1)


def _drafting(ordered: Sequence[Switch], drafts: dict[str, Draft]) -> Iterator[None]:
    width, spent = len(ordered), 0
    for row, switch in enumerate(ordered):
        for conditions, place in ((switch.scope, row), (switch.exception, width + row)):
            for name, condition in conditions:
                draft = drafts.get(name)
                if draft is None:
                    draft = drafts[name] = Draft(name)
                draft.add(place, condition)
        spent += _weight(switch)
        if spent > SLICE:
            spent = 0
            yield


def _weight(switch: Switch) -> int:
    both = (*switch.scope, *switch.exception)
    return 1 + sum(len(condition.values) for _, condition in both)


def _has_no_exception(switch: Switch) -> bool:
    return not switch.exception


def _those(ordered: Sequence[Switch], action: Action) -> int:
    return bits(
        [row for row, switch in enumerate(ordered) if switch.action is action], len(ordered)
    )
