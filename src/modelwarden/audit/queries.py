"""The SQL of the audit room: search over the index of entries, and the entries themselves.

A page walks down one index, the narrowest that the filter names, and looks at no more than `SCAN` of its rows: the cost
of a page is bounded at any depth. When that many were looked at, the page is short and its cursor goes on below them.
"""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import (
    Boolean,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)

from modelwarden.audit.search import narrowest
from modelwarden.audit.words import asked
from modelwarden.ledger.entry import Stored
from modelwarden.store import words
from modelwarden.store.change import RANK
from modelwarden.store.schema.access import person_links
from modelwarden.store.schema.ledger import checkpoints, entries, index, subjects, tags
from modelwarden.store.schema.registry import metrics, versions
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select

    from modelwarden.audit.search import EntryFilter
    from modelwarden.store.change import View

SCAN: Final = 10_000
"""Rows of an index that one page looks at."""
SLACK: Final = timedelta(hours=1)
"""How far clocks may have stepped: times find sequence numbers only nearly, since order is `seq` (LG-13)."""
END: Final = 2**62


class Told(NamedTuple):
    """What an entry said: its number, time, and the fields of its fact."""

    seq: int
    at: str
    fact: Mapping[str, Any]


class Found(NamedTuple):
    """The sequence numbers of a page, newest first, and the number below which to go on; None at the end."""

    seqs: list[int]
    below: int | None


_ENTRIES: Final = (
    select(entries.c.seq, entries.c.body, entries.c.leaf, entries.c.entry_hash)
    .where(entries.c.seq.in_(bindparam("seqs", expanding=True)))
    .order_by(entries.c.seq.desc())
)
_LAST: Final = select(func.max(entries.c.seq))
_CHECKPOINTS: Final = (
    select(checkpoints.c.size, checkpoints.c.note)
    .where(checkpoints.c.size >= bindparam("first"), checkpoints.c.size <= bindparam("last"))
    .order_by(checkpoints.c.size.desc())
    .limit(bindparam("limit"))
)
_WITHIN: Final = select(
    func.min(index.c.seq).label("first"), func.max(index.c.seq).label("last")
).where(index.c.at >= bindparam("since"), index.c.at <= bindparam("until"))
_FIRST_AT: Final = (
    select(index.c.seq)
    .where(index.c.at >= bindparam("at"))
    .order_by(index.c.at, index.c.seq)
    .limit(1)
)

_BODIES_ABOUT: Final = (
    select(entries.c.seq, entries.c.body)
    .join(subjects, subjects.c.seq == entries.c.seq)
    .join(index, index.c.seq == entries.c.seq)
    .where(
        subjects.c.kind == bindparam("kind"),
        subjects.c.id == bindparam("id"),
        index.c.type == bindparam("type"),
    )
    .order_by(entries.c.seq)
)
_BODIES_OF_TYPE: Final = (
    select(entries.c.seq, entries.c.body)
    .join(index, index.c.seq == entries.c.seq)
    .where(index.c.type == bindparam("type"))
    .order_by(entries.c.seq)
)
_FIGURES: Final = (
    select(metrics).where(metrics.c.version == bindparam("version")).order_by(metrics.c.id)
)
_NEXT_VERSION: Final = select(func.min(metrics.c.version)).where(
    metrics.c.version > bindparam("after")
)
_VERSIONS: Final = (
    select(versions.c.name)
    .where(versions.c.name > bindparam("after"))
    .order_by(versions.c.name)
    .limit(500)
)
_VERSION: Final = select(versions.c.name).where(versions.c.name == bindparam("name"))
_LINKS: Final = select(person_links).order_by(person_links.c.previous)


def _asked(name: str) -> ColumnElement[bool]:
    return bindparam(f"any_{name}", type_=Boolean)


_HAS_TAG: Final = (
    select(literal(1)).where(tags.c.tag == bindparam("tag"), tags.c.seq == index.c.seq).exists()
)


def _has(kind: ColumnElement[str], name: str) -> ColumnElement[bool]:
    found = (
        subjects.c.kind == kind,
        subjects.c.id == bindparam(name),
        subjects.c.seq == index.c.seq,
    )
    return select(literal(1)).where(*found).exists()


