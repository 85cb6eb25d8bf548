"""How counts add up, minutes to five minutes to hours, and how much of a time was heard of. Pure (SL-15 to SL-19).

Adding is associative and commutative: however parts are ordered and grouped, the same slot with the same bytes comes
out. A minute is a number of whole minutes since 1970. Where thresholds differ, since they were defined anew, those stay
that both sides counted.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import SlotInvalid
from modelwarden.guard import fields
from modelwarden.guard.slots import Counts, marked
from modelwarden.values import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MINUTE, FIVE, HOUR = 1, 5, 60
"""The widths of slots, in minutes."""
SILENT: Final = 15
"""Minutes for which a reporter that fell silent is still expected."""
WHOLE: Final = 1_000_000
"""A minute in which every expected reporter was heard, in millionths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """What was counted for one SLI from one minute on.

    Attributes:
        dropped: attempts that reporters counted some time before and could not deliver; told in this time (SL-16).
        seen: millionths of minutes that were heard of, once that changes no more (SL-19).
    """

    sli: str
    start: int
    width: int = MINUTE
    counts: Counts
    dropped: int = 0
    seen: int | None = None

    @property
    def hour(self) -> int:
        """The hour in which it lies, as hours since 1970."""
        return self.start // HOUR

    def added(self, other: Slot) -> Slot:
        """Return both together; they are of one SLI, start and width. Raises SlotInvalid over 2^53 - 1."""
        dropped = fields.whole(SlotInvalid, "dropped", self.dropped + other.dropped)
        return replace(self, counts=together((self.counts, other.counts)), dropped=dropped)

    def encode(self) -> bytes:
        """Return the canonical bytes: equal slots have equal bytes."""
        counts = self.counts
        names = ("total", "errors", "blocked", "fallbacks", "invalid")
        return canonical.encode(
            {name: getattr(counts, name) for name in names}
            | {
                "sli": self.sli,
                "start": fields.minute_text(self.start),
                "minutes": self.width,
                "thresholds": list(counts.thresholds),
                "bad": list(counts.bad),
                "sketch": base64.b64encode(counts.sketch.encode()).decode(),
                "dropped": self.dropped,
            }
            | marked(counts)
            | ({} if self.seen is None else {"seen": self.seen})
        )


def together(many: Sequence[Counts]) -> Counts:
    """Return all together, at least one, with the thresholds that all have. Raises SlotInvalid, SketchInvalid."""
    kept = frozenset.intersection(*(frozenset(one.thresholds) for one in many))
    return Counts.sum_of([_with(one, kept) for one in many])


def _with(counts: Counts, kept: frozenset[str]) -> Counts:
    if len(counts.thresholds) == len(kept):
        return counts
    pairs = [
        (threshold, bad)
        for threshold, bad in zip(counts.thresholds, counts.bad, strict=True)
        if threshold in kept
    ]
    thresholds, bad = tuple(t for t, _ in pairs), tuple(b for _, b in pairs)
    return replace(counts, thresholds=thresholds, bad=bad)


def summed(slots: Iterable[Slot]) -> list[Slot]:
    """Return one slot for each SLI, start and width, in order."""
    found: dict[tuple[str, int, int], Slot] = {}
    for slot in slots:
        key = slot.sli, slot.width, slot.start
        before = found.get(key)
        found[key] = slot if before is None else before.added(slot)
    return [found[key] for key in sorted(found)]


def widened(slots: Iterable[Slot], width: int) -> list[Slot]:
    """Return slots of a greater width that hold these."""
    return summed(
        replace(slot, start=slot.start - slot.start % width, width=width) for slot in slots
    )


def all_of(slots: Iterable[Slot]) -> Counts | None:
    """Return what all of them count; None for none."""
    counts = [slot.counts for slot in slots]
    return together(counts) if counts else None


class Presence(NamedTuple):
    """In which minutes of an hour a reporter was heard.

    Attributes:
        heard: bit by minute.
        closed: the minute after which it is not expected, since it signed off; 0 to 59.
    """

    sli: str
    hour: int
    reporter: int
    heard: int
    closed: int | None = None


def seen(presences: Iterable[Presence], since: int, until: int) -> list[int]:
    """Return for each minute from `since` to before `until` the share of expected reporters that were heard.

    Shares are millionths, rounded down. A reporter is expected from when it is first heard until it signs off, or was
    silent for 15 minutes; where none is expected, one is (SL-15). Presences are of one SLI and begin 15 minutes before.
    """
    first, length = since - SILENT, max(0, until - since) + SILENT
    rows: dict[int, list[Presence]] = {}
    for one in presences:
        rows.setdefault(one.reporter, []).append(one)
    heard, expected = [0] * length, [0] * length
    for of_one in rows.values():
        was, ought = _bits(of_one, first, length)
        _count(was, heard)
        _count(ought, expected)
    pairs = zip(heard[SILENT:], expected[SILENT:], strict=True)
    return [WHOLE * here // max(1, wanted) for here, wanted in pairs]


def _bits(rows: Sequence[Presence], first: int, length: int) -> tuple[int, int]:
    """Return in which minutes a reporter was heard, and in which it was expected."""
    whole = (1 << length) - 1
    heard, ends = 0, []
    for row in rows:
        shift = row.hour * HOUR - first
        heard |= row.heard << shift if shift >= 0 else row.heard >> -shift
        if row.closed is not None and 0 <= shift + row.closed < length:
            ends.append(shift + row.closed)
    expected = begun = 0
    for end in sorted(ends):
        until = (1 << end + 1) - 1
        expected |= _smeared(heard & until & ~begun) & until
        begun = until
    expected |= _smeared(heard & ~begun)
    return heard & whole, expected & whole


def _smeared(bits: int) -> int:
    """Set the 15 bits behind each."""
    for by in (1, 2, 4, 8):
        bits |= bits << by
    return bits


def _count(bits: int, into: list[int]) -> None:
    while bits:
        lowest = bits & -bits
        into[lowest.bit_length() - 1] += 1
        bits ^= lowest


def seal(slots: Iterable[Slot]) -> str:
    """Return the digest of the slots of one hour, in whatever order they come (SL-19)."""
    pairs = sorted((slot.sli, hashlib.sha256(slot.encode()).hexdigest()) for slot in slots)
    return canonical.digest([list(pair) for pair in pairs])
