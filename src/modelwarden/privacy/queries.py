"""The SQL of the privacy room: texts by person and age, erasures, holds, retention, and what is pruned."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, delete, or_, select, tuple_

from modelwarden.privacy.erasure import Basis, Erasure, ErasureState, Scope
from modelwarden.privacy.hold import Hold, Kept
from modelwarden.privacy.retention import ID, Retention
from modelwarden.store.schema.access import actors, person_links
from modelwarden.store.schema.ledger import entries, index, subjects, texts
from modelwarden.store.schema.privacy import erasures, holds, retention
from modelwarden.store.schema.registry import models, versions
from modelwarden.store.tables import all_tables
from modelwarden.values.clock import moment, timestamp
from modelwarden.values.pages import Listing, Page, listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Delete, Table

    from modelwarden.store.change import Telemetry, View
    from modelwarden.store.running import Row
    from modelwarden.values.ids import ActorId, PersonId

NEWEST: Final = "~"
"""Stands after every id, so that a list that runs backwards begins at its end."""
MOST_HOLDS: Final = 10_000
PART: Final = 500
PRUNED: Final = 1_000
"""Rows that one pruning takes of one table."""
COMMITMENT: Final = re.compile(rb'"([0-9a-f]{64})"')

_KEPT: Final = (texts.c.commitment, texts.c.author, texts.c.about, texts.c.kept_at)
_ABOUT: Final = select(*_KEPT).where(
    or_(
        texts.c.about.in_(bindparam("persons", expanding=True)),
        *(
            texts.c.commitment.in_(
                select(column).where(actors.c.id.in_(bindparam("accounts", expanding=True)))
            )
            for column in (actors.c.handle, actors.c.email, actors.c.details)
        ),
    )
)
_WRITTEN: Final = select(*_KEPT).where(texts.c.author.in_(bindparam("persons", expanding=True)))
_DUE: Final = (
    select(*_KEPT)
    .where(
        texts.c.kept_at <= bindparam("until"),
        or_(
            texts.c.kept_at > bindparam("after_at"),
            and_(texts.c.kept_at == bindparam("after_at"), texts.c.commitment > bindparam("after")),
        ),
    )
    .order_by(texts.c.kept_at, texts.c.commitment)
    .limit(bindparam("limit"))
)
_THESE: Final = select(*_KEPT).where(texts.c.commitment.in_(bindparam("some", expanding=True)))
_LINKED: Final = select(person_links.c.previous).where(
    person_links.c.person.in_(bindparam("persons", expanding=True))
)
_LEAVERS: Final = (
    select(actors.c.id)
    .distinct()
    .join(subjects, and_(subjects.c.kind == "actor", subjects.c.id == actors.c.id))
    .join(index, index.c.seq == subjects.c.seq)
    .where(
        index.c.type == "actor.deactivated",
        index.c.at <= bindparam("until"),
        subjects.c.rev.is_not(None),
        actors.c.status == "deactivated",
        actors.c.kind != "service",
        actors.c.erased_at.is_(None),
        actors.c.id > bindparam("after"),
    )
    .order_by(actors.c.id)
    .limit(bindparam("limit"))
)
_LEFT: Final = (
    select(index.c.at)
    .join(subjects, subjects.c.seq == index.c.seq)
    .where(
        subjects.c.kind == "actor",
        subjects.c.id == bindparam("id"),
        subjects.c.rev.is_not(None),
        index.c.type == "actor.deactivated",
        index.c.at <= bindparam("until"),
    )
    .limit(1)
)
_NAMING: Final = (
    select(entries.c.body)
    .join(subjects, subjects.c.seq == entries.c.seq)
    .where(subjects.c.kind == bindparam("kind"), subjects.c.id == bindparam("id"))
    .order_by(entries.c.seq)
)
_PURPOSE: Final = select(models.c.purpose).where(models.c.name == bindparam("name"))
_DESCRIBED: Final = select(versions.c.description, versions.c.artifact).where(
    versions.c.model == bindparam("name")
)
_ERASURE: Final = select(erasures).where(erasures.c.id == bindparam("id"))
_ERASURES_OF: Final = (
    select(erasures)
    .where(erasures.c.user.in_(bindparam("accounts", expanding=True)))
    .order_by(erasures.c.id)
    .limit(1_000)
)
_WAITING: Final = (
    select(erasures)
    .where(erasures.c.state == "on_hold", erasures.c.id > bindparam("after"))
    .order_by(erasures.c.id)
    .limit(bindparam("limit"))
)
_ERASURES: Final = (
    select(erasures)
    .where(erasures.c.id < bindparam("before"))
    .order_by(erasures.c.id.desc())
    .limit(bindparam("limit"))
)
_HOLD: Final = select(holds).where(holds.c.id == bindparam("id"))
_PLACED: Final = (
    select(holds).where(holds.c.released_at.is_(None)).order_by(holds.c.id).limit(MOST_HOLDS)
)
_HOLDS: Final = (
    select(holds)
    .where(holds.c.id < bindparam("before"))
    .order_by(holds.c.id.desc())
    .limit(bindparam("limit"))
)
_RETENTION: Final = select(retention).where(retention.c.id == ID)


def known_as(view: View, person: PersonId) -> frozenset[PersonId]:
    """Return all pseudonyms that a person was ever known by, this one too (AC-2)."""
    found = {person}
    fresh = {person}
    while fresh:
        rows = view.rows(_LINKED, {"persons": sorted(fresh)})
        fresh = {row.previous for row in rows} - found
        found |= fresh
    return frozenset(found)


def texts_about(
    view: View, persons: Iterable[PersonId], accounts: Iterable[ActorId]
) -> tuple[Kept, ...]:
    """Return what tells of a person: what says so, and what the accounts name."""
    params = {"persons": sorted(persons), "accounts": sorted(accounts)}
    return tuple(_as_kept(row) for row in view.rows(_ABOUT, params))


def texts_by(view: View, persons: Iterable[PersonId]) -> tuple[Kept, ...]:
    """Return what a person wrote."""
    return tuple(_as_kept(row) for row in view.rows(_WRITTEN, {"persons": sorted(persons)}))


def texts_due(view: View, until: datetime, *, after: Kept | None, limit: int) -> tuple[Kept, ...]:
    """Return the texts written up to then, oldest first, behind the one given."""
    params = {
        "until": timestamp(until),
        "after_at": "" if after is None else after.at,
        "after": "" if after is None else after.commitment,
        "limit": limit,
    }
    return tuple(_as_kept(row) for row in view.rows(_DUE, params))


def texts_due_among(view: View, commitments: Sequence[str], *, until: datetime) -> tuple[Kept, ...]:
    """Return those of these texts that are there and were written up to then."""
    found: list[Kept] = []
    for start in range(0, len(commitments), PART):
        some = list(commitments[start : start + PART])
        found += (_as_kept(row) for row in view.rows(_THESE, {"some": some}))
    last = timestamp(until)
    return tuple(text for text in found if text.at is not None and text.at <= last)


def leavers(view: View, until: datetime, *, after: str, limit: int) -> list[str]:
    """Return accounts that were deactivated up to then and still tell who it was, in order of their ids."""
    params = {"until": timestamp(until), "after": after, "limit": limit}
    return [row.id for row in view.rows(_LEAVERS, params)]


def left_by(view: View, account: ActorId, until: datetime) -> bool:
    """Tell whether an account was deactivated up to then; that is for good (AC-3)."""
    return view.row(_LEFT, {"id": account, "until": timestamp(until)}) is not None


def named_in_entries(view: View, kind: str, name: str) -> frozenset[str]:
    """Return all digests in entries about a subject, the commitments of its texts among them."""
    rows = view.rows(_NAMING, {"kind": kind, "id": name})
    return frozenset(each.decode() for row in rows for each in COMMITMENT.findall(row.body))


def described(view: View, model: str) -> frozenset[str]:
    """Return the texts in which a model and its versions say what they are."""
    rows = (*view.rows(_PURPOSE, {"name": model}), *view.rows(_DESCRIBED, {"name": model}))
    return frozenset(words for row in rows for words in row if words is not None)


def find_erasure(view: View, erasure_id: str) -> Erasure | None:
    """Return one erasure, or None."""
    row = view.row(_ERASURE, {"id": erasure_id})
    return None if row is None else _as_erasure(row)


def erasures_of(view: View, accounts: Iterable[ActorId]) -> list[Erasure]:
    """Return the erasures that named one of these accounts."""
    return [_as_erasure(row) for row in view.rows(_ERASURES_OF, {"accounts": sorted(accounts)})]


def waiting(view: View, *, after: str = "", limit: int = 100) -> list[Erasure]:
    """Return erasures that wait for holds, oldest first."""
    return [_as_erasure(row) for row in view.rows(_WAITING, {"after": after, "limit": limit})]


def erasures_page(view: View, page: Page) -> Listing[Erasure]:
    """Return a page of erasures, newest first."""
    params = {"before": page.after or NEWEST, "limit": page.limit}
    found = [_as_erasure(row) for row in view.rows(_ERASURES, params)]
    return listing(found, page, key=found[-1].id if found else None)


def find_hold(view: View, hold_id: str) -> Hold | None:
    """Return one hold, or None."""
    row = view.row(_HOLD, {"id": hold_id})
    return None if row is None else _as_hold(row)


def placed_holds(view: View) -> list[Hold]:
    """Return the holds that were not released."""
    return [_as_hold(row) for row in view.rows(_PLACED)]


def holds_page(view: View, page: Page) -> Listing[Hold]:
    """Return a page of holds, newest first."""
    params = {"before": page.after or NEWEST, "limit": page.limit}
    found = [_as_hold(row) for row in view.rows(_HOLDS, params)]
    return listing(found, page, key=found[-1].id if found else None)


def find_retention(view: View) -> Retention | None:
    """Return what somebody set, or None."""
    row = view.row(_RETENTION)
    return None if row is None else _as_retention(row)


def prunable() -> list[tuple[Table, str, str]]:
    """Return each table that is pruned: by which kind of retention, and the column that tells since when."""
    return [(table, *table.info["kept"]) for table in all_tables() if "kept" in table.info]


def prune(telemetry: Telemetry, table: Table, column: str, *, until: datetime) -> int:
    """Delete the oldest rows of a table that are of before then, `PRUNED` at most; return how many."""
    return telemetry.execute(_pruning(table, column), {"until": timestamp(until)})


def _pruning(table: Table, column: str) -> Delete:
    key = tuple(table.primary_key.columns)
    old = select(*key).where(table.c[column] <= bindparam("until")).order_by(table.c[column])
    return delete(table).where(tuple_(*key).in_(old.limit(PRUNED)))


def _as_kept(row: Row) -> Kept:
    return Kept(row.commitment, row.author, row.about, row.kept_at)


def _as_erasure(row: Row) -> Erasure:
    return Erasure(
        id=row.id,
        user=row.user,
        person=row.person,
        persons=tuple(json.loads(row.persons)),
        accounts=tuple(json.loads(row.accounts)),
        basis=Basis(row.basis),
        scope=Scope(row.scope),
        reason=row.reason,
        permit=row.permit,
        state=ErasureState(row.state),
        requested_by=row.requested_by,
        requested_at=moment(row.requested_at),
        done_at=_when(row.done_at),
        texts=row.texts,
        kept=row.kept,
        revision=row.revision,
    )


def _as_hold(row: Row) -> Hold:
    return Hold(
        id=row.id,
        person=row.person,
        model=row.model,
        incident=row.incident,
        since=_when(row.since),
        until=_when(row.until),
        reason=row.reason,
        placed_by=row.placed_by,
        placed_at=moment(row.placed_at),
        released_by=row.released_by,
        released_at=_when(row.released_at),
        permit=row.permit,
        revision=row.revision,
    )


def _as_retention(row: Row) -> Retention:
    days = {name: getattr(row, name) for name in ("texts", "leavers", "sessions", "deliveries")}
    return Retention(
        **days, changed_by=row.changed_by, changed_at=_when(row.changed_at), revision=row.revision
    )


def _when(text: Any) -> datetime | None:  # noqa: ANN401  # a column that may be empty
    return None if text is None else moment(text)
