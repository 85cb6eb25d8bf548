"""PostgreSQL that crashes and comes back: what was answered is kept, and the service recovers by itself (LG-12)."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import LedgerUnavailable
from modelwarden.warden.warden import open_warden
from tests.faults import processes
from tests.store.deeds import ME, define, stored_roles, submitted, verified

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.warden.warden import Warden
    from tests.faults.conftest import Server

pytestmark = pytest.mark.services


class Load:
    """Threads that write without pause and note what was answered, and what they were told to try again."""

    def __init__(self, warden: Warden, threads: int) -> None:
        self.warden = warden
        self.answered: dict[int, tuple[str, str]] = {}
        self.refused = 0
        self._ends = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(f"thread{n}",)) for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _write(self, name: str) -> None:
        n = 0
        while not self._ends.is_set():
            n += 1
            role = f"{name}.{n}"
            try:
                receipt = self.warden.submit(ME, define(role)).result(60).receipt
            except LedgerUnavailable:
                self.refused += 1
                time.sleep(0.05)
            else:
                self.answered[receipt.seq] = (receipt.entry_hash, role)

    def reach(self, more: int) -> None:
        """Wait until so many more were answered."""
        wanted = len(self.answered) + more
        deadline = time.monotonic() + 60
        while len(self.answered) < wanted:
            assert time.monotonic() < deadline, f"{len(self.answered)} of {wanted}"
            time.sleep(0.01)

    def end(self) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join(60)


def test_a_crash_under_load_loses_nothing_that_was_answered(server: Server, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    with open_warden(server.url, keys_folder=keys) as warden:
        load = Load(warden, 6)
        for _ in range(2):
            load.reach(100)
            server.crash()
            time.sleep(0.3)
            server.restart()
        load.reach(100)
        load.end()
        assert verified(warden).problems == ()
        assert warden.store.writer.is_alive()
        assert warden.store.signer._thread.is_alive()
        assert all(follower._thread.is_alive() for follower in warden.followers)
        warden.sign()
    assert load.refused > 0
    processes.check(server.url, keys, load.answered)


def test_reads_fail_while_it_is_away_and_come_back(server: Server, tmp_path: Path) -> None:
    with open_warden(server.url, keys_folder=tmp_path / "keys") as warden:
        warden.add_user("root", roles=["admin"])
        root = warden.acting_as("root")
        server.crash()
        with pytest.raises(LedgerUnavailable) as away:
            root.users.list()
        with pytest.raises(LedgerUnavailable):
            submitted(warden, define("lost"))
        server.restart()
        assert away.value.status == 503
        assert [user.handle for user in root.users.list().items] == ["root"]
        submitted(warden, define("kept"))
        assert "lost" not in stored_roles(warden)


def test_a_warden_closes_although_its_database_is_gone(server: Server, tmp_path: Path) -> None:
    warden = open_warden(server.url, keys_folder=tmp_path / "keys")
    answer = submitted(warden, define("kept"))
    server.crash()
    warden.close()
    server.restart()
    answered = {answer.receipt.seq: (answer.receipt.entry_hash, "kept")}
    processes.check(server.url, tmp_path / "keys", answered)
