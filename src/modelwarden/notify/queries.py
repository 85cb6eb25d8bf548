"""The SQL of the notify room: endpoints, their positions, the log of deliveries and its seals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, func, insert, or_, select

from modelwarden.facts.kinds import Severity
from modelwarden.notify.endpoint import Cause, Endpoint, EndpointState
from modelwarden.store.schema.ledger import follower_positions as positions
from modelwarden.store.schema.ledger import index, texts
from modelwarden.store.schema.notify import deliveries, delivery_seals, endpoints
from modelwarden.values.clock import maybe_moment, moment, timestamp
from modelwarden.values.pages import Listing, Page, listing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.store.change import Change, Telemetry, View
    from modelwarden.store.follower import Position
    from modelwarden.store.running import Row
    from modelwarden.values.ids import Commitment

_NAMED: Final = (
    select(endpoints)
    .where(or_(endpoints.c.id == bindparam("name"), endpoints.c.name == bindparam("name")))
    .order_by(endpoints.c.id)
    .limit(1)
)
_PAGE: Final = (
    select(endpoints)
    .where(endpoints.c.id > bindparam("after"))
    .order_by(endpoints.c.id)
    .limit(bindparam("limit"))
)
_ENABLED: Final = (
    select(endpoints).where(endpoints.c.state != "disabled").order_by(endpoints.c.id).limit(1_000)
)
_COUNT: Final = (
    select(endpoints.c.state, func.count().label("found"))
    .group_by(endpoints.c.state)
    .order_by(endpoints.c.state)
)
_FORGET_TEXT: Final = delete(texts).where(texts.c.commitment == bindparam("gone"))

_POSITION: Final = select(positions.c.next_seq).where(positions.c.name == bindparam("name"))
_START: Final = insert(positions)
_END: Final = delete(positions).where(positions.c.name == bindparam("ended"))
_FIRST_AT: Final = (
    select(index.c.seq)
    .where(index.c.at >= bindparam("at"))
    .order_by(index.c.at, index.c.seq)
    .limit(1)
)

_KEEP: Final = insert(deliveries)
_TRIES: Final = (
    select(deliveries)
    .where(
        deliveries.c.endpoint == bindparam("endpoint"),
        deliveries.c.round == bindparam("round"),
        deliveries.c.first == bindparam("first"),
    )
    .order_by(deliveries.c.attempt, deliveries.c.id)
    .limit(100)
)
_LOG: Final = (
    select(deliveries)
    .where(
        deliveries.c.endpoint == bindparam("endpoint"),
        deliveries.c.id < bindparam("before"),
    )
    .order_by(deliveries.c.id.desc())
    .limit(bindparam("limit"))
)
_ABANDONED: Final = _LOG.where(deliveries.c.outcome == "abandoned")

_NEWEST_SEAL: Final = select(func.max(delivery_seals.c.day).label("day"))
_NEXT_ROW: Final = (
    select(deliveries.c.at)
    .where(deliveries.c.at >= bindparam("since"))
    .order_by(deliveries.c.at, deliveries.c.id)
    .limit(1)
)
_KEEP_SEAL: Final = insert(delivery_seals)
_OLD: Final = (
    select(func.count().label("found"))
    .select_from(deliveries)
    .where(deliveries.c.at < bindparam("before"))
)
_PRUNE: Final = delete(deliveries).where(deliveries.c.at < bindparam("ended"))


def find_endpoint(view: View, name: str) -> Endpoint | None:
    """Return the endpoint of this name or id, or None."""
    row = view.row(_NAMED, {"name": name})
    return None if row is None else as_endpoint(row)


def endpoints_page(view: View, page: Page) -> Listing[Endpoint]:
    """Return a page of endpoints, oldest first."""
    params = {"after": page.after or "", "limit": page.limit}
    found = [as_endpoint(row) for row in view.rows(_PAGE, params)]
    return listing(found, page, key=found[-1].id if found else None)


def enabled(view: View) -> list[Endpoint]:
    """Return the endpoints that are not disabled."""
    return [as_endpoint(row) for row in view.rows(_ENABLED)]


def count_by_state(view: View) -> dict[EndpointState, int]:
    """Return how many endpoints there are in each state."""
    return {EndpointState(row.state): row.found for row in view.rows(_COUNT)}


def forget_text(change: Change, commitment: Commitment) -> None:
    """Delete a sealed text that nothing needs any more: a secret or address that was replaced."""
    change.execute(_FORGET_TEXT, {"gone": commitment})


def next_seq(view: View, follower: str) -> int | None:
    """Return the first entry that an endpoint was not served yet, as it was saved last."""
    row = view.row(_POSITION, {"name": follower})
    return None if row is None else int(row.next_seq)


def start_position(change: Change, follower: str, at: Position) -> None:
    """Let an endpoint begin here."""
    row = {"name": follower, "next_seq": at.next_seq, "entry_hash": at.entry_hash}
    change.execute(_START, row)


def end_position(change: Change, follower: str) -> None:
    """Forget where an endpoint was, in a round that ended."""
    change.execute(_END, {"ended": follower})


def first_since(view: View, at: datetime) -> int | None:
    """Return the first entry at or after a moment, or None."""
    row = view.row(_FIRST_AT, {"at": timestamp(at)})
    return None if row is None else int(row.seq)


def keep_delivery(lane: Change | Telemetry, row: Mapping[str, Any]) -> bool:
    """Add a row to the log; False for a day that is sealed already, whose rows are fixed (LG-9)."""
    sealed = newest_seal(lane)
    if sealed is not None and str(row["at"])[:10] <= sealed:
        return False
    lane.execute(_KEEP, row)
    return True


def tries(view: View, endpoint: str, round_number: int, first: int) -> Sequence[Row]:
    """Return the rows of the log about one message, in order."""
    params = {"endpoint": endpoint, "round": round_number, "first": first}
    return view.rows(_TRIES, params)


def deliveries_page(view: View, endpoint: str, page: Page, *, abandoned: bool) -> Listing[Row]:
    """Return a page of an endpoint's log, newest first; of what was abandoned alone if asked."""
    params = {"endpoint": endpoint, "before": page.after or "~", "limit": page.limit}
    found = list(view.rows(_ABANDONED if abandoned else _LOG, params))
    return listing(found, page, key=found[-1].id if found else None)


