"""Texts of a database from before they knew their author get one, as far as rows tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from sqlalchemy import insert, select, text

from modelwarden.store import migrate
from modelwarden.store.database import Database
from modelwarden.store.schema.ledger import texts

if TYPE_CHECKING:
    from sqlalchemy import Connection

THEN = "2026-01-01T00:00:00.000000Z"
LATER = "2026-02-01T00:00:00.000000Z"
ACTOR = (
    "INSERT INTO actors (id, kind, person, status, handle, handle_index, created_at, revision)"
    " VALUES (:id, :kind, :person, 'active', :handle, :id, :at, 1)"
)
BINDING = (
    "INSERT INTO bindings (id, actor, role, scope, granted_by, granted_person, reason, created_at, revision)"
    " VALUES ('bnd_1', 'usr_a', 'analyst', '[]', 'usr_r', 'per_r', 'why', :at, 1)"
)


def at_first(connection: Connection) -> None:
    """Make the tables of the first release, with some rows."""
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "0001_foundation")
    row = {"key_id": "k", "wrapped": b"w", "ciphertext": b"c"}
    old = [texts.c.commitment, texts.c.key_id, texts.c.wrapped, texts.c.ciphertext]
    for name in ("alice", "robot", "why", "orphan"):
        values = {"commitment": name, **row}
        connection.execute(insert(texts).values({column: values[column.name] for column in old}))
    people = (("usr_a", "user", "per_a", "alice"), ("svc_r", "service", "per_a", "robot"))
    for actor, kind, person, handle in people:
        values = {"id": actor, "kind": kind, "person": person, "handle": handle, "at": THEN}
        connection.execute(text(ACTOR), values)
    connection.execute(text(BINDING), {"at": THEN})
    head = "INSERT INTO ledger_head (id, origin, epoch, size, entry_hash, frontier, at)"
    connection.execute(
        text(f"{head} VALUES (1, 'o', 1, 0, :none, :none, :at)"), {"none": b"", "at": LATER}
    )


def test_rows_tell_whose_words_texts_are(bare_url: str) -> None:
    database = Database(bare_url)
    with database.writing() as connection:
        at_first(connection)
    migrate.migrate(database)
    with database.reading() as connection:
        found = {
            row.commitment: (row.author, row.about, row.kept_at)
            for row in connection.execute(select(texts))
        }
    database.close()
    assert found == {
        "alice": (None, "per_a", THEN),
        "robot": (None, None, LATER),
        "why": ("per_r", None, THEN),
        "orphan": (None, None, LATER),
    }
