"""The database itself refuses what no door offers: changing or removing an entry (LG-11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from modelwarden.errors import LedgerUnavailable
from tests.store.deeds import bodies, define, submitted, verified

if TYPE_CHECKING:
    from modelwarden.warden.warden import Warden


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger_entries SET leaf = leaf",
        "UPDATE ledger_entries SET seq = seq + 10",
        "DELETE FROM ledger_entries WHERE seq = 1",
        "UPDATE ledger_head SET size = size - 1",
        "DELETE FROM ledger_head",
    ],
)
def test_the_database_refuses_to_rewrite_the_ledger(warden: Warden, sql: str) -> None:
    submitted(warden, define("kept"))
    before = bodies(warden)
    with pytest.raises(DBAPIError), warden.store.database.writing() as connection:
        connection.execute(text(sql))
    assert bodies(warden) == before
    assert verified(warden).problems == ()


def test_postgresql_refuses_to_empty_the_ledger(warden: Warden) -> None:
    if warden.store.database.dialect != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(DBAPIError), warden.store.database.writing() as connection:
        connection.execute(text("TRUNCATE ledger_entries"))
    assert len(bodies(warden)) == 1


def test_a_reader_cannot_write(warden: Warden) -> None:
    refused = (DBAPIError, LedgerUnavailable)
    with pytest.raises(refused), warden.store.database.reading() as connection:
        connection.execute(text("UPDATE roles SET revision = 7"))
