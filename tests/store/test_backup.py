"""Backups are consistent, sealed, and give back the database that was backed up, on both databases."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.audit import actions
from modelwarden.errors import BackupInvalid, NotPermitted, ValueInvalid
from modelwarden.ledger.keys import LogKey, SigningKey
from modelwarden.store.backup import open_backup
from modelwarden.store.database import Database, insert_many
from modelwarden.store.keyring import Keyring
from modelwarden.store.sealing import CHUNK, seal_stream, unseal_stream
from modelwarden.store.tables import all_tables
from tests.audit.sample import change, populate, sign, view

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.store.backup import Backup
    from modelwarden.store.change import View
    from modelwarden.warden.warden import Warden


def backed_up(warden: Warden, output: Path) -> Backup:
    change(warden, "carol", actions.record_backup)
    sign(warden)
    return view(warden, "carol", partial(actions.prepare_backup, output=output))


def rows_of(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.reading() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(table.select())), key=repr)
            for table in all_tables()
        }


def rows_in(path: Path, warden: Warden, folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Open a backup and return the rows of its database."""
    open_backup(path, warden.store.around.keyring, folder / "copy.db")
    database = Database(f"sqlite:///{folder}/copy.db")
    try:
        return rows_of(database)
    finally:
        database.close()


def test_a_backup_holds_every_row_of_every_table(warden: Warden, tmp_path: Path) -> None:
    populate(warden)
    change(warden, "carol", actions.record_backup)
    sign(warden)
    before = rows_of(warden.store.database)
    made = view(warden, "carol", partial(actions.prepare_backup, output=tmp_path / "one.backup"))
    assert rows_in(made.path, warden, tmp_path) == before
    assert len(before["ledger_entries"]) == made.size


def test_its_manifest_names_the_ledger_and_its_checkpoint(warden: Warden, tmp_path: Path) -> None:
    populate(warden)
    made = backed_up(warden, tmp_path / "one.backup")
    keys = warden.store.around.keyring
    manifest = open_backup(made.path, keys, tmp_path / "copy.db")
    assert (manifest.origin, manifest.size, manifest.root) == (keys.origin, made.size, made.root)
    assert manifest.checkpoint.split("\n")[:2] == [keys.origin, str(made.size)]


def test_the_ledger_tells_of_the_backup(warden: Warden, tmp_path: Path) -> None:
    populate(warden)
    made = backed_up(warden, tmp_path / "one.backup")
    entry = view(warden, "bob", partial(actions.entry, seq=made.size - 1))
    assert entry.entry["type"] == "backup.made"
    assert entry.entry["fact"]["size"] == made.size - 1


def test_neither_words_nor_keys_stand_in_a_backup(sqlite_warden: Warden, tmp_path: Path) -> None:
    populate(sqlite_warden)
    data = backed_up(sqlite_warden, tmp_path / "one.backup").path.read_bytes()
    keys = sqlite_warden.store.around.keyring
    assert not any(word in data for word in (b"SQLite", b"churn", keys.pepper, keys.encryption_key))
    manifest = open_backup(tmp_path / "one.backup", keys, tmp_path / "copy.db")
    plain = (tmp_path / "copy.db").read_bytes()
    assert manifest.bytes == len(plain)
    assert not any(key in plain for key in (keys.pepper, keys.encryption_key))


def test_a_backup_replaces_nothing_and_needs_the_permission(
    sqlite_warden: Warden, tmp_path: Path
) -> None:
    populate(sqlite_warden)
    with pytest.raises(ValueInvalid):
        view(sqlite_warden, "carol", partial(actions.prepare_backup, output=tmp_path))
    with pytest.raises(NotPermitted):
        view(sqlite_warden, "bob", partial(actions.prepare_backup, output=tmp_path / "x"))
    assert not (tmp_path / "x").exists()


