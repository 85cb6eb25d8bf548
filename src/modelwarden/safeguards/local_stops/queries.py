"""The SQL of local stops: those that some guard has, those that people decided about, and page by page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, select

from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.local_stops.stop import LocalStop, StopState
from modelwarden.safeguards.switch import SwitchAction, SwitchSeverity, Unknown
from modelwarden.store.schema.safeguards import local_stops
from modelwarden.values.clock import maybe_moment, moment, timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Row

    from modelwarden.store.change import Change, View

MOST_OPEN: Final = 5_000
MOST_RESOLVED: Final = 1_000
"""Carried switches that were adopted or dropped of which snapshots tell, the newest."""

_ONE: Final = select(local_stops).where(local_stops.c.id == bindparam("id"))
_LOCKED: Final = _ONE.with_for_update()
_OPEN: Final = (
    select(local_stops)
    .where(local_stops.c.ended_at.is_(None))
    .order_by(local_stops.c.id)
    .limit(MOST_OPEN)
)
_CARRIED: Final = (
    select(local_stops)
    .where(
        local_stops.c.carried_sha256 == bindparam("sha256"),
        local_stops.c.environment == bindparam("environment"),
    )
    .order_by(local_stops.c.id.desc())
    .limit(1)
)
_RESOLVED: Final = (
    select(local_stops)
    .where(
        local_stops.c.carried_sha256.is_not(None),
        local_stops.c.environment == bindparam("environment"),
        local_stops.c.state != StopState.STANDING.value,
    )
    .order_by(local_stops.c.id.desc())
    .limit(MOST_RESOLVED)
)
_SEEN_SINCE: Final = (
    select(func.count())
    .select_from(local_stops)
    .where(
        local_stops.c.seen_at >= bindparam("since"),
        local_stops.c.environment == bindparam("environment"),
        local_stops.c.model == bindparam("model"),
    )
)
_BEFORE: Final = (
    select(local_stops)
    .where(local_stops.c.id < bindparam("before"))
    .order_by(local_stops.c.id.desc())
    .limit(bindparam("limit"))
)
_OPEN_BEFORE: Final = _BEFORE.where(
    local_stops.c.ended_at.is_(None), local_stops.c.state == StopState.STANDING.value
)


def find_stop(view: View, stop_id: str) -> LocalStop | None:
    """Return a local stop, or None."""
    row = view.row(_ONE, {"id": stop_id})
    return None if row is None else as_stop(row)


def locked_stop(change: Change, stop_id: str) -> LocalStop | None:
    """Return a local stop that nobody else moves until the commit, or None."""
    row = change.row(_LOCKED, {"id": stop_id})
    return None if row is None else as_stop(row)


def open_stops(view: View) -> list[LocalStop]:
    """Return the local stops that some guard had when it was last looked, oldest first."""
    return [as_stop(row) for row in view.rows(_OPEN)]


def last_carried(view: View, sha256: str, environment: Environment) -> LocalStop | None:
    """Return the newest local stop that carries a switch of this rule, ended or not, or None."""
    row = view.row(_CARRIED, {"sha256": sha256, "environment": environment.value})
    return None if row is None else as_stop(row)


def resolved_carried(view: View, environment: str) -> list[LocalStop]:
    """Return the carried switches that people adopted or dropped, the newest first."""
    return [as_stop(row) for row in view.rows(_RESOLVED, {"environment": environment})]


def seen_since(view: View, since: datetime, *, environment: str, model: str) -> int:
    """Return how many local stops guards of a model were seen to have since a time."""
    params = {"since": timestamp(since), "environment": environment, "model": model}
    row = view.row(_SEEN_SINCE, params)
    return 0 if row is None else int(row[0])


def stops_before(view: View, before: str, *, standing: bool, limit: int) -> list[LocalStop]:
    """Return local stops that are older than an id, newest first; `standing`: those that wait for a person."""
    statement = _OPEN_BEFORE if standing else _BEFORE
    return [as_stop(row) for row in view.rows(statement, {"before": before, "limit": limit})]


def as_stop(row: Row[Any]) -> LocalStop:
    """Return a row as a local stop."""
    return LocalStop(
        id=row.id,
        state=StopState(row.state),
        environment=Environment(row.environment),
        model=row.model,
        host=row.host,
        scope=row.scope,
        exception=row.exception,
        action=SwitchAction(row.action),
        fallback=tuple(json.loads(row.fallback)),
        unknown=Unknown(row.unknown),
        severity=SwitchSeverity(row.severity),
        lkg_before=maybe_moment(row.lkg_before),
        carried=row.carried,
        carried_sha256=row.carried_sha256,
        reported_by=row.reported_by,
        since=moment(row.since),
        seen_at=moment(row.seen_at),
        adopted_as=row.adopted_as,
        resolved_by=row.resolved_by,
        resolved_at=maybe_moment(row.resolved_at),
        notes=row.notes,
        ended_at=maybe_moment(row.ended_at),
        revision=row.revision,
    )
