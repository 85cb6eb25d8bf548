"""Minutes become five minutes after 6 hours, an hour is sealed after 49, and what is over its time goes (SL-18, SL-19).

The program's own acts, called by a reaction that leads in one process. Killed in between, it finds again what is due.
Each act is small, since it runs on the writer's thread: what is slow about a seal is prepared by a read before.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import Conflict, NotPermitted
from modelwarden.facts.sla import SliHourSealed
from modelwarden.sla.kept import queries
from modelwarden.sla.queries import presences, prune_reporting
from modelwarden.sla.slot import FIVE, HOUR, MINUTE, Slot, seal, seen, widened
from modelwarden.store.queueing import one_by_one
from modelwarden.values.ids import Digest
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.store.change import Change, Telemetry, View

QUEUE: Final = "counts"
"""What whoever adds to slots, or seals them, waits for. Leaders hold such locks, too: no follower has this name."""
MINUTES_KEPT: Final = timedelta(hours=6)
FIVES_KEPT: Final = timedelta(days=3)
SEALED_AFTER: Final = timedelta(hours=49)
AT_ONCE: Final = 100
"""Slots of minutes that one act merges."""


class Sealing(NamedTuple):
    """What an hour is sealed with: its slots of five minutes and of the hour, with the share that was heard.

    Attributes:
        fingerprint: of the slots that it was made from; another one means that a part came meanwhile.
    """

    hour: int
    fives: tuple[Slot, ...]
    hours: tuple[Slot, ...]
    fingerprint: tuple[int, int, int]


def fold(telemetry: Telemetry) -> int:
    """Merge the oldest minutes that are over their time into slots of five; return how many."""
    one_by_one(telemetry, QUEUE)
    before = minute_of(telemetry.now - MINUTES_KEPT)
    before -= before % FIVE
    found = queries.oldest(telemetry, width=MINUTE, before=before, limit=AT_ONCE)
    queries.add_to_slots(telemetry, widened(found, FIVE))
    queries.drop_slots(telemetry, found)
    return len(found)


def next_sealing(view: View) -> Sealing | None:
    """Return what the next hour that is due is sealed with; None where none is due."""
    hour = queries.first_open(view, since_hour=queries.sealed_before(view))
    if hour is None or starts(hour) + SEALED_AFTER > view.now:
        return None
    found = queries.unsealed_of(view, hour)
    fives = [_heard(view, slot) for slot in widened([s for s in found if s.width <= FIVE], FIVE)]
    hours = [_heard(view, slot) for slot in widened(fives, HOUR)]
    return Sealing(hour, tuple(fives), tuple(hours), queries.fingerprint_of(view, hour))


def seal_hour(change: Change, sealing: Sealing) -> None:
    """Seal an hour: no part of it is taken from here on, nor of one before. Raises NotPermitted, Conflict."""
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted(
            "hours are sealed by time, not by a person", reasons=("not_the_program",)
        )
    one_by_one(change, QUEUE)
    hour = sealing.hour
    if (
        queries.sealed_before(change) > hour
        or queries.fingerprint_of(change, hour) != sealing.fingerprint
    ):
        raise Conflict("hour", str(hour))  # the next round prepares it anew
    queries.drop_within(change, hour)
    queries.add_slots(change, [*sealing.fives, *sealing.hours])
    digest = seal(sealing.hours)
    queries.add_seal(change, hour, slis=len(sealing.hours), digest=digest)
    prune_reporting(change, hour)
    change.record(
        SliHourSealed(
            hour=starts(hour),
            slis=len(sealing.hours),
            total=sum(slot.counts.total for slot in sealing.hours),
            digest=Digest(digest),
        )
    )


def prune(telemetry: Telemetry) -> int:
    """Delete sealed slots that are over their time; return how many."""
    sealed = queries.sealed_before(telemetry) * HOUR
    days = timedelta(days=telemetry.settings.slot_days)
    fives = min(sealed, minute_of(telemetry.now - FIVES_KEPT))
    hours = min(sealed, minute_of(telemetry.now - days))
    return queries.prune_slots(telemetry, width=FIVE, before=fives) + queries.prune_slots(
        telemetry, width=HOUR, before=hours
    )


def mismatched(view: View, hours: Sequence[int]) -> list[int]:
    """Return which of these hours have slots that are not those that were sealed, or are sealed and have none."""
    return [hour for hour in hours if _is_other(view, hour)]


def _is_other(view: View, hour: int) -> bool:
    found, sealed = queries.hours_of(view, hour), queries.seal_of(view, hour)
    if sealed is None:
        return bool(found)
    return seal(found) != sealed


def minute_of(at: datetime) -> int:
    """Return the minute in which a moment lies."""
    return int(at.timestamp() // 60)


def starts(hour: int) -> datetime:
    """Return when an hour begins."""
    return datetime.fromtimestamp(hour * 3600, UTC)


def _heard(view: View, slot: Slot) -> Slot:
    """Return a slot with how much of it was heard of."""
    rows = presences(view, slot.sli, slot.hour - 1, slot.hour)
    return replace(slot, seen=sum(seen(rows, slot.start, slot.start + slot.width)))
