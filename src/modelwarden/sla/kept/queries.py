"""The SQL of slots and of the seals of hours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, func, insert, select, update

from modelwarden.guard.slots import Counts
from modelwarden.sla.slot import HOUR, Slot
from modelwarden.store.schema.sla import slot_seals, slots
from modelwarden.store.schema.use_cases import use_cases
from modelwarden.values.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Row

    from modelwarden.store.change import Change, Telemetry, View

    Writing = Telemetry | Change

COLUMNS: Final = ("total", "errors", "blocked", "fallbacks", "drilled", "invalid")

_SLOT: Final = select(slots).where(
    slots.c.sli == bindparam("sli"),
    slots.c.width == bindparam("width"),
    slots.c.start == bindparam("start"),
)
_SLOTS: Final = (
    select(slots)
    .where(
        slots.c.sli == bindparam("sli"),
        slots.c.width == bindparam("width"),
        slots.c.start >= bindparam("since"),
        slots.c.start < bindparam("until"),
    )
    .order_by(slots.c.start)
)
_TOTAL: Final = select(func.sum(slots.c.total).label("total")).where(
    slots.c.sli == bindparam("sli"),
    slots.c.width == bindparam("width"),
    slots.c.start >= bindparam("since"),
    slots.c.start < bindparam("until"),
)
_TOTAL_OF_USE_CASES: Final = select(
    func.sum(  # for each by itself, so that no database reads the slots of all models
        select(func.sum(slots.c.total))
        .where(
            slots.c.sli == bindparam("sli") + ":" + use_cases.c.name,
            slots.c.width == bindparam("width"),
            slots.c.start >= bindparam("since"),
            slots.c.start < bindparam("until"),
        )
        .correlate(use_cases)
        .scalar_subquery()
    ).label("total")
).select_from(use_cases)
_OLDEST: Final = (
    select(slots)
    .where(slots.c.width == bindparam("width"), slots.c.start < bindparam("before"))
    .order_by(slots.c.start, slots.c.sli)
    .limit(bindparam("limit"))
)
_OF_HOUR: Final = (
    select(slots)
    .where(
        slots.c.width < HOUR,
        slots.c.start >= bindparam("since"),
        slots.c.start < bindparam("until"),
    )
    .order_by(slots.c.sli, slots.c.width, slots.c.start)
)
_HOURS_OF: Final = (
    select(slots)
    .where(slots.c.width == HOUR, slots.c.start == bindparam("start"))
    .order_by(slots.c.sli)
)
_SUM_OF_HOUR: Final = select(
    func.count().label("found"),
    func.coalesce(func.sum(slots.c.total + slots.c.drilled), 0).label("total"),
    func.coalesce(func.sum(slots.c.dropped), 0).label("dropped"),
).where(
    slots.c.width < HOUR, slots.c.start >= bindparam("since"), slots.c.start < bindparam("until")
)
_FIRST_OPEN: Final = select(func.min(slots.c.start).label("start")).where(
    slots.c.width < HOUR, slots.c.start >= bindparam("since")
)
_ADD_SLOT: Final = insert(slots)
_SET_SLOT: Final = (
    update(slots)
    .where(
        slots.c.sli == bindparam("which"),
        slots.c.width == bindparam("of_width"),
        slots.c.start == bindparam("of_start"),
    )
    .values(
        {
            name: bindparam(f"now_{name}")
            for name in (*COLUMNS, "thresholds", "bad", "sketch", "dropped", "seen")
        }
    )
)
_DROP_SLOT: Final = delete(slots).where(
    slots.c.sli == bindparam("which"),
    slots.c.width == bindparam("of_width"),
    slots.c.start == bindparam("of_start"),
)
_DROP_WITHIN: Final = delete(slots).where(
    slots.c.width < HOUR, slots.c.start >= bindparam("since"), slots.c.start < bindparam("until")
)
_PRUNE_SLOTS: Final = delete(slots).where(
    slots.c.width == bindparam("of_width"), slots.c.start < bindparam("before")
)
_SEALED: Final = select(func.max(slot_seals.c.hour).label("hour"))
_SEAL: Final = select(slot_seals).where(slot_seals.c.hour == bindparam("hour"))
_ADD_SEAL: Final = insert(slot_seals)


def slots_between(view: View, sli: str, *, width: int, since: int, until: int) -> list[Slot]:
    """Return the slots of an SLI that begin within these minutes, oldest first."""
    params = {"sli": sli, "width": width, "since": since, "until": until}
    return [_slot(row) for row in view.rows(_SLOTS, params)]


def total_between(view: View, sli: str, *, width: int, since: int, until: int) -> int | None:
    """Return how many attempts the slots of an SLI count that begin within these minutes; None without slots."""
    params = {"sli": sli, "width": width, "since": since, "until": until}
    row = view.row(_TOTAL, params)
    return None if row is None or row.total is None else int(row.total)


def labelled_between(view: View, sli: str, *, width: int, since: int, until: int) -> int:
    """Return how many attempts at a model those slots count that are of a use case, whichever."""
    params = {"sli": sli, "width": width, "since": since, "until": until}
    row = view.row(_TOTAL_OF_USE_CASES, params)
    return 0 if row is None or row.total is None else int(row.total)


def oldest(view: View, *, width: int, before: int, limit: int) -> list[Slot]:
    """Return slots of a width that begin before a minute, oldest first."""
    params = {"width": width, "before": before, "limit": limit}
    return [_slot(row) for row in view.rows(_OLDEST, params)]


def unsealed_of(view: View, hour: int) -> list[Slot]:
    """Return the slots that lie in an hour, apart from those of hours."""
    return [_slot(row) for row in view.rows(_OF_HOUR, _within(hour))]


def hours_of(view: View, hour: int) -> list[Slot]:
    """Return the slots of one whole hour."""
    return [_slot(row) for row in view.rows(_HOURS_OF, {"start": hour * HOUR})]


def fingerprint_of(view: View, hour: int) -> tuple[int, int, int]:
    """Return how many slots lie in an hour, and what they count: enough to see that one was added to."""
    row = view.row(_SUM_OF_HOUR, _within(hour))
    return (0, 0, 0) if row is None else (int(row.found), int(row.total), int(row.dropped))


def first_open(view: View, *, since_hour: int) -> int | None:
    """Return the first hour from one on that has slots which are no hours."""
    row = view.row(_FIRST_OPEN, {"since": since_hour * HOUR})
    return None if row is None or row.start is None else int(row.start) // HOUR


def add_to_slots(writing: Writing, found: Iterable[Slot]) -> None:
    """Add counts to the slots that are there, or keep them as new ones. Raises SlotInvalid over 2^53 - 1."""
    for slot in found:
        row = writing.row(_SLOT, {"sli": slot.sli, "width": slot.width, "start": slot.start})
        if row is None:
            writing.execute(_ADD_SLOT, _row(slot))
        else:
            set_slot(writing, _slot(row).added(slot))


def set_slot(writing: Writing, slot: Slot) -> None:
    """Keep what a slot counts now."""
    values = {f"now_{n}": v for n, v in _row(slot).items() if n not in {"sli", "width", "start"}}
    writing.execute(_SET_SLOT, values | _place(slot))


def add_slots(writing: Writing, found: Sequence[Slot]) -> None:
    """Keep new slots."""
    writing.execute(_ADD_SLOT, [_row(slot) for slot in found])


def drop_slots(writing: Writing, found: Sequence[Slot]) -> None:
    """Delete slots that others hold now."""
    for slot in found:
        writing.execute(_DROP_SLOT, _place(slot))


def drop_within(writing: Writing, hour: int) -> None:
    """Delete the slots that lie in an hour, apart from that of the hour."""
    writing.execute(_DROP_WITHIN, _within(hour))


def sealed_before(view: View) -> int:
    """Return the first hour of which parts may still be taken: all before it is sealed, or was silent."""
    row = view.row(_SEALED)
    return 0 if row is None or row.hour is None else int(row.hour) + 1


def seal_of(view: View, hour: int) -> str | None:
    """Return the digest by which an hour is sealed, or None."""
    row = view.row(_SEAL, {"hour": hour})
    return None if row is None else str(row.digest)


def add_seal(change: Change, hour: int, *, slis: int, digest: str) -> None:
    """Keep that an hour is sealed."""
    change.execute(_ADD_SEAL, {"hour": hour, "slis": slis, "digest": digest})


def prune_slots(writing: Writing, *, width: int, before: int) -> int:
    """Delete the slots of a width that begin before a minute; return how many."""
    return writing.execute(_PRUNE_SLOTS, {"of_width": width, "before": before})


def _within(hour: int) -> dict[str, int]:
    return {"since": hour * HOUR, "until": (hour + 1) * HOUR}


def _place(slot: Slot) -> dict[str, object]:
    return {"which": slot.sli, "of_width": slot.width, "of_start": slot.start}


def _row(slot: Slot) -> dict[str, object]:
    counts = slot.counts
    return {name: getattr(counts, name) for name in COLUMNS} | {
        "sli": slot.sli,
        "width": slot.width,
        "start": slot.start,
        "thresholds": json.dumps(counts.thresholds),
        "bad": json.dumps(counts.bad),
        "sketch": counts.sketch.encode(),
        "dropped": slot.dropped,
        "seen": slot.seen,
    }


def _slot(row: Row[Any]) -> Slot:
    counts = Counts(
        **{name: getattr(row, name) for name in COLUMNS},
        thresholds=tuple(json.loads(row.thresholds)),
        bad=tuple(json.loads(row.bad)),
        sketch=Sketch.decode(bytes(row.sketch)),
    )
    return Slot(
        sli=row.sli,
        start=row.start,
        width=row.width,
        counts=counts,
        dropped=row.dropped,
        seen=row.seen,
    )
