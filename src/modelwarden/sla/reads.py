"""What was counted, for people, charts and triggers: gaps stay gaps, coverage stands beside each figure (SL-25)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import CursorInvalid, ValueInvalid
from modelwarden.guard.slots import MAX_NAME
from modelwarden.sla import queries
from modelwarden.sla.defining import known_sli, may_read, readable_sli
from modelwarden.sla.kept import queries as kept
from modelwarden.sla.kept.keeping import FIVES_KEPT, MINUTES_KEPT, minute_of
from modelwarden.sla.sli import Guarded
from modelwarden.sla.slot import FIVE, HOUR, MINUTE, SILENT, WHOLE, Slot, all_of, seen, together
from modelwarden.values.pages import Listing, Page, cursor_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.guard.slots import Counts
    from modelwarden.sla.sli import Sli
    from modelwarden.store.change import View

MOST_POINTS: Final = 2_000
MOST_BATCHES: Final = 20
DAY: Final = 24 * HOUR
STEPS: Final = (1, 5, 15, HOUR, 6 * HOUR, DAY)
"""Of which one is chosen where none is asked for, in minutes."""
WANTED_POINTS: Final = 120
LAST: Final = int(datetime(6000, 1, 1, tzinfo=UTC).timestamp()) // 60
"""The last minute that may be asked for: with a step behind it, it is still a number of databases."""
_STEP: Final = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_UNITS: Final = {"m": 1, "h": HOUR, "d": DAY}


class Totals(NamedTuple):
    """What was counted in a time.

    Attributes:
        seen: millionths of minutes that were heard of.
        minutes: how many minutes the time has.
        dropped: attempts that were lost on the way.
    """

    total: int
    errors: int
    blocked: int
    fallbacks: int
    seen: int
    minutes: int
    dropped: int

    @property
    def coverage(self) -> float:
        """The share of the time that was heard of, from 0 to 1."""
        return coverage(seen=self.seen, minutes=self.minutes, total=self.total, lost=self.dropped)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What was counted from one minute on; `counts` is None where nobody reported."""

    start: int
    minutes: int
    counts: Counts | None
    seen: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What was counted for one SLI, step by step; times in minutes."""

    sli: str
    since: int
    until: int
    step: int
    whole: Point
    points: tuple[Point, ...]


class Span(NamedTuple):
    """A time from `first` to before `last`, in steps; all in minutes."""

    first: int
    last: int
    step: int


class Stretch(NamedTuple):
    """The slots of a time, none of them counting what another counts, and when how much was heard of.

    Attributes:
        heard: (start, millionths of minutes).
    """

    slots: list[Slot]
    heard: list[tuple[int, int]]


def sli(view: View, name: str) -> Sli:
    """Return what is measured under a name. Raises SliUnknown."""
    return readable_sli(view, name)


def slis(view: View, page: Page) -> Listing[Sli]:
    """Return a page of what is measured, by name: definitions, and models whose guards reported in the last days."""
    after, found = page.after or "", []
    if len(after) > MAX_NAME:
        raise CursorInvalid
    for _ in range(MOST_BATCHES):
        batch = queries.names_after(view, after, page.limit)
        for name in batch:
            after = name
            one = known_sli(view, name)
            if one is not None and may_read(view, one):
                found.append(one)
            if len(found) == page.limit:
                return Listing(tuple(found), cursor_for(after))
        if len(batch) < page.limit:
            return Listing(tuple(found))
    return Listing(tuple(found), cursor_for(after))


def series(
    view: View,
    name: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    step: str | None = None,
) -> Series:
    """Return what was counted, from an hour ago to the minute that has ended unless asked otherwise.

    Raises:
        SliUnknown.
        ValueInvalid: more than 2,000 points, or a finer step than is kept of that time (SL-18).
    """
    found = readable_sli(view, name)
    when = span(view, since, until, step, back=HOUR)
    points = tuple(points_of(stretch(view, found.name, when), when))
    return Series(
        sli=found.name,
        since=when.first,
        until=when.last,
        step=when.step,
        whole=whole_of(points),
        points=points,
    )


def span(
    view: View, since: datetime | None, until: datetime | None, step: str | None, *, back: int
) -> Span:
    """Return the time that is asked for, its ends at whole steps; `back` minutes unless said. Raises ValueInvalid."""
    last = minute_of(view.now if until is None else _utc(until))
    first = last - back if since is None else minute_of(_utc(since))
    width = _chosen(view, first, last) if step is None else _minutes(step)
    _check(view, first, last, width)
    return Span(first - first % width, last + -last % width, width)


def counts(view: View, *, model: str, environment: str, since: datetime, until: datetime) -> Totals:
    """Return what guards of a model counted, by whole minutes. For the program's own reading: it asks for no right."""
    name, first, last = Guarded(model, environment).name, minute_of(since), minute_of(until)
    counted = stretch(view, name, Span(first, last, MINUTE))
    found = all_of(counted.slots)
    return Totals(
        total=0 if found is None else found.total,
        errors=0 if found is None else found.errors,
        blocked=0 if found is None else found.blocked,
        fallbacks=0 if found is None else found.fallbacks,
        seen=sum(share for _, share in counted.heard),
        minutes=max(0, last - first),
        dropped=sum(slot.dropped for slot in counted.slots),
    )


