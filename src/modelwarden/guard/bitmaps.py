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


class Bitmaps:
    """What each value satisfies: `bitmaps[value]`; None for a missing value.

    Readers need no lock: a look-up that finds nothing works it out from what never changes.

    Attributes:
        known: what texts satisfy, as far as it is worked out. A plain dictionary of texts alone, as the interpreter
            looks into no other as fast.
        missing: what a missing value satisfies.
        has_seen_blanks: some text counted as a missing value; until then only None is one.
    """

    __slots__ = (
        "_folds", "_kept", "_lengths", "_prefixes", "_unlisted", "has_seen_blanks", "known", "missing",
    )  # fmt: skip

    def __init__(self, *, folds: bool, unlisted: int, prefixes: dict[str, int]) -> None:
        self.known: Final[dict[str, int]] = {}
        self.missing = 0
        self._folds = folds
        self._unlisted = unlisted
        self._prefixes = prefixes
        self._lengths = sorted({len(prefix) for prefix in prefixes})
        self._kept: deque[str] = deque()
        self.has_seen_blanks = False

    def __getitem__(self, value: object) -> int:
        """Return what a value satisfies.

        Raises KeyError or TypeError for one that is no plain, short text: give `normalise`'s result instead.
        """
        found = self.known.get(value)  # type: ignore[call-overload]
        return self.learnt(value) if found is None else found

    def learnt(self, value: object) -> int:
        """Work out what a value satisfies that is not known yet, and keep it. Raises KeyError."""
        if value is None:
            return self.missing
        if type(value) is not str or len(value) > LONGEST_KEPT:
            raise KeyError(value)  # 1, 1.0 and True would share one place
        text = normalise(value, folds=self._folds)
        if text is None:
            self.has_seen_blanks = True
        found = self.missing if text is None else self.before(text)
        if len(self._kept) >= KEPT:
            self.known.pop(self._kept.popleft(), None)
        self.known[value] = found
        self._kept.append(value)
        return found

    def is_blank(self, value: object) -> bool:
        """Say whether a value counts as missing."""
        return value is None or (self.has_seen_blanks and normalise(value) is None)

    def before(self, text: str) -> int:
        """Return what canonical text satisfies as far as is known: if not listed, by prefixes and no list."""
        found = self.known.get(text)
        if found is not None or not self._lengths:
            return self._unlisted if found is None else found
        found = self._unlisted
        for length in self._lengths:
            found |= self._prefixes.get(text[:length], 0)
        return found


class Draft:
    """Collects the conditions on one dimension until they can be compiled."""

    __slots__ = ("_any_of", "_dimension", "_negative", "_none_of", "_positive", "_prefixes")

    def __init__(self, dimension: str) -> None:
        self._dimension = dimension
        self._any_of: dict[str, int] = {}
        self._none_of: dict[str, int] = {}
        self._prefixes: dict[str, int] = {}
        self._positive = self._negative = 0

    def add(self, condition: Condition, rows: int) -> None:
        """Add a condition and the rows that make it."""
        _, form, values = condition
        if form is Form.NONE_OF:
            self._negative |= rows
            rows_of = self._none_of
        else:
            self._positive |= rows
            rows_of = self._prefixes if form is Form.PREFIX else self._any_of
        for value in values:
            before = rows_of.get(value)
            rows_of[value] = rows if before is None else before | rows

    @property
    def named(self) -> int:
        """The rows that name the dimension."""
        return self._positive | self._negative

    def compiling(self, every: int, *, satisfied_by_missing: int) -> Generator[None, None, Bitmaps]:
        """Yield now and then, so that other threads run, and return the bitmaps of all these rows.

        `satisfied_by_missing` are the rows that a missing value satisfies where they name a dimension (SG-4).
        """
        unlisted = every & ~self._positive
        folds = self._dimension in FOLDED
        compiled = Bitmaps(folds=folds, unlisted=unlisted, prefixes=self._prefixes)
        yield from self._fill(compiled, unlisted)
        compiled.missing = every & ~(self.named & ~satisfied_by_missing)
        return compiled

    def _fill(self, compiled: Bitmaps, unlisted: int) -> Iterator[None]:
        """Write what each listed value satisfies; one may stand in lists of both kinds, of different rows."""
        known = compiled.known
        # The values of one long list follow each other: one integer serves them all.
        last = (-1, -1, -1)
        for done, (value, rows) in enumerate(self._any_of.items()):
            if done % SLICE == 0:
                yield
            before = compiled.before(value) if self._prefixes else unlisted
            if before is not last[0] or rows is not last[1]:
                last = (before, rows, before | rows)
            known[value] = last[2]
        for done, (value, rows) in enumerate(self._none_of.items()):
            if done % SLICE == 0:
                yield
            before = compiled.before(value)
            if before is not last[0] or rows is not last[1]:
                last = (before, rows, before & ~rows)
            known[value] = last[2]


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


def set_bits(rows: int) -> list[int]:
    """Return the numbers of the bits that are set, in time that grows with the width and not with its square."""
    text = f"{rows:b}"[::-1]
    found, at = [], text.find("1")
    while at >= 0:
        found.append(at)
        at = text.find("1", at + 1)
    return found
