"""Reads the switches of a body, and where one before it was read, only those that are new (SG-19). Pure.

A stop adds one switch to perhaps thousands. Where the text of one stands in the new body as it stood in the old, it
means the same, and is not read again: a JSON object ends where it ends, whatever follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.guard.scope import known_dimensions
from modelwarden.guard.switch import Switch, read_switch

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from modelwarden.guard.scope import Condition

    Scan = Callable[[str, int], tuple[object, int]]

CHARACTERS_A_SLICE: Final = 32 * 1024
"""How much of a body is read between two chances for other threads."""

_LEFT_OVER: Final = 1_000


class Reread(NamedTuple):
    """The switches of a body, with what it takes to read the next one.

    Attributes:
        dimensions: those that were known: with others the same text may mean something else.
        conditions: each value that was named alone, by dimension, so that switches share it.
        texts: of each switch.
        switches: each; None for one that holds nobody any more.
    """

    dimensions: frozenset[str]
    conditions: dict[str, dict[str, Condition]]
    texts: list[str]
    switches: list[Switch | None]

    @property
    def live(self) -> list[Switch]:
        """Those that hold somebody."""
        return [one for one in self.switches if one is not None]


NOTHING: Final = Reread(frozenset(), {}, [], [])


def reading_switches(
    scan: Scan, text: str, at: int, *, configured: object, before: Reread
) -> Generator[None, None, tuple[Reread, int]]:
    """Read the list that begins before `at`, yielding now and then; return it, and where it ends.

    Returns `before` itself where nothing changed. Raises ValueInvalid, and ValueError for what is no JSON.
    """
    before = _fitting(before, configured)
    known, switches = before.texts, before.switches
    places: dict[str, int] | None = None
    texts: list[str] = []
    found: list[Switch | None] = []
    place, since = 0, at
    while text[at - 1] != "]":
        if place < len(known) and text.startswith(known[place], at):
            end = at + len(known[place])
            texts.append(known[place])
            found.append(switches[place])
            place += 1
        else:
            raw, end = scan(text, at)
            said = text[at:end]
            if places is None:
                places = dict(zip(known, range(len(known)), strict=True))
            seen = places.get(said)
            place = place if seen is None else seen + 1
            texts.append(said)
            found.append(read_switch(raw, before.conditions) if seen is None else switches[seen])
        if text[end : end + 1] not in {",", "]"}:
            raise ValueError(f"expected one of ,] at {end}")
        at = end + 1
        if at - since > CHARACTERS_A_SLICE:
            since = at
            yield
    if len(found) == len(switches) and place == len(known) and places is None:
        return before, at
    return Reread(before.dimensions, before.conditions, texts, found), at


def _fitting(before: Reread, configured: object) -> Reread:
    """Return what may be used again: nothing under other dimensions, or where little of it is still named."""
    if not isinstance(configured, list):
        raise ValueInvalid("dimensions", "a list")
    dimensions = known_dimensions([str(name) for name in configured])
    kept = sum(map(len, before.conditions.values()))
    if before.dimensions == dimensions and kept <= _LEFT_OVER + 4 * len(before.switches):
        return before
    return Reread(dimensions, {name: {} for name in dimensions}, [], [])
