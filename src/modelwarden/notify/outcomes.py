"""What sending leads to, as changes: an endpoint goes down, recovers or ends; a message is abandoned; a day is sealed.

The program's own actors do these, never a caller: no door leads here. Each looks at the endpoint again, in its own
transaction: whatever a person did meanwhile stands.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import NotFound
from modelwarden.facts.kinds import Code
from modelwarden.facts.notify import (
    DeliveryAbandoned,
    DeliveryDaySealed,
    DeliveryLogPruned,
    EndpointDisabled,
    EndpointDown,
    EndpointRecovered,
)
from modelwarden.notify import queries
from modelwarden.notify.delivery import DIGEST_AGE
from modelwarden.notify.endpoint import Cause, Endpoint, EndpointState
from modelwarden.privacy.keeping import in_force
from modelwarden.store import entries
from modelwarden.store.delivery_log import day_digest, rows_digest
from modelwarden.values.ids import Digest, EndpointId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.store.change import Change, View

SEAL_AFTER: Final = timedelta(hours=1)
"""How long after a day's end its rows are fixed."""


class Which(NamedTuple):
    """An endpoint in one of its rounds."""

    id: EndpointId
    round: int


def abandon(change: Change, which: Which, row: Mapping[str, Any]) -> Endpoint:
    """Record that a message was given up, with the last row of its log; the endpoint is down from now on."""
    endpoint = _still(change, which)
    queries.keep_delivery(change, row)
    found = queries.tries(change, endpoint.id, endpoint.round, row["first"])
    if endpoint.state is EndpointState.ACTIVE:
        endpoint = change.save(endpoint.went_down(now=change.now))
        change.record(EndpointDown(endpoint=endpoint.id))
    change.record(
        DeliveryAbandoned(
            endpoint=endpoint.id,
            first=row["first"],
            last=row["last"],
            attempts=row["attempt"],
            status=row["status"],
            problem=None if row["problem"] is None else Code(row["problem"]),
            log=Digest(rows_digest(list(found))),
        )
    )
    return endpoint


def disable(
    change: Change, which: Which, *, cause: Cause, row: Mapping[str, Any] | None = None
) -> Endpoint:
    """Record that an endpoint gets nothing any more, with the row of the log that led to it."""
    endpoint = _still(change, which)
    if row is not None:
        queries.keep_delivery(change, row)
    endpoint = change.save(endpoint.disabled(cause))
    change.record(EndpointDisabled(endpoint=endpoint.id, cause=Code(cause.value)))
    return endpoint


def recover(change: Change, which: Which) -> Endpoint:
    """Record that a down endpoint answers again."""
    endpoint = _still(change, which)
    if endpoint.state is not EndpointState.DOWN:
        change.unchanged("endpoint", endpoint.id)
        return endpoint
    before = digest_before(change)
    endpoint = change.save(endpoint.recovered(digest_before=before))
    change.record(EndpointRecovered(endpoint=endpoint.id, digest_before=before))
    return endpoint


def digest_before(view: View) -> int:
    """Return the number of the first entry that is not too old to be sent singly (NO-2)."""
    found = queries.first_since(view, view.now - DIGEST_AGE)
    return entries.read_head(view.connection).size if found is None else found


class Seal(NamedTuple):
    """A day whose rows can be fixed."""

    day: str
    rows: int
    digest: str


def due_seal(view: View) -> Seal | None:
    """Return the oldest day that is over and not sealed, with the digest of its rows; None where there is none."""
    day = queries.first_unsealed_day(view)
    if day is None or view.now < _begin(day) + timedelta(days=1) + SEAL_AFTER:
        return None
    found = day_digest(view, day)
    return Seal(day, found.rows, found.digest)


def seal(change: Change, due: Seal) -> None:
    """Fix the rows of a day by a fact that holds their digest (LG-9)."""
    queries.keep_seal(change, due.day, rows=due.rows, digest=due.digest)
    change.record(DeliveryDaySealed(day=_begin(due.day), rows=due.rows, digest=Digest(due.digest)))


def due_pruning(view: View) -> datetime | None:
    """Return before when rows of the log are to be deleted, or None when there are none; whole sealed days only."""
    sealed = queries.newest_seal(view)
    if sealed is None:
        return None
    over = in_force(view).cutoff("deliveries", now=view.now)
    kept = over.replace(hour=0, minute=0, second=0, microsecond=0)
    before = min(kept, _begin(sealed) + timedelta(days=1))
    return before if queries.count_before(view, before) else None


def prune(change: Change, *, before: datetime) -> None:
    """Delete old rows of the log, and say how many (AC-84)."""
    change.record(DeliveryLogPruned(before=before, rows=queries.prune(change, before)))


def _still(change: Change, which: Which) -> Endpoint:
    endpoint = queries.find_endpoint(change, which.id)
    if endpoint is None or endpoint.round != which.round:
        raise NotFound("endpoint", which.id)
    return endpoint


def _begin(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)
