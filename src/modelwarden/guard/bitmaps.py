"""One dimension of many conditions as a look-up: value → integer with a bit for each row that it satisfies (SG-19).

A row is the scope of a switch, or its exception. A row that does not name the dimension is satisfied by every value.
What a value that nobody listed satisfies is worked out when it is first seen, and kept for a while.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from modelwarden.guard.scope import FOLDED, Form, normalise

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from modelwarden.guard.scope import Condition

KEPT: Final = 4_096
"""How many values that no switch lists a dimension remembers; the oldest goes first."""

LONGEST_KEPT: Final = 256
"""Longer values, in characters, are read afresh, so that memory stays small."""

SLICE: Final = 1_000
"""How many values are worked on between two chances for other threads."""

_FEW: Final = 8


class Bitmaps(dict[object, int]):
    """What each value satisfies: `bitmaps[value]`, one look-up; None for a missing value.

    Readers need no lock: a look-up that finds nothing works it out from what never changes.
    Raises KeyError for a value that is no plain, short text: give `normalise`'s result instead.
    """

    __slots__ = ("_folds", "_kept", "_lengths", "_prefixes", "_unlisted")

    def __init__(self, *, folds: bool, unlisted: int, prefixes: dict[str, int]) -> None:
        super().__init__()
        self._folds = folds
        self._unlisted = unlisted
        self._prefixes = prefixes
        self._lengths = sorted({len(prefix) for prefix in prefixes})
        self._kept: deque[object] = deque()

    def __missing__(self, value: object) -> int:
        if type(value) is not str or len(value) > LONGEST_KEPT:
            raise KeyError(value)  # 1, 1.0 and True would share one place
        text = normalise(value, folds=self._folds)
        found = self.get(text)
        if found is None:
            found = self.beginning(text or "")
        if len(self._kept) >= KEPT:
            self.pop(self._kept.popleft(), None)
        self[value] = found
        self._kept.append(value)
        return found

    def beginning(self, text: str) -> int:
        """Return what canonical text that is not listed satisfies: rows without a list, and prefixes."""
        found = self._unlisted
        for length in self._lengths:
            found |= self._prefixes.get(text[:length], 0)
        return found


class Draft:
    """Collects the conditions on one dimension, row by row, until they can be compiled."""

    __slots__ = ("_any_of", "_dimension", "_named", "_none_of", "_positive", "_prefixes")

    def __init__(self, dimension: str) -> None:
        self._dimension = dimension
        self._any_of: dict[str, list[int]] = {}
        self._none_of: dict[str, list[int]] = {}
        self._prefixes: dict[str, list[int]] = {}
        self._named: list[int] = []
        self._positive: list[int] = []

    def add(self, row: int, condition: Condition) -> None:
        """Add what one row says of the dimension."""
        form, values = condition
        self._named.append(row)
        if form is Form.NONE_OF:
            rows_of = self._none_of
        else:
            self._positive.append(row)
            rows_of = self._any_of if form is Form.ANY_OF else self._prefixes
        for value in values:
            rows = rows_of.get(value)
            if rows is None:
                rows_of[value] = [row]
            else:
                rows.append(row)

    def named(self, size: int) -> int:
        """Return the rows that name the dimension."""
        return bits(self._named, size)

    def compiling(self, size: int, *, satisfied_by_missing: int) -> Generator[None, None, Bitmaps]:
        """Yield now and then, so that other threads run, and return the bitmaps of `size` rows.

        `satisfied_by_missing` are the rows that a missing value satisfies where they name a dimension (SG-4).
        """
        every = (1 << size) - 1
        prefixes = {}
        for done, (prefix, rows) in enumerate(self._prefixes.items()):
            if done % SLICE == 0:
                yield
            prefixes[prefix] = bits(rows, size)
        unlisted = every & ~bits(self._positive, size)
        compiled = Bitmaps(folds=self._dimension in FOLDED, unlisted=unlisted, prefixes=prefixes)
        for listed in (self._any_of, self._none_of):
            yield from _fill(compiled, listed, size, adds=listed is self._any_of)
        compiled[None] = every & ~(bits(self._named, size) & ~satisfied_by_missing)
        return compiled


def bits(rows: Sequence[int], size: int) -> int:
    """Return the integer with these bits, each below `size`."""
    if len(rows) < _FEW:
        found = 0
        for row in rows:
            found |= 1 << row
        return found
    octets = bytearray((size + 7) // 8)
    for row in rows:
        octets[row >> 3] |= 1 << (row & 7)
    return int.from_bytes(octets, "little")


def _fill(
    compiled: Bitmaps, listed: dict[str, list[int]], size: int, *, adds: bool
) -> Iterator[None]:
    """Write what each listed value satisfies; a value may stand in lists of both kinds, of different rows."""
    own: dict[tuple[int, int], int] = {}  # one integer for all values of a row with a long list
    for done, (value, rows) in enumerate(listed.items()):
        if done % SLICE == 0:
            yield
        before = compiled.get(value)
        if before is None:
            before = compiled.beginning(value)
        if len(rows) > 1:
            mask = bits(rows, size)
            compiled[value] = before | mask if adds else before & ~mask
            continue
        place = (id(before), rows[0])  # what `before` is lives as long as the bitmaps it came from
        found = own.get(place)
        if found is None:
            mask = 1 << rows[0]
            found = own[place] = before | mask if adds else before & ~mask
        compiled[value] = found
