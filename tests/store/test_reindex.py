"""Reindexing builds index and tiles anew from the entries, on every database, and never hides damage."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, insert, text, update

from modelwarden.audit import actions
from modelwarden.errors import LedgerDamaged
from modelwarden.facts.access import AccessUsed
from modelwarden.facts.kinds import Code
from modelwarden.store.reindex import reindex
from modelwarden.store.schema.ledger import index, subjects, tags, tiles
from modelwarden.store.workers import quiet
from modelwarden.values.system import system
from tests.audit.sample import change, populate

if TYPE_CHECKING:
    from modelwarden.store.change import Change
    from modelwarden.warden.warden import Warden


def record_many(c: Change) -> None:
    for _ in range(600):
        c.record(AccessUsed(permission=Code("audit.export")), tags=["DAILY"])


def damage(warden: Warden) -> None:
    with warden.store.database.writing() as connection:
        connection.execute(delete(index).where(index.c.seq == 3))
        connection.execute(update(index).where(index.c.seq == 4).values(actor="usr_other"))
        connection.execute(delete(subjects))
        connection.execute(insert(tags).values(tag="FALSE", seq=5))
        connection.execute(delete(tiles))


def codes(warden: Warden) -> set[str]:
    """Verify without recording it: damaged tiles would stop all writes."""
    found = warden.view(system("process"), partial(actions.verify_database, strict=True))
    return {problem.code for problem in found.problems}


def test_a_damaged_index_is_built_anew_and_verifies(warden: Warden) -> None:
    populate(warden)
    change(warden, "carol", record_many)
    warden.sign()
    damage(warden)
    assert codes(warden) == {"index_mismatch", "tile_mismatch"}
    told: list[tuple[int, int]] = []
    done = reindex(warden.store.database, progress=lambda *at: told.append(at))
    assert told[-1] == (done.entries, done.entries)
    assert done.tiles == done.entries // 256
    assert codes(warden) == set()
    assert warden.audit.search(subject="model:churn").items != ()
    assert warden.audit.search(tag="FALSE").items == ()


def test_damaged_entries_are_not_made_to_look_sound(sqlite_warden: Warden) -> None:
    populate(sqlite_warden)
    with sqlite_warden.store.database.writing() as connection:
        connection.execute(text("DROP TRIGGER ledger_entries_no_update"))
        connection.execute(text("UPDATE ledger_entries SET leaf = zeroblob(32) WHERE seq = 2"))
    damage(sqlite_warden)
    with pytest.raises(LedgerDamaged):
        reindex(sqlite_warden.store.database, progress=quiet)
    found = codes(sqlite_warden)
    assert {"entry_altered", "index_mismatch"} <= found  # nothing was changed


def test_a_missing_entry_stops_it(sqlite_warden: Warden) -> None:
    populate(sqlite_warden)
    with sqlite_warden.store.database.writing() as connection:
        connection.execute(text("DROP TRIGGER ledger_entries_no_delete"))
        connection.execute(text("DELETE FROM ledger_entries WHERE seq = 2"))
    with pytest.raises(LedgerDamaged):
        reindex(sqlite_warden.store.database, progress=quiet)