def coverage(*, seen: int, minutes: int, total: int, lost: int) -> float:
    """Return the share of a time that was heard of, less the attempts that were lost."""
    if not minutes:
        return 0.0
    kept_share = total / (total + lost) if lost else 1.0
    return round(seen / (minutes * WHOLE) * kept_share, 6)


def stretch(view: View, name: str, when: Span) -> Stretch:
    """Read a time: what is sealed from slots of five minutes or an hour, the rest from minutes and fives."""
    slots: list[Slot] = []
    heard: list[tuple[int, int]] = []
    parts = parts_of(view, when)
    for width, since, until in parts:
        if since < until:
            slots += kept.slots_between(view, name, width=width, since=since, until=until)
    _, border, last = parts[-1]
    heard += [(slot.start, slot.seen or 0) for slot in slots if slot.start < border]
    if border < last:
        rows = queries.presences(view, name, (border - SILENT) // HOUR, (last - 1) // HOUR)
        heard += [(border + at, share) for at, share in enumerate(seen(rows, border, last))]
    return Stretch(slots, heard)


def parts_of(view: View, when: Span) -> tuple[tuple[int, int, int], ...]:
    """Return (width, since, until) of the slots that count a time once: what is sealed, then minutes and fives."""
    first, last, width = when
    border = min(max(first, kept.sealed_before(view) * HOUR), max(first, last))
    fine = width % HOUR and first >= minute_of(view.now - FIVES_KEPT)
    return (FIVE if fine else HOUR, first, border), (MINUTE, border, last), (FIVE, border, last)


def points_of(counted: Stretch, when: Span) -> list[Point]:
    """Return what was counted step by step; a step of which nothing is known has no counts."""
    first, last, width = when
    slots: dict[int, list[Slot]] = {}
    shares: dict[int, int] = {}
    for slot in counted.slots:
        slots.setdefault((slot.start - first) // width, []).append(slot)
    for start, share in counted.heard:
        at = (start - first) // width
        shares[at] = shares.get(at, 0) + share
    return [
        _point(slots.get(at, []), shares.get(at, 0), first + at * width, width)
        for at in range((last - first) // width)
    ]


def whole_of(points: Sequence[Point]) -> Point:
    """Add up points that follow one another."""
    return Point(
        start=points[0].start,
        minutes=sum(one.minutes for one in points),
        counts=counts_of(points),
        seen=sum(one.seen for one in points),
        dropped=sum(one.dropped for one in points),
    )


def counts_of(points: Sequence[Point]) -> Counts | None:
    """Return what points count together; None where none is known."""
    known = [one.counts for one in points if one.counts is not None]
    return together(known) if known else None


def _point(slots: list[Slot], share: int, start: int, minutes: int) -> Point:
    return Point(
        start=start,
        minutes=minutes,
        counts=all_of(slots),
        seen=share,
        dropped=sum(slot.dropped for slot in slots),
    )


def _minutes(step: str) -> int:
    found = _STEP.fullmatch(step)
    width = int(found[1]) * _UNITS[found[2]] if found else 0
    if (
        not (0 < width <= 400 * DAY)
        or (width > HOUR and width % HOUR)
        or (width < HOUR and HOUR % width)
    ):
        raise ValueInvalid(
            "step", "such as 1m, 5m, 15m, 1h or 1d: a part of an hour, or whole hours"
        )
    return width


def _chosen(view: View, first: int, last: int) -> int:
    """Return the finest step that gives few points, and that is kept of the time."""
    least = MINUTE
    if first < minute_of(view.now - MINUTES_KEPT):
        least = FIVE
    if first < minute_of(view.now - FIVES_KEPT):
        least = HOUR
    fits = [s for s in STEPS if s >= least and (last - first) // s <= WANTED_POINTS]
    return fits[0] if fits else DAY


def _check(view: View, first: int, last: int, width: int) -> None:
    if not 0 <= first < last:
        raise ValueInvalid("since", "a time from 1970 on, before `until`")
    if last > LAST:
        raise ValueInvalid("until", "a time before the year 6000")
    if (last - first) // width > MOST_POINTS:
        raise ValueInvalid("step", f"one that makes at most {MOST_POINTS:,} points of that time")
    for least, age in ((FIVE, MINUTES_KEPT), (HOUR, FIVES_KEPT)):
        if width < least and first < minute_of(view.now - age):
            raise ValueInvalid("step", f"{least}m or more for what is older than {age}")


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueInvalid("since, until", "times with their zone")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueInvalid("since, until", "times from 1970 to before the year 6000") from None
