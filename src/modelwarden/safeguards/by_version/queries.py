"""The SQL of what guards count by version."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import bindparam, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from modelwarden.safeguards.counters.totals import VersionAdded
from modelwarden.store.schema.triggers import guard_versions
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.store.change import Telemetry, View

SLOT: Final = timedelta(seconds=10)
KEPT: Final = timedelta(hours=2)
AHEAD: Final = timedelta(minutes=2)
MOST_ROWS: Final = 20_000
_KEY: Final = ("environment", "model", "actor", "instance")

_FOUND: Final = (
    select(
        guard_versions.c.label,
        guard_versions.c.actor,
        guard_versions.c.instance,
        *(func.sum(guard_versions.c[name]).label(name) for name in VersionAdded._fields),
    )
    .where(
        guard_versions.c.environment == bindparam("environment"),
        guard_versions.c.model == bindparam("model"),
        guard_versions.c.label.in_(bindparam("labels", expanding=True)),
        guard_versions.c.at >= bindparam("since"),
        guard_versions.c.at < bindparam("until"),
    )
    .group_by(guard_versions.c.label, guard_versions.c.actor, guard_versions.c.instance)
    .order_by(guard_versions.c.label, guard_versions.c.actor, guard_versions.c.instance)
    .limit(MOST_ROWS)
)
_OLD: Final = delete(guard_versions).where(
    or_(guard_versions.c.at < bindparam("before"), guard_versions.c.at > bindparam("after"))
)


class Counted(NamedTuple):
    """What one guard counted of one version over a stretch of time."""

    label: str
    worker: str
    added: VersionAdded


def _adds() -> MappingProxyType[str, Any]:
    found = {}
    keys = [column.name for column in guard_versions.primary_key]
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql)):
        statement = dialect.insert(guard_versions)
        values = {
            field: guard_versions.c[field] + statement.excluded[field]
            for field in VersionAdded._fields
        }
        found[name] = statement.on_conflict_do_update(index_elements=keys, set_=values)
    return MappingProxyType(found)


_ADD: Final = _adds()


def slot(at: datetime) -> datetime:
    """Return the beginning of the ten seconds that a moment lies in."""
    return at - timedelta(seconds=at.second % 10, microseconds=at.microsecond)


def add(
    telemetry: Telemetry, key: Sequence[str], at: datetime, found: Mapping[str, VersionAdded]
) -> None:
    """Add what a report adds to the calls of versions."""
    for label, added in found.items():
        row = dict(zip(_KEY, key, strict=True)) | added._asdict()
        row |= {"at": timestamp(slot(at)), "label": label}
        telemetry.execute(_ADD[telemetry.connection.dialect.name], row)


def counted(
    view: View,
    model: str,
    environment: str,
    *,
    labels: Sequence[str],
    since: datetime,
    until: datetime,
) -> list[Counted]:
    """Return what each guard counted of versions over whole slots."""
    params = {
        "model": model,
        "environment": environment,
        "labels": list(labels),
        "since": timestamp(slot(since)),
        "until": timestamp(until),
    }
    return [
        Counted(
            row.label,
            f"{row.actor}/{row.instance}",
            VersionAdded(*(int(getattr(row, name)) for name in VersionAdded._fields)),
        )
        for row in view.rows(_FOUND, params)
    ]


def forget(telemetry: Telemetry) -> int:
    """Forget slots that are over, and those of a time to come; return how many."""
    params = {
        "before": timestamp(telemetry.now - KEPT),
        "after": timestamp(telemetry.now + AHEAD),
    }
    return telemetry.execute(_OLD, params)
