"""The SQL of what guards count: their last totals, and what each minute added."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import bindparam, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from modelwarden.safeguards.counters.totals import STANDING, Added, Total
from modelwarden.store.schema.registry import metrics, versions
from modelwarden.store.schema.triggers import guard_minutes, guard_totals
from modelwarden.values.clock import moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.store.change import Telemetry, View

MOST_WORKERS: Final = 10_000
MOST_FIGURES: Final = 10_000
_KEY: Final = ("environment", "model", "actor", "instance")
_SUMS: Final = tuple(name for name in Added._fields if name not in STANDING)

_TOTAL: Final = select(guard_totals).where(
    *(guard_totals.c[name] == bindparam(name) for name in _KEY)
)
_WORKERS: Final = (
    select(
        guard_minutes.c.actor,
        guard_minutes.c.instance,
        *(func.sum(guard_minutes.c[name]).label(name) for name in _SUMS),
        *(func.max(guard_minutes.c[name]).label(name) for name in STANDING),
    )
    .where(
        guard_minutes.c.environment == bindparam("environment"),
        guard_minutes.c.model == bindparam("model"),
        guard_minutes.c.minute >= bindparam("since"),
        guard_minutes.c.minute < bindparam("until"),
    )
    .group_by(guard_minutes.c.actor, guard_minutes.c.instance)
    .order_by(guard_minutes.c.actor, guard_minutes.c.instance)
    .limit(MOST_WORKERS)
)
_OLD_MINUTES: Final = delete(guard_minutes).where(
    or_(guard_minutes.c.minute < bindparam("before"), guard_minutes.c.minute > bindparam("after"))
)
_OLD_TOTALS: Final = delete(guard_totals).where(guard_totals.c.heard_at < bindparam("before"))
_VERSIONS: Final = (
    select(versions.c.label, versions.c.subject_sha256, versions.c.live_in)
    .where(
        versions.c.model == bindparam("model"),
        versions.c.label.in_(bindparam("labels", expanding=True)),
    )
    .order_by(versions.c.label)
    .limit(bindparam("limit"))
)


_OBSERVED: Final = (
    select(
        versions.c.label, versions.c.evaluation, versions.c.live_in, metrics.c.name, metrics.c.value
    )
    .join(versions, versions.c.name == metrics.c.version)
    .where(
        versions.c.model == bindparam("model"),
        metrics.c.recorded_at >= bindparam("since"),
        metrics.c.recorded_at < bindparam("until"),
    )
    .order_by(metrics.c.id)
    .limit(MOST_FIGURES)
)


class Observed(NamedTuple):
    """A figure from operation, of a version with these evaluation figures."""

    label: str
    evaluation: Mapping[str, str]
    name: str
    value: str


class Worker(NamedTuple):
    """What one guard counted over a stretch of time."""

    actor: str
    instance: str
    added: Added


class Registered(NamedTuple):
    """What is registered of a version: the digest of its artifact, and where it is live."""

    sha256: str | None
    live_in: tuple[str, ...]


def _upserts(table: Any, *, adds: bool) -> MappingProxyType[str, Any]:  # noqa: ANN401  # a table
    found = {}
    keys = [column.name for column in table.primary_key]
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql)):
        statement = dialect.insert(table)
        values = {
            column.name: table.c[column.name] + statement.excluded[column.name]
            if adds and column.name not in STANDING
            else statement.excluded[column.name]
            for column in table.columns
            if column.name not in keys
        }
        found[name] = statement.on_conflict_do_update(index_elements=keys, set_=values)
    return MappingProxyType(found)


_KEEP_TOTAL: Final = _upserts(guard_totals, adds=False)
_ADD: Final = _upserts(guard_minutes, adds=True)


def find_total(view: View, key: Sequence[str]) -> Total | None:
    """Return what an instance said last that was believed, or None."""
    row = view.row(_TOTAL, dict(zip(_KEY, key, strict=True)))
    return None if row is None else Total(row.pid, moment(row.heard_at), json.loads(row.counts))


def keep_total(telemetry: Telemetry, key: Sequence[str], total: Total) -> None:
    """Keep what an instance said last."""
    values = {
        "pid": total.pid,
        "heard_at": timestamp(total.heard_at),
        "counts": json.dumps(dict(total.counts), sort_keys=True),
    }
    row = dict(zip(_KEY, key, strict=True)) | values
    telemetry.execute(_KEEP_TOTAL[telemetry.connection.dialect.name], row)


def add(telemetry: Telemetry, key: Sequence[str], minute: datetime, added: Added) -> None:
    """Add what a report adds to its minute."""
    values = dict(zip(_KEY, key, strict=True)) | added._asdict()
    row = values | {"minute": timestamp(minute), "beats": 1}
    telemetry.execute(_ADD[telemetry.connection.dialect.name], row)


def workers(
    view: View, model: str, environment: str, *, since: datetime, until: datetime
) -> list[Worker]:
    """Return what each guard of a model counted over whole minutes."""
    params = {
        "model": model,
        "environment": environment,
        "since": timestamp(since),
        "until": timestamp(until),
    }
    return [
        Worker(
            row.actor,
            row.instance,
            Added(**{name: int(getattr(row, name)) for name in Added._fields}),
        )
        for row in view.rows(_WORKERS, params)
    ]


def observed(
    view: View, model: str, environment: str, *, since: datetime, until: datetime
) -> list[Observed]:
    """Return the figures from operation that were recorded in a span, of versions that are live there, oldest first."""
    params = {"model": model, "since": timestamp(since), "until": timestamp(until)}
    return [
        Observed(row.label, json.loads(row.evaluation), row.name, row.value)
        for row in view.rows(_OBSERVED, params)
        if environment in json.loads(row.live_in)
    ]


def forget(telemetry: Telemetry, *, before: datetime, after: datetime) -> int:
    """Delete minutes that are over, and those of a time to come, which a clock that was ahead left; return how many."""
    telemetry.execute(_OLD_TOTALS, {"before": timestamp(before)})
    return telemetry.execute(_OLD_MINUTES, {"before": timestamp(before), "after": timestamp(after)})


def registered(view: View, model: str, labels: Sequence[str]) -> dict[str, Registered]:
    """Return what is registered of these versions of a model, by label."""
    rows = view.rows(_VERSIONS, {"model": model, "labels": list(labels), "limit": len(labels)})
    return {
        row.label: Registered(row.subject_sha256, tuple(json.loads(row.live_in))) for row in rows
    }
