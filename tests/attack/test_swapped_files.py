"""Who has the host swaps files: keys of the same name, the guard file, an older database with it (spec of threats)."""

from __future__ import annotations

import base64
import shutil
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import KeyUnusable, RollbackSuspected, SinkDiffers
from modelwarden.ledger.keys import new_seed
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.kafka import open_sink
from modelwarden.sinks.verifying import Asked, verify_copy
from modelwarden.store.follower import Follower
from modelwarden.warden.warden import open_warden
from tests.sinks.brokers import mock_cluster
from tests.store.deeds import bodies, define, submitted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden

ORIGIN = "ledger.example/swapped"


def _opened(folder: Path) -> Warden:
    return open_warden(
        f"sqlite:///{folder}/warden.db",
        ledger_origin=ORIGIN,
        keys_folder=folder / "keys",
        ledger_guard_file=folder / "guard.json",
    )


def _began(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    with _opened(folder) as warden:
        for name in names:
            submitted(warden, define(name))
    return folder


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with mock_cluster() as brokers:
        yield f"kafka://{brokers}/swapped"


def test_keys_of_another_ledger_of_that_name_open_nothing(tmp_path: Path) -> None:
    ours, theirs = _began(tmp_path / "a", "one"), _began(tmp_path / "b", "two")
    shutil.rmtree(ours / "keys")
    shutil.copytree(theirs / "keys", ours / "keys")
    with pytest.raises(KeyUnusable, match="no entry of the ledger names the log key"):
        _opened(ours)


def test_a_log_key_drawn_anew_signs_nothing(tmp_path: Path) -> None:
    folder = _began(tmp_path / "a", "one")
    seed = base64.b64encode(new_seed()).decode()
    (folder / "keys" / "log.key").write_text(f"{ORIGIN}\n{seed}\n")
    with pytest.raises(KeyUnusable):
        _opened(folder)


def test_the_database_of_another_ledger_of_that_name_takes_no_writes(tmp_path: Path) -> None:
    ours, theirs = _began(tmp_path / "a", "one"), _began(tmp_path / "b", "two", "three")
    for name in ("keys", "warden.db"):
        path = ours / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        (shutil.copytree if (theirs / name).is_dir() else shutil.copy)(theirs / name, path)
    with _opened(ours) as warden, pytest.raises(RollbackSuspected):
        submitted(warden, define("four"))


def test_an_older_database_with_its_guard_file_is_noticed_by_a_copy(
    tmp_path: Path, address: str
) -> None:
    folder = _began(tmp_path / "a", "one")
    older = shutil.copytree(folder, tmp_path / "older")
    with _opened(folder) as warden:
        submitted(warden, define("two"))
        submitted(warden, define("three"))
        Follower(
            "sink.kafka", warden.store, open_sink(parse_address(address), warden.store)
        ).follow_once()
        key = warden.store.around.keyring.log_key.vkey
        newest = warden.audit.checkpoint().note
    shutil.rmtree(folder)
    shutil.copytree(older, folder)
    with _opened(folder) as warden:
        submitted(warden, define("another past"))
        again = Follower(
            "sink.kafka", warden.store, open_sink(parse_address(address), warden.store)
        )
        with pytest.raises(SinkDiffers):
            again.follow_once()
    assert verify_copy(address, Asked(trusted=(key,), remembered=(newest.encode(),)))


def test_a_guard_file_that_is_gone_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = _began(tmp_path / "a", "one", "two")
    (folder / "guard.json").unlink()
    caplog.clear()
    with _opened(folder) as warden:
        submitted(warden, define("three"))
    assert "there is no guard file" in caplog.text
    assert (folder / "guard.json").exists()


def test_a_guard_file_of_nonsense_stops_writes_and_not_reads(tmp_path: Path) -> None:
    folder = _began(tmp_path / "a", "one")
    for nonsense in (b"", b"{}", b"[]", b"null", b"\xff", b'{"origin":1}', b"[" * 100_000):
        (folder / "guard.json").write_bytes(nonsense)
        with _opened(folder) as warden:
            assert len(bodies(warden)) == 2
            with pytest.raises(RollbackSuspected):
                submitted(warden, define("two"))
