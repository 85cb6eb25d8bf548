"""Never a smaller size, never one size with two roots; a database that was put back stops writing (LG-24, LG-26)."""

from __future__ import annotations

import json
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from modelwarden.errors import RollbackSuspected
from modelwarden.ledger.checkpoint import open_note
from modelwarden.store import guard_file
from modelwarden.store.schema.access import roles
from modelwarden.store.schema.ledger import checkpoints
from modelwarden.warden.warden import open_warden
from tests.store.deeds import ME, bodies, define, stored_roles, submitted, verified

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelwarden.warden.warden import Warden


def _sizes(warden: Warden) -> list[int]:
    with warden.store.database.reading() as connection:
        rows = connection.execute(select(checkpoints.c.size).order_by(checkpoints.c.size))
        return [row.size for row in rows]


def test_what_is_committed_is_signed_on_closing(warden: Warden) -> None:
    submitted(warden, define("one"))
    guard = warden.settings.ledger_guard_file
    warden.close()
    assert guard is not None
    signed = guard_file.read(guard)
    assert signed is not None
    assert (signed.size, signed.origin) == (2, warden.store.around.keyring.origin)


def test_a_checkpoint_verifies_under_the_log_key(warden: Warden) -> None:
    submitted(warden, define("one"))
    note = warden.store.signer.sign()
    key = warden.store.around.keyring.log_key.verifier
    assert open_note(note, [key]).size == 2
    assert verified(warden).size == 2
    assert warden.view(ME, lambda view: view.head())[0] == 2


def test_one_size_has_one_text(warden: Warden) -> None:
    submitted(warden, define("one"))
    assert warden.store.signer.sign() == warden.store.signer.sign()
    assert len(set(_sizes(warden))) == len(_sizes(warden))


def test_two_wardens_that_sign_at_once_sign_the_same(warden: Warden, store_url: str) -> None:
    with open_warden(store_url, keys_folder=warden.settings.keys_folder) as second:
        for n in range(10):
            submitted(warden, define(f"role{n}"))
            with ThreadPoolExecutor(2) as pool:
                signing = [pool.submit(each.store.signer.sign) for each in (warden, second)]
            assert len({future.result(30) for future in signing}) == 1
        assert verified(second).problems == ()


def _reopened(folder: Path) -> Warden:
    return open_warden(f"sqlite:///{folder}/warden.db")


def _filled(folder: Path, *names: str) -> None:
    with _reopened(folder) as warden:
        for name in names:
            submitted(warden, define(name))


def _put_back(folder: Path, copy: Path) -> None:
    for path in (*folder.glob("warden.db*"),):
        path.unlink()
    shutil.copy(copy, folder / "warden.db")


def test_a_database_put_back_to_an_older_copy_stops_writes_and_still_reads(
    tmp_path: Path,
) -> None:
    _filled(tmp_path, "old")
    shutil.copy(tmp_path / "warden.db", tmp_path / "copy")
    _filled(tmp_path, "new")
    _put_back(tmp_path, tmp_path / "copy")
    with _reopened(tmp_path) as warden:
        with pytest.raises(RollbackSuspected):
            warden.change(ME, define("more"))
        assert stored_roles(warden) == {"old": 1}
        assert warden.view(ME, lambda view: len(view.rows(select(roles)))) == 1
        assert len(bodies(warden)) == 2
        with pytest.raises(RollbackSuspected):
            warden.store.signer.sign()
    with _reopened(tmp_path) as warden, pytest.raises(RollbackSuspected):
        warden.change(ME, define("more"))


def test_a_database_that_grew_again_after_it_was_put_back_is_still_found_out(
    tmp_path: Path,
) -> None:
    _filled(tmp_path, "old")
    shutil.copy(tmp_path / "warden.db", tmp_path / "copy")
    _filled(tmp_path, "new")
    guard = (tmp_path / "warden.guard").read_bytes()
    _put_back(tmp_path, tmp_path / "copy")
    (tmp_path / "warden.guard").unlink()
    _filled(tmp_path, "other", "words")  # longer than what was signed, and not the same
    (tmp_path / "warden.guard").write_bytes(guard)
    with _reopened(tmp_path) as warden, pytest.raises(RollbackSuspected):
        warden.change(ME, define("more"))


def test_an_emptied_database_beside_its_old_keys_is_found_out(tmp_path: Path) -> None:
    _filled(tmp_path, "one", "two")
    for path in tmp_path.glob("warden.db*"):
        path.unlink()
    with _reopened(tmp_path) as warden, pytest.raises(RollbackSuspected):
        warden.change(ME, define("more"))


def test_a_database_behind_its_own_newest_checkpoint_is_found_out(tmp_path: Path) -> None:
    _filled(tmp_path, "one", "two")
    (tmp_path / "warden.guard").unlink()
    connection = sqlite3.connect(tmp_path / "warden.db", isolation_level=None)
    (note,) = connection.execute(
        "SELECT note FROM ledger_checkpoints ORDER BY size DESC"
    ).fetchone()
    forged = note.replace(b"\n3\n", b"\n8\n")
    connection.execute("INSERT INTO ledger_checkpoints VALUES (8, ?)", (forged,))
    connection.close()
    with _reopened(tmp_path) as warden, pytest.raises(RollbackSuspected):
        warden.change(ME, define("more"))


def _of_another_ledger(path: Path) -> None:
    path.write_text(path.read_text().replace("modelwarden.local", "elsewhere.example"))


def _torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def _with_another_root(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"root": "00" * 32}))


def _with_words_for_numbers(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"size": "many"}))


@pytest.mark.parametrize(
    "spoil", [_of_another_ledger, _torn, _with_another_root, _with_words_for_numbers]
)
def test_a_guard_file_that_does_not_fit_stops_writes(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    _filled(tmp_path, "one")
    spoil(tmp_path / "warden.guard")
    with _reopened(tmp_path) as warden:
        with pytest.raises(RollbackSuspected):
            warden.change(ME, define("more"))
        assert stored_roles(warden) == {"one": 1}
