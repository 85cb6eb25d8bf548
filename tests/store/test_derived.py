"""Tiles of higher levels, and ranges that begin in the middle of one: on a ledger long enough to have them."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import pytest

from modelwarden.config import Settings
from modelwarden.store import entries
from modelwarden.store.entries import Draft
from modelwarden.store.opening import Store, open_store
from modelwarden.store.verification import verify_ledger
from modelwarden.values.canonical import encode
from modelwarden.values.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.ledger.result import Result

SIZE = 66_200
AT = "2026-11-20T11:19:40.000000Z"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Path]]:
    """Fill a ledger without an index, as fast as the writer's own code does it."""
    path = tmp_path_factory.mktemp("long") / "warden.db"
    opened = open_store(Settings(url=f"sqlite:///{path}").located(), SystemClock())
    drafts = [
        Draft(encode({"n": n}), AT, "access.used", 0, "done", "usr", (), ()) for n in range(SIZE)
    ]
    for begin in range(0, SIZE, 5_000):
        with opened.database.writing() as connection:
            before = entries.read_head(connection, lock=True)
            entries.append(connection, drafts[begin : begin + 5_000], before=before, indexed=False)
    opened.signer.sign()
    yield opened, path
    opened.close()


def verified(store: Store, first: int = 0, last: int | None = None) -> Result:
    keys = store.around.keyring
    with store.database.reading() as connection:
        return verify_ledger(
            connection, origin=keys.origin, keys=[keys.log_key.verifier], first=first, last=last
        )


@pytest.mark.parametrize(
    ("first", "last"),
    [(0, None), (0, 65_535), (1, 65_536), (255, 256), (256, 511), (65_535, 65_535), (65_536, None)],
)
def test_a_range_verifies_wherever_it_begins(
    store: tuple[Store, Path], first: int, last: int | None
) -> None:
    found = verified(store[0], first, last)
    assert found.problems == ()
    assert found.size == (SIZE + 1 if last is None else last + 1)
    assert found.root is not None


@pytest.mark.parametrize(
    ("level", "n", "seq"), [(0, 0, 0), (0, 100, 25_600), (0, 257, 65_792), (1, 0, 0)]
)
@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE ledger_tiles SET hashes = ?",
        "UPDATE ledger_tiles SET root = ?",
        "DELETE FROM ledger_tiles",
    ],
)
def test_each_tile_is_compared_on_every_level(
    store: tuple[Store, Path], level: int, n: int, seq: int, edit: str
) -> None:
    path = store[1]
    with contextlib.closing(sqlite3.connect(path)) as database:
        key = (level, n)
        tile, root = database.execute(
            "SELECT hashes, root FROM ledger_tiles WHERE level = ? AND n = ?", key
        ).fetchone()
        other = (bytes(32) + tile[32:],) if "?" in edit else ()
        database.execute(f"{edit} WHERE level = ? AND n = ?", (*other, *key))
        database.commit()
        try:
            found = verified(store[0])
        finally:
            row = (*key, tile, root)
            database.execute("INSERT OR REPLACE INTO ledger_tiles VALUES (?, ?, ?, ?)", row)
            database.commit()
    assert [(p.code, p.seq) for p in found.problems] == [("tile_mismatch", seq)]


def test_a_part_stands_on_tiles_that_lead_to_the_checkpoint(store: tuple[Store, Path]) -> None:
    path = store[1]
    with contextlib.closing(sqlite3.connect(path)) as database:
        (tile,) = database.execute(
            "SELECT hashes FROM ledger_tiles WHERE level = 1 AND n = 0"
        ).fetchone()
        edit = "UPDATE ledger_tiles SET hashes = ? WHERE level = 1 AND n = 0"
        database.execute(edit, (bytes(32) + tile[32:],))
        database.commit()
        try:
            found = verified(store[0], 30_000, 30_100)
        finally:
            database.execute(edit, (tile,))
            database.commit()
    assert ("proof_invalid", 30_100) in [(p.code, p.seq) for p in found.problems]
