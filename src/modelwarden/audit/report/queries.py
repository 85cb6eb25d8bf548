"""The SQL of reports: counts over the index of entries. Each reads one range once."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import and_, bindparam, func, select

from modelwarden.store.schema.ledger import index, subjects, tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Select

    from modelwarden.store.change import View

DAY: Final = 10
"""Characters of a time that say its day."""
SEVERE: Final = 2
"""The rank of HIGH."""


class Bounds(NamedTuple):
    """What is counted: entries of these numbers, ends included, and of these times."""

    first: int
    last: int
    since: str
    until: str


_WITHIN: Final = and_(
    index.c.seq >= bindparam("first"),
    index.c.seq <= bindparam("last"),
    index.c.at >= bindparam("since"),
    index.c.at <= bindparam("until"),
)
_COUNT: Final = func.count().label("times")
_DAYS: Final = (
    select(func.substr(index.c.at, 1, DAY).label("day"), index.c.severity, _COUNT)
    .where(_WITHIN)
    .group_by("day", index.c.severity)
    .order_by("day", index.c.severity)
)
_KINDS: Final = (
    select(index.c.type, index.c.severity, index.c.outcome, _COUNT)
    .where(_WITHIN)
    .group_by(index.c.type, index.c.severity, index.c.outcome)
    .order_by(index.c.type, index.c.severity, index.c.outcome)
)
_ENDS: Final = select(
    func.min(index.c.seq).label("low"), func.max(index.c.seq).label("high")
).where(_WITHIN)
_SEVERE: Final = (
    select(index.c.seq)
    .where(_WITHIN, index.c.severity >= SEVERE)
    .order_by(index.c.seq.desc())
    .limit(bindparam("limit"))
)


def _most(column: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
    return (
        select(column.label("name"), _COUNT)
        .where(_WITHIN, *conditions)
        .group_by(column)
        .order_by(_COUNT.desc(), column)
        .limit(bindparam("limit"))
    )


def _of_kind(kind: str) -> Select[Any]:
    return _most(subjects.c.id, subjects.c.seq == index.c.seq, subjects.c.kind == kind)


_MOST: Final[Mapping[str, Select[Any]]] = MappingProxyType(
    {
        "actors": _most(index.c.actor),
        "refused_actors": _most(index.c.actor, index.c.outcome == "refused"),
        "components": _of_kind("component"),
        "events": _of_kind("event"),
        "tags": _most(tags.c.tag, tags.c.seq == index.c.seq),
    }
)


def ends(view: View, bounds: Bounds) -> tuple[int, int] | None:
    """Return the first and last entry of the period, or None for an empty one."""
    row = view.rows(_ENDS, bounds._asdict())[0]
    return None if row.low is None else (row.low, row.high)


def days(view: View, bounds: Bounds) -> Sequence[Any]:
    """Return day, severity and count, oldest first."""
    return view.rows(_DAYS, bounds._asdict())


def kinds(view: View, bounds: Bounds) -> Sequence[Any]:
    """Return type, severity, outcome and count."""
    return view.rows(_KINDS, bounds._asdict())


def most(view: View, what: str, bounds: Bounds, *, limit: int) -> Sequence[Any]:
    """Return name and count of the most frequent actors, components, events or tags."""
    return view.rows(_MOST[what], {**bounds._asdict(), "limit": limit})


def severe(view: View, bounds: Bounds, *, limit: int) -> list[int]:
    """Return the numbers of HIGH and CRITICAL entries, newest first."""
    return [row.seq for row in view.rows(_SEVERE, {**bounds._asdict(), "limit": limit})]