def test_writers_go_on_while_a_backup_is_read(warden: Warden, tmp_path: Path) -> None:
    populate(warden)

    def read(v: View) -> Backup:
        v.head()  # from here on the view sees one state
        warden.add_user("late")
        sign(warden)
        return actions.prepare_backup(v, tmp_path / "one.backup")

    made = view(warden, "carol", read)
    assert len(rows_in(made.path, warden, tmp_path)["ledger_entries"]) == made.size
    assert made.size < view(warden, "bob", lambda v: v.head()[0])


# --- sealing ---------------------------------------------------------------------------------------


def keyring(origin: str = "ledger.example/test", secret: int = 0) -> Keyring:
    seed = bytes([secret]) * 32
    return Keyring(LogKey(origin, seed), SigningKey.generate(), seed, seed)


def sealed(data: bytes, keys: Keyring) -> bytes:
    file = io.BytesIO()
    seal_stream([data], file, keys)
    return file.getvalue()


def unsealed(data: bytes, keys: Keyring) -> bytes:
    return b"".join(unseal_stream(io.BytesIO(data), keys))


@given(st.lists(st.binary(max_size=CHUNK), max_size=4))
def test_what_is_sealed_opens_again(parts: list[bytes]) -> None:
    keys, file = keyring(), io.BytesIO()
    seal_stream(parts, file, keys)
    assert unsealed(file.getvalue(), keys) == b"".join(parts)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5])
def test_every_length_opens_and_every_shorter_file_does_not(size: int) -> None:
    keys, data = keyring(), bytes(size)
    whole = sealed(data, keys)
    assert unsealed(whole, keys) == data
    header = whole.index(b"\n", 30) + 1
    cuts = {len(whole) - 1, header, *range(header, len(whole), CHUNK + 16)} - {len(whole)}
    for cut in cuts:
        with pytest.raises(BackupInvalid):
            unsealed(whole[:cut], keys)
    with pytest.raises(BackupInvalid):
        unsealed(whole + b"x", keys)


def test_chunks_cannot_change_places() -> None:
    keys = keyring()
    whole = sealed(bytes(range(256)) * 1_024, keys)
    header = whole.index(b"\n", 30) + 1
    step = CHUNK + 16
    first, second = whole[header : header + step], whole[header + step : header + 2 * step]
    for body in (second + first + whole[header + 2 * step :], first + first):
        with pytest.raises(BackupInvalid):
            unsealed(whole[:header] + body, keys)


def test_each_flipped_bit_is_noticed() -> None:
    keys = keyring()
    whole = sealed(b"the words", keys)
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= 1
        with pytest.raises(BackupInvalid):
            unsealed(bytes(data), keys)


def test_another_key_or_ledger_does_not_open_it() -> None:
    whole = sealed(b"the words", keyring())
    for keys in (keyring(secret=1), keyring("ledger.example/other")):
        with pytest.raises(BackupInvalid, match=r"point keys\.folder"):
            unsealed(whole, keys)
    stranger = replace(keyring(), pepper=b"other")
    assert unsealed(whole, stranger) == b"the words"


def test_what_is_no_backup_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "it").write_text("hello")
    for name in ("it", "missing"):
        with pytest.raises(BackupInvalid):
            open_backup(tmp_path / name, keyring(), tmp_path / f"{name}.db")


PLAIN: dict[str, object] = {
    "BigInteger": 7,
    "Boolean": True,
    "Integer": 7,
    "LargeBinary": b"x",
    "Text": "x",
}


def test_a_row_of_every_table_can_be_written_whatever_its_columns_are_called(
    warden: Warden,
) -> None:
    for table in all_tables():
        row = tuple(PLAIN[type(column.type).__name__] for column in table.columns)
        connection = warden.store.database._write_engine.connect()
        with connection, connection.begin() as transaction:
            if table.name not in {"ledger_entries", "ledger_head"}:  # these have rows already
                insert_many(connection, table, [row])
            transaction.rollback()
