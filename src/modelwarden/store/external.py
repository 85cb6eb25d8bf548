"""Refs of other systems' records: which entry holds each, and whether the rows still fit the entries (LG-56)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import and_, bindparam, func, insert, or_, select

from modelwarden.facts.catalogue import KINDS
from modelwarden.facts.external import ExternalRecorded
from modelwarden.store.schema.external import records
from modelwarden.store.schema.ledger import entries, index, subjects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ActorId

PART: Final = 500
TYPE: Final = KINDS[ExternalRecorded].type


class Recorded(NamedTuple):
    """The entry of a record: its number and body."""

    seq: int
    body: bytes


_TAKEN: Final = select(records.c.ref, records.c.id).where(
    records.c.actor == bindparam("actor"),
    records.c.ref.in_(bindparam("refs", expanding=True)),
)
_PLACES: Final = (
    select(subjects.c.id, entries.c.seq, entries.c.body)
    .join(entries, entries.c.seq == subjects.c.seq)
    .where(subjects.c.kind == "record", subjects.c.id.in_(bindparam("ids", expanding=True)))
)
_KEEP: Final = insert(records)
_ROWS: Final = (
    select(records.c.actor, records.c.ref, records.c.id, entries.c.seq, entries.c.body)
    .select_from(
        records.outerjoin(
            subjects, and_(subjects.c.kind == "record", subjects.c.id == records.c.id)
        ).outerjoin(entries, entries.c.seq == subjects.c.seq)
    )
    .where(
        or_(
            records.c.actor > bindparam("actor"),
            and_(records.c.actor == bindparam("actor"), records.c.ref > bindparam("ref")),
        )
    )
    .order_by(records.c.actor, records.c.ref)
    .limit(PART)
)
_ALL_ENTRIES: Final = select(func.count()).select_from(index).where(index.c.type == TYPE)


def recorded(view: View, actor: ActorId, refs: Sequence[str]) -> Mapping[str, Recorded]:
    """Return the entries of those refs under which this actor recorded before."""
    found: dict[str, Recorded] = {}
    for begin in range(0, len(refs), PART):
        part = list(refs[begin : begin + PART])
        # Two statements: as one, SQLite walks all records there are for each ref.
        taken = {row.id: row.ref for row in view.rows(_TAKEN, {"actor": actor, "refs": part})}
        for row in view.rows(_PLACES, {"ids": list(taken)}) if taken else ():
            found[taken[row.id]] = Recorded(row.seq, bytes(row.body))
    return found


def keep(change: Change, rows: Sequence[Mapping[str, str]]) -> None:
    """Keep refs. Raises Conflict when another process recorded under one of them at this moment."""
    change.execute(_KEEP, rows)


def strays(view: View) -> Iterator[str]:
    """Yield what does not fit: a row that no entry tells of, or entries whose row is gone."""
    actor = ref = ""
    told = 0
    while rows := view.rows(_ROWS, {"actor": actor, "ref": ref}):
        for row in rows:
            if _is_told(row):
                told += 1
            else:
                yield f"the record {row.ref} of {row.actor} is told by no entry"
        actor, ref = rows[-1].actor, rows[-1].ref
    missing = view.rows(_ALL_ENTRIES)[0][0] - told
    if missing > 0:
        yield f"the refs of {missing} records are gone: they could be recorded twice"


def _is_told(row: Any) -> bool:  # noqa: ANN401  # a row of records beside its entry
    if row.body is None:
        return False
    try:
        body = json.loads(row.body)
        told = (body["actor"]["id"], body["fact"]["ref"], body["fact"]["record"])
    except (ValueError, KeyError, TypeError):
        return False
    return bool(told == (row.actor, row.ref, row.id))
