"""The authorised reads of local stops, and how snapshots tell of those that were decided about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modelwarden.access.accounts import handle_of
from modelwarden.errors import NotFound
from modelwarden.safeguards.authority import may_read
from modelwarden.safeguards.local_stops import queries
from modelwarden.safeguards.queries import NEWEST
from modelwarden.safeguards.reach import may_touch
from modelwarden.safeguards.snapshots import queries as snapshots
from modelwarden.store.erasing import shown
from modelwarden.values.local_stops import LocalStopAnswer
from modelwarden.values.pages import Listing, Page, cursor_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.safeguards.local_stops.resolving import Adopted
    from modelwarden.safeguards.local_stops.stop import LocalStop
    from modelwarden.safeguards.snapshots.body import Topic
    from modelwarden.store.change import View


def local_stop(view: View, stop_id: str) -> LocalStop:
    """Return a local stop. Raises NotFound."""
    found = queries.find_stop(view, stop_id)
    if found is None or not may_see(view, [found]):
        raise NotFound("local_stop", stop_id)
    return found


def local_stops(view: View, page: Page, *, standing: bool = False) -> Listing[LocalStop]:
    """Return a page of local stops, newest first; `standing`: those alone that wait for a person.

    A short page with a cursor is possible where others stand between that may not be read.
    """
    batch = queries.stops_before(view, page.after or NEWEST, standing=standing, limit=page.limit)
    found = tuple(may_see(view, batch))
    if len(batch) < page.limit:
        return Listing(found)
    return Listing(found, cursor_for(batch[-1].id))


def may_see(view: View, stops: Sequence[LocalStop]) -> list[LocalStop]:
    """Return those local stops that the caller may read: as switches of the same scope (AC-13)."""
    readable = {str(each.id) for each in may_read(view, [stop.as_switch() for stop in stops])}
    return [stop for stop in stops if stop.id in readable]


def dropped(view: View, topic: Topic) -> list[str]:
    """Return the digests of carried switches that guards need not carry on: people adopted or dropped them (SG-17)."""
    model_type = snapshots.type_of(view, topic.model)
    return sorted(
        {
            str(stop.carried_sha256)
            for stop in queries.resolved_carried(view, topic.environment)
            if may_touch(stop.as_switch(), topic.model, model_type)
        }
    )


def local_stop_answer(view: View, stop: LocalStop) -> LocalStopAnswer:
    """Return a local stop as callers see it."""
    return LocalStopAnswer(
        id=stop.id,
        state=stop.state.value,
        kind=stop.kind.value,
        environment=stop.environment.value,
        model=stop.model,
        host=shown(view, stop.host),
        scope=json.loads(stop.scope),
        exception=json.loads(stop.exception),
        everything=stop.scope == "{}",
        action=stop.action.value,
        fallback=stop.fallback,
        severity=stop.severity.value,
        switch=stop.carried,
        reported_by=handle_of(view, stop.reported_by),
        since=stop.since,
        seen_at=stop.seen_at,
        adopted_as=stop.adopted_as,
        resolved_by=None if stop.resolved_by is None else handle_of(view, stop.resolved_by),
        resolved_at=stop.resolved_at,
        notes=shown(view, stop.notes),
        ended_at=stop.ended_at,
        revision=stop.revision,
    )


def adopted_answer(view: View, adopted: Adopted) -> LocalStopAnswer:
    """Return a local stop that was adopted as callers see it."""
    return local_stop_answer(view, adopted.stop)
