"""Objects that a restored database holds in an older state than its ledger tells, until a person decides (LG-46).

They are found by the search index after the missing entries were appended. `epoch.started` holds their digest, so none
can be added or taken away unseen; one that was decided about stays in the table, with the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from sqlalchemy import bindparam, func, insert, select, update

from modelwarden.errors import NotFound
from modelwarden.store.database import insert_many
from modelwarden.store.governed import state_digest
from modelwarden.store.running import run
from modelwarden.store.schema.keys import frozen
from modelwarden.store.schema.ledger import entries, subjects
from modelwarden.store.tables import governed_tables
from modelwarden.values.canonical import digest
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Table

BATCH: Final = 500

_MOVED_SINCE: Final = (
    select(subjects.c.kind, subjects.c.id, func.max(subjects.c.seq).label("seq"))
    .where(subjects.c.seq >= bindparam("first"), subjects.c.rev.is_not(None))
    .group_by(subjects.c.kind, subjects.c.id)
    .order_by(subjects.c.kind, subjects.c.id)
)
_BODY: Final = select(entries.c.body).where(entries.c.seq == bindparam("seq"))
_STANDING: Final = (
    select(frozen).where(frozen.c.lifted_at.is_(None)).order_by(frozen.c.kind, frozen.c.id)
)
_OF_EPOCH: Final = (
    select(frozen).where(frozen.c.epoch == bindparam("which")).order_by(frozen.c.kind, frozen.c.id)
)
_ONE: Final = (
    select(frozen.c.rev)
    .where(
        frozen.c.kind == bindparam("kind"),
        frozen.c.id == bindparam("id"),
        frozen.c.lifted_at.is_(None),
    )
    .order_by(frozen.c.epoch.desc())
)
_LIFT: Final = (
    update(frozen)
    .where(
        frozen.c.kind == bindparam("which_kind"),
        frozen.c.id == bindparam("which_id"),
        frozen.c.lifted_at.is_(None),
    )
    .values(lifted_at=bindparam("now"))
)
_FREEZE: Final = insert(frozen)


class Frozen(NamedTuple):
    """An object that is behind: what its newest entry says of it, and where that stands."""

    kind: str
    id: str
    rev: int
    after: str
    seq: int


class Accepted(NamedTuple):
    """A row that stands as it is from here on: its revision, and the digest that pins it."""

    rev: int
    after: str


def freeze(connection: Connection, *, epoch: int, first: int) -> tuple[Frozen, ...]:
    """Freeze what entries from `first` on moved and the rows do not show. Returns the objects, in order."""
    tables = {table.info["kind"]: table for table in governed_tables()}
    found = []
    for row in connection.execute(_MOVED_SINCE, {"first": first}).all():
        told = _told(connection, row.kind, row.id, row.seq)
        if told is not None and _is_behind(connection, tables.get(row.kind), told):
            found.append(told)
    rows: list[tuple[object, ...]] = [(epoch, *each, None) for each in found]
    insert_many(connection, frozen, rows)
    return tuple(found)


def standing(connection: Connection) -> tuple[Frozen, ...]:
    """Return what is frozen now, in order."""
    return tuple(map(_frozen, connection.execute(_STANDING)))


def of_epoch(connection: Connection, epoch: int) -> tuple[Frozen, ...]:
    """Return what a restore froze, whatever was decided since."""
    return tuple(map(_frozen, connection.execute(_OF_EPOCH, {"which": epoch})))


def names(connection: Connection) -> frozenset[tuple[str, str]]:
    """Return kind and id of what is frozen now."""
    return frozenset((each.kind, each.id) for each in standing(connection))


def ahead(connection: Connection, kind: str, name: str) -> int | None:
    """Return the revision that the ledger tells of a frozen object; None if it is not frozen."""
    rows = run(connection, _ONE, {"kind": kind, "id": name}).rows
    return int(rows[0].rev) if rows else None


def lift(connection: Connection, kind: str, name: str, *, at: datetime) -> None:
    """Say that a person decided about an object."""
    which = {"which_kind": kind, "which_id": name, "now": timestamp(at)}
    run(connection, _LIFT, which)


def accept(connection: Connection, kind: str, name: str, *, at: datetime) -> Accepted:
    """Let a row stand as it is, one revision after what the ledger tells.

    Raises NotFound for an object that is not frozen, or has no row: that one is made again instead.
    """
    table = next((each for each in governed_tables() if each.info["kind"] == kind), None)
    rev = ahead(connection, kind, name)
    row = None if table is None else _row(connection, table, name)
    if table is None or rev is None or row is None:
        raise NotFound("frozen object with a row", f"{kind} {name}")
    row["revision"] = rev + 1
    (key,) = table.primary_key.columns
    connection.execute(update(table).where(key == name).values(revision=rev + 1))
    lift(connection, kind, name, at=at)
    return Accepted(rev + 1, state_digest(row))


def digest_of(found: Sequence[Frozen]) -> str:
    """Return the digest that `epoch.started` holds."""
    return digest([list(each) for each in sorted(found)])


def _is_behind(connection: Connection, table: Table | None, told: Frozen) -> bool:
    row = None if table is None else _row(connection, table, told.id)
    return row is None or row["revision"] != told.rev or state_digest(row) != told.after


def _row(connection: Connection, table: Table, name: str) -> dict[str, Any] | None:
    (key,) = table.primary_key.columns
    row = connection.execute(select(table).where(key == name)).first()
    return (
        None if row is None else dict(zip((str(c.name) for c in table.columns), row, strict=True))
    )


def _told(connection: Connection, kind: str, name: str, seq: int) -> Frozen | None:
    body = orjson.loads(connection.execute(_BODY, {"seq": seq}).scalar_one())
    for item in body.get("objects", ()):
        if (item["kind"], item["id"]) == (kind, name):
            return Frozen(kind, name, item["rev"], item["after"], seq)
    return None


def _frozen(row: Any) -> Frozen:  # noqa: ANN401  # a row of the table
    return Frozen(row.kind, row.id, row.rev, row.after, row.seq)
