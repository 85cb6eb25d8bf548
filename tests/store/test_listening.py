"""Word of another process's commit."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from modelwarden.store.database import Database
from modelwarden.store.listening import Listening
from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PATIENCE_S = 30


def test_each_commit_that_matters_is_told_to_whoever_listens(
    store_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard = threading.Semaphore(0)
    with open_warden(store_url, keys_folder=tmp_path / "keys") as warden:
        warden.add_user("alice", roles=["developer"])
        database = Database(store_url)
        listening = Listening(database, heard.release)
        listening.start()
        try:
            assert heard.acquire(timeout=PATIENCE_S)  # it has begun
            for model in ("churn", "fraud"):
                while heard.acquire(blocking=False):
                    pass
                warden.acting_as("alice").models.register(model)
                assert heard.acquire(timeout=PATIENCE_S)
        finally:
            listening.close()
            database.close()
    assert caplog.records == []