_FITS: Final = and_(
    or_(_asked("actor"), index.c.actor == bindparam("actor")),
    or_(_asked("type"), index.c.type.in_(bindparam("types", expanding=True))),
    or_(_asked("severity"), index.c.severity.in_(bindparam("severities", expanding=True))),
    or_(_asked("outcome"), index.c.outcome == bindparam("outcome")),
    or_(_asked("tag"), _HAS_TAG),
    or_(_asked("subject"), _has(bindparam("kind"), "id")),
    or_(_asked("component"), _has(literal("component"), "component")),
    index.c.at >= bindparam("since"),
    index.c.at <= bindparam("until"),
)


def page(view: View, wanted: EntryFilter, *, below: int, limit: int, scan: int = SCAN) -> Found:
    """Return the newest entries below a number that fit, after looking at `scan` rows. Actors stand in it as ids."""
    by, values = narrowest(wanted)
    params = _params(wanted) | _bounds(view, wanted, below) | {"limit": limit}
    params |= {f"value_{place}": value for place, value in enumerate(values)}
    if by == "text":
        dialect = view.connection.dialect.name
        by = f"text in {dialect}"
        params["words"] = words.question(asked(wanted.text or "").phrases, dialect)
    few = _walk(view, by, len(values), params | {"scan": limit})  # most pages fill at once
    if len(few.seqs) == limit or few.below is None or scan <= limit * len(values):
        return few
    return _walk(view, by, len(values), params | {"scan": scan // len(values)})


def _walk(view: View, by: str, branches: int, params: Mapping[str, Any]) -> Found:
    """Walk down each branch by `scan` rows, and keep what lies above where all of them were looked at."""
    seqs = [row.seq for row in view.rows(_page(by, branches), params)]
    walked = view.rows(_walked(by, branches), params)
    floor = max((row.low for row in walked if row.seen == params["scan"]), default=-1)
    kept = [seq for seq in seqs if seq >= floor]
    if len(kept) == params["limit"]:
        return Found(kept, kept[-1])
    return Found(kept, floor if floor > params["first"] else None)


def entries_at(view: View, seqs: Sequence[int]) -> dict[int, Stored]:
    """Return these entries by number, those that there are."""
    rows = view.rows(_ENTRIES, {"seqs": list(seqs)}) if seqs else ()
    return {row.seq: Stored(row.seq, row.body, row.leaf, row.entry_hash) for row in rows}


def last_entry(view: View) -> int:
    """Return the largest number of an entry that is there; -1 for none. The head may say otherwise."""
    found = view.rows(_LAST)[0][0]
    return -1 if found is None else int(found)


def numbers_within(
    view: View, *, since: datetime | None, until: datetime | None
) -> tuple[int, int] | None:
    """Return the first and the last number of entries of these times, ends included; None if there are none."""
    params = {
        "since": "" if since is None else timestamp(since),
        "until": "~" if until is None else timestamp(until),
    }
    found = view.row(_WITHIN, params)
    return None if found is None or found.first is None else (found.first, found.last)


def checkpoints_within(view: View, first: int, last: int, *, limit: int) -> list[tuple[int, bytes]]:
    """Return the newest checkpoints of these sizes, ends included, with their notes, newest first."""
    rows = view.rows(_CHECKPOINTS, {"first": first, "last": last, "limit": limit})
    return [(row.size, row.note) for row in rows]


def told_of(view: View, kind: str, name: str, entry_type: str) -> list[Told]:
    """Return what entries of one type said about one subject, oldest first."""
    return _told(view, _BODIES_ABOUT, {"kind": kind, "id": name, "type": entry_type})


def told_by(view: View, entry_type: str) -> list[Told]:
    """Return what all entries of one type said, oldest first. For types that are few."""
    return _told(view, _BODIES_OF_TYPE, {"type": entry_type})


def versions_with_figures(view: View) -> Iterator[str]:
    """Yield each registered version, and each that has figures without being registered."""
    after = ""
    while rows := view.rows(_VERSIONS, {"after": after}):
        for row in rows:
            yield row.name
        after = rows[-1].name
    known = ""
    while (found := view.rows(_NEXT_VERSION, {"after": known})[0][0]) is not None:
        if view.row(_VERSION, {"name": found}) is None:
            yield found
        known = found


def figures_of(view: View, version: str) -> Sequence[Any]:
    """Return the observed figures of a version, as they are stored."""
    return view.rows(_FIGURES, {"version": version})


def links(view: View) -> dict[str, str]:
    """Return who turned out to be whom."""
    return {row.previous: row.person for row in view.rows(_LINKS)}


def _told(view: View, statement: Select[Any, Any], params: dict[str, object]) -> list[Told]:
    found = []
    for row in view.rows(statement, params):
        with contextlib.suppress(ValueError, KeyError, TypeError):  # altered: step 4 names it
            body = json.loads(row.body)
            found.append(Told(row.seq, body["at"], dict(body["fact"])))
    return found


@lru_cache(maxsize=64)  # a statement for each index and number of values
def _page(by: str, branches: int) -> Select[Any]:
    walk = union_all(*(_branch(by, place) for place in range(branches))).subquery()
    return (
        select(index.c.seq)
        .join(walk, walk.c.seq == index.c.seq)
        .where(_FITS)
        .order_by(index.c.seq.desc())
        .limit(bindparam("limit"))
    )


@lru_cache(maxsize=64)
def _walked(by: str, branches: int) -> Any:  # noqa: ANN401  # a union: how far down each branch went
    walks = (_branch(by, place).subquery() for place in range(branches))
    return union_all(
        *(
            select(func.min(walk.c.seq).label("low"), func.count().label("seen")).select_from(walk)
            for walk in walks
        )
    )


def _branch(by: str, place: int) -> Select[Any]:
    """Return the numbers under one value of one index, newest first, inside the bounds."""
    column, conditions = _by_value(by, bindparam(f"value_{place}"))
    walk = (
        select(column.label("seq"))
        .where(*conditions, column >= bindparam("first"), column < bindparam("below"))
        .order_by(column.desc())
        .limit(bindparam("scan"))
        .subquery()
    )
    return select(walk.c.seq)


def _by_value(
    by: str, value: ColumnElement[Any]
) -> tuple[ColumnElement[int], list[ColumnElement[bool]]]:
    """Return the column to walk down, and what fixes the index to walk."""
    if by.startswith("text in "):
        seq, fits = words.matching(by.removeprefix("text in "))
        return seq, [fits]
    if by == "component":
        fixed = [subjects.c.kind == "component", subjects.c.id == bindparam("component")]
        return subjects.c.seq, fixed
    if by == "subject":
        fixed = [subjects.c.kind == bindparam("kind"), subjects.c.id == bindparam("id")]
        return subjects.c.seq, fixed
    if by == "tag":
        return tags.c.seq, [tags.c.tag == value]
    if by == "seq":
        return index.c.seq, []
    fixed = [index.c[by] == value]
    if by == "severity":  # written out, so that SQLite sees that the partial index fits
        fixed.append(index.c.severity >= literal_column("2"))
    return index.c.seq, fixed


def _bounds(view: View, wanted: EntryFilter, below: int) -> dict[str, int]:
    first, end = wanted.first or 0, below
    if wanted.last is not None:
        end = min(end, wanted.last + 1)
    if wanted.since is not None:
        first = max(first, _first_at(view, wanted.since - SLACK, END))
    if wanted.until is not None:
        end = min(end, _first_at(view, wanted.until + SLACK, END))
    return {"first": first, "below": end}


def _first_at(view: View, at: datetime, otherwise: int) -> int:
    row = view.row(_FIRST_AT, {"at": timestamp(at)})
    return otherwise if row is None else row.seq


def _params(wanted: EntryFilter) -> dict[str, Any]:
    return {
        "any_actor": wanted.actor is None,
        "actor": wanted.actor or "",
        "any_type": not wanted.types,
        "types": list(wanted.types),
        "any_severity": not wanted.severities,
        "severities": [RANK[severity] for severity in wanted.severities],
        "any_outcome": wanted.outcome is None,
        "outcome": "" if wanted.outcome is None else wanted.outcome.value,
        "any_tag": wanted.tag is None,
        "tag": wanted.tag or "",
        "any_subject": wanted.subject is None,
        "kind": "" if wanted.subject is None else wanted.subject[0],
        "id": "" if wanted.subject is None else wanted.subject[1],
        "any_component": wanted.component is None,
        "component": wanted.component or "",
        "since": "" if wanted.since is None else timestamp(wanted.since),
        "until": "~" if wanted.until is None else timestamp(wanted.until),
    }
