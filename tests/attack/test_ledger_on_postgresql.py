"""The same insider on PostgreSQL: triggers dropped, rows edited, each change found by code and entry."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.audit import actions
from modelwarden.warden.warden import Warden, open_warden
from tests.audit.sample import populate, view

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import NewDatabase

pytestmark = pytest.mark.services

ATTACKS = {
    "UPDATE ledger_entries SET body = body || ' '::bytea WHERE seq = 7": {("entry_altered", 7)},
    "UPDATE ledger_entries SET entry_hash = leaf WHERE seq = 7": {
        ("chain_broken", 7),
        ("chain_broken", 8),
    },
    "UPDATE models SET owner = 'usr_x' WHERE name = 'churn'": {("state_mismatch", None)},
    "DELETE FROM versions WHERE name = 'fraud@1.0.0'": {("state_mismatch", None)},
    "UPDATE models SET owner_confirmed = NOT owner_confirmed WHERE name = 'churn'": {
        ("state_mismatch", None)
    },
    "UPDATE ledger_index SET type = 'model.updated' WHERE seq = 7": {("index_mismatch", 7)},
    "DELETE FROM ledger_subjects WHERE seq = 5": {("index_mismatch", 5)},
    "UPDATE metrics SET value = '0.99' WHERE name = 'auc'": {("evidence_mismatch", None)},
    "UPDATE ledger_head SET entry_hash = 'x'::bytea": {("head_mismatch", None)},
    "DELETE FROM ledger_entries WHERE seq = 7": {("entry_missing", 7)},
}


def edit(warden: Warden, statement: str) -> None:
    with warden.store.database.writing() as connection:
        for table in ("ledger_entries", "ledger_head"):
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize("statement", ATTACKS)
def test_each_edited_row_is_found(
    postgres_url: NewDatabase, tmp_path: Path, statement: str
) -> None:
    with open_warden(postgres_url(), keys_folder=tmp_path / "keys") as warden:
        populate(warden)
        edit(warden, statement)
        look = partial(actions.verify_database, state=True)
        found = {(p.code, p.seq) for p in view(warden, "bob", look).problems}
        for code, seq in ATTACKS[statement]:
            assert any(code == c and seq in {None, s} for c, s in found), found
        warden.store.signer.close()