def newest_seal(view: View) -> str | None:
    """Return the newest sealed day, or None."""
    row = view.row(_NEWEST_SEAL)
    return None if row is None or row.day is None else str(row.day)


def first_unsealed_day(view: View) -> str | None:
    """Return the oldest day after the newest seal that has rows, or None."""
    sealed = newest_seal(view)
    since = "" if sealed is None else f"{sealed}U"  # behind every time of that day
    row = view.row(_NEXT_ROW, {"since": since})
    return None if row is None else str(row.at)[:10]


def keep_seal(change: Change, day: str, *, rows: int, digest: str) -> None:
    """Fix the rows of a day."""
    change.execute(_KEEP_SEAL, {"day": day, "rows": rows, "digest": digest})


def count_before(view: View, before: datetime) -> int:
    """Return how many rows of the log are older."""
    row = view.row(_OLD, {"before": timestamp(before)})
    return 0 if row is None else int(row.found)


def prune(change: Change, before: datetime) -> int:
    """Delete the rows of the log that are older; return how many."""
    return change.execute(_PRUNE, {"ended": timestamp(before)})


def as_endpoint(row: Row) -> Endpoint:
    """Return the endpoint that a row holds."""
    return Endpoint(
        id=row.id,
        name=row.name,
        url=row.url,
        secret=row.secret,
        previous_secret=row.previous_secret,
        previous_until=maybe_moment(row.previous_until),
        types=tuple(json.loads(row.types)),
        severity=Severity(row.severity),
        subjects=tuple(json.loads(row.subjects)),
        include_text=row.include_text,
        owner=row.owner,
        state=EndpointState(row.state),
        cause=None if row.cause is None else Cause(row.cause),
        down_since=maybe_moment(row.down_since),
        digest_before=row.digest_before,
        round=row.round,
        added_at=moment(row.added_at),
        revision=row.revision,
    )
