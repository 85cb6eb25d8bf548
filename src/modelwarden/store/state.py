"""Does the state fit the ledger (step 12 of section 6)? Each governed row is what its newest entry says.

Reads page by page: memory does not grow with the database. It rests on the search index, which the caller compares with
the entries first. Rows whose facts hold digests (attached tables) are their rooms' to recompute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import and_, bindparam, func, not_, select

from modelwarden.errors import KeyUnusable, NotCanonical
from modelwarden.ledger.result import Findings
from modelwarden.store import use_case_models
from modelwarden.store.behind import Behind
from modelwarden.store.governed import state_digest
from modelwarden.store.keyring import Sealed
from modelwarden.store.schema.ledger import entries, subjects, texts
from modelwarden.store.tables import governed_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Column, Connection, Table

    from modelwarden.store.keyring import Keyring

BATCH: Final = 500

_NEWEST: Final = (
    select(subjects.c.id, func.max(subjects.c.seq).label("seq"))
    .where(
        subjects.c.kind == bindparam("kind"),
        subjects.c.id.in_(bindparam("ids", expanding=True)),
        subjects.c.rev.is_not(None),
    )
    .group_by(subjects.c.id)
    .subquery()
)
_NEWEST_BODIES: Final = select(_NEWEST.c.id, _NEWEST.c.seq, entries.c.body).join(
    entries, entries.c.seq == _NEWEST.c.seq
)
_KINDS: Final = (
    select(subjects.c.kind, func.min(subjects.c.seq).label("seq"))
    .where(subjects.c.rev.is_not(None))
    .group_by(subjects.c.kind)
)
_TEXTS: Final = (
    select(texts)
    .where(texts.c.commitment > bindparam("after"))
    .order_by(texts.c.commitment)
    .limit(BATCH)
)

Moved = tuple[int, int, str]
"""The newest entry of an object, and the revision and digest that it gives."""


def check_state(connection: Connection, keyring: Keyring) -> tuple[Findings, list[str]]:
    """Return what does not fit, and what could not be checked."""
    findings = Findings()
    behind = Behind(connection, findings)
    for table in governed_tables():
        _check_rows(connection, table, behind, findings)
        _check_absent(connection, table, behind, findings)
    known = {table.info["kind"] for table in governed_tables()}
    for row in connection.execute(_KINDS):
        if row.kind not in known:
            findings.add("state_mismatch", row.seq, f"no table holds objects of kind {row.kind}")
    use_case_models.check(connection, findings)
    return findings, [*behind.told(), *_check_texts(connection, keyring, findings)]


def _check_rows(connection: Connection, table: Table, behind: Behind, findings: Findings) -> None:
    key = _key(table)
    kind = table.info["kind"]
    for rows in _pages(connection, table, key):
        ids = [row[key.name] for row in rows]
        newest = _newest_entries(connection, kind, ids)
        for row in rows:
            detail = _difference(row, newest.get(row[key.name]))
            name = row[key.name]
            seq = newest[name][0] if name in newest else -1
            if detail is not None and not behind.explains(kind, name, row, seq):
                findings.add("state_mismatch", seq, f"{kind} {name}: {detail}")


def _check_absent(connection: Connection, table: Table, behind: Behind, findings: Findings) -> None:
    """Name objects that entries moved and of which there is no row; nothing governed is deleted (RL-5)."""
    key, kind = _key(table), table.info["kind"]
    is_stored = select(key).where(key == subjects.c.id).exists()
    absent = (
        select(subjects.c.id, func.max(subjects.c.seq).label("seq"))
        .where(and_(subjects.c.kind == kind, subjects.c.rev.is_not(None), not_(is_stored)))
        .group_by(subjects.c.id)
        .order_by(subjects.c.id)
        .execution_options(yield_per=BATCH)
    )
    for row in connection.execute(absent):
        if not behind.knows(kind, row.id, row.seq):
            findings.add("state_mismatch", row.seq, f"{kind} {row.id}: its row is gone")


def _check_texts(connection: Connection, keyring: Keyring, findings: Findings) -> list[str]:
    other, after = 0, ""
    while rows := connection.execute(_TEXTS, {"after": after}).all():
        for row in rows:
            if not keyring.holds(row.key_id):
                other += 1
                continue
            try:
                keyring.unseal(Sealed(row.commitment, row.key_id, row.wrapped, row.ciphertext))
            except KeyUnusable:
                detail = f"the words committed to as {row.commitment} were altered"
                findings.add("text_altered", -1, detail)
        after = rows[-1].commitment
    return [f"texts under an encryption key that is not here: {other}"] if other else []


def _difference(row: dict[str, Any], newest: Moved | None) -> str | None:
    """Return how a row differs from its newest entry, or None."""
    if newest is None:
        return "no entry tells of this row"
    _, revision, after = newest
    if row["revision"] != revision:
        return f"the row is at revision {row['revision']}, its newest entry at {revision}"
    try:
        is_equal = state_digest(row) == after
    except NotCanonical:  # a value that no action could have stored
        is_equal = False
    return None if is_equal else "the row is not the one that its newest entry recorded"


def _newest_entries(connection: Connection, kind: str, ids: Sequence[str]) -> dict[str, Moved]:
    rows = connection.execute(_NEWEST_BODIES, {"kind": kind, "ids": list(ids)})
    found = ((row.id, _moved(kind, row.id, row.seq, row.body)) for row in rows)
    return {name: moved for name, moved in found if moved is not None}


def _moved(kind: str, name: str, seq: int, body: bytes) -> Moved | None:
    try:
        for item in orjson.loads(body)["objects"]:
            if item["kind"] == kind and item["id"] == name:
                return seq, item["rev"], item["after"]
    except (ValueError, KeyError, TypeError):  # a body that was altered: step 4 names it
        return None
    return None


def _pages(
    connection: Connection, table: Table, key: Column[Any]
) -> Iterator[list[dict[str, Any]]]:
    page = select(table).where(key > bindparam("after")).order_by(key).limit(BATCH)
    names = [str(column.name) for column in table.columns]  # SQLAlchemy's text is not plain
    after = ""
    while found := connection.execute(page, {"after": after}).all():
        rows = [dict(zip(names, row, strict=True)) for row in found]
        yield rows
        after = rows[-1][key.name]


def _key(table: Table) -> Column[Any]:
    (key,) = table.primary_key.columns
    return key
