"""Who listens and how far a switch is confirmed, for people: what may not be read looks absent (AC-13)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access.accounts import handle_of
from modelwarden.access.allowed import authorize, readable
from modelwarden.errors import CursorInvalid
from modelwarden.permissions import Permission
from modelwarden.safeguards import reads
from modelwarden.safeguards.fleet import queries
from modelwarden.safeguards.fleet.confirming import Heard
from modelwarden.safeguards.fleet.instance import (
    LATE,
    LISTED,
    LOST,
    Instance,
    Open,
    Standing,
    Tally,
)
from modelwarden.safeguards.fleet.reports import topic_resource
from modelwarden.safeguards.snapshots import queries as snapshots
from modelwarden.safeguards.snapshots.body import Topic
from modelwarden.values.clock import moment
from modelwarden.values.guards import ConfirmationsAnswer, GuardAnswer, SignalAnswer, StandingAnswer
from modelwarden.values.pages import Listing, Page, cursor_for

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import View

APART: Final = "\x1f"
PARTS: Final = 4
"""Of the key of a guard, in a cursor."""


class Confirmations(NamedTuple):
    """How far a switch is confirmed, and by whom."""

    tracked: Open
    tally: Tally


def guards(
    view: View, page: Page, *, model: str | None = None, environment: str | None = None
) -> Listing[Instance]:
    """Return a page of the guards that were heard of in the last day, of models whose switches the caller may read.

    A short page with a cursor is possible where others' guards stand between. Raises NotPermitted.
    """
    if model is not None:
        on = topic_resource(view, Topic(environment or "production", model))
        authorize(view, Permission.SWITCH_READ, on=on)
    after = tuple(page.after.split(APART)) if page.after else ("",) * PARTS
    if len(after) != PARTS:
        raise CursorInvalid
    heard = queries.instances_after(
        view,
        after,
        since=view.now - LISTED,
        environment=environment,
        model=model,
        limit=page.limit,
    )
    may = {
        topic: readable(view, Permission.SWITCH_READ, on=topic_resource(view, topic))
        for topic in {Topic(each.environment, each.model) for each in heard}
    }
    found = tuple(each for each in heard if may[Topic(each.environment, each.model)])
    if len(heard) < page.limit:
        return Listing(found)
    return Listing(found, cursor_for(APART.join(heard[-1].key)))


def confirmations(view: View, switch_id: str) -> Confirmations:
    """Return how far a switch is confirmed, counted now. Raises NotFound."""
    switch = reads.switch(view, switch_id)
    tracked = tracked_of(view, switch)
    if not switch.is_live:
        return Confirmations(tracked, Tally(()))
    return Confirmations(tracked, Heard(view).tally(switch, tracked))


def tracked_of(view: View, switch: Switch) -> Open:
    """Return how far a switch was confirmed when it was last counted; of state `none` before that."""
    found = queries.find_confirmation(view, switch.id)
    if found is not None:
        return found
    seq = queries.activated_by(view, switch.id)
    epoch, _ = snapshots.epoch_and_size(view)
    return Open(switch.id, switch.environment.value, epoch, seq, switch.activated_at, state="none")


def applied(view: View, switch_id: str) -> str | None:
    """Return how many guards applied a switch, in words, as it was last counted; None before that."""
    found = queries.find_confirmation(view, switch_id)
    return None if found is None else f"{found.confirmed} of {found.expected}"


def guard_answer(view: View, instance: Instance) -> GuardAnswer:
    """Return a guard as callers see it."""
    return GuardAnswer(
        instance=instance.instance,
        environment=instance.environment,
        model=instance.model,
        host=instance.host,
        pid=instance.pid,
        reported_by=handle_of(view, instance.actor),
        status=_status(instance, view.now),
        silent_s=_seconds(view.now - instance.heard_at),
        epoch=instance.epoch,
        generation=instance.generation,
        state=instance.state,
        source=instance.source,
        age_s=instance.age_s,
        applied_ms=instance.applied_ms,
        versions={each.label: each.sha256 for each in instance.versions},
        rejected=instance.rejected,
        signals=tuple(
            SignalAnswer(signal=each.signal, since=moment(each.since), n=each.n, value=each.value)
            for each in instance.signals
        ),
        heard_at=instance.heard_at,
        first_heard_at=instance.first_heard_at,
    )


def confirmations_answer(view: View, found: Confirmations) -> ConfirmationsAnswer:
    """Return how far a switch is confirmed as callers see it; who did not comes first."""
    tracked, counted = found
    ordered = sorted(counted.standings, key=lambda one: one[1] is Standing.CONFIRMED)
    ended = not counted.standings  # then what was counted last
    return ConfirmationsAnswer(
        switch=tracked.switch,
        state=tracked.state,
        entry=tracked.seq,
        epoch=tracked.epoch,
        confirmed=tracked.confirmed if ended else len(counted.of(Standing.CONFIRMED)),
        expected=tracked.expected if ended else counted.expected,
        lost=tracked.lost if ended else len(counted.of(Standing.LOST)),
        guards=tuple(_standing(view, tracked, each, standing) for each, standing in ordered),
    )


def _standing(view: View, tracked: Open, each: Instance, standing: Standing) -> StandingAnswer:
    after = (each.applied_at - tracked.at) // timedelta(milliseconds=1)
    return StandingAnswer(
        instance=each.instance,
        model=each.model,
        host=each.host,
        pid=each.pid,
        standing=standing.value,
        silent_s=_seconds(view.now - each.heard_at),
        epoch=each.epoch,
        generation=each.generation,
        after_ms=max(0, after) if standing is Standing.CONFIRMED else None,
    )


def _status(instance: Instance, now: datetime) -> str:
    silent = now - instance.heard_at
    if silent >= LOST:
        return "lost"
    return "late" if silent >= LATE else "live"


def _seconds(span: timedelta) -> int:
    return max(0, int(span.total_seconds()))
