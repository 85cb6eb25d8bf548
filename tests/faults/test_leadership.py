"""Leadership moves in the middle of a batch: the old leader ends it late, and nothing is lost or stuck (LG-50)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from modelwarden.store import positions
from modelwarden.store.follower import Follower
from modelwarden.warden.warden import open_warden
from tests.store.deeds import define, submitted
from tests.store.test_follower import Seen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelwarden.ledger.entry import Stored
    from tests.postgres import NewDatabase

pytestmark = pytest.mark.services
END_LEADS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Slow(Seen):
    """A step that hangs in its first batch until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs, self.go_on = threading.Event(), threading.Event()

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:
        self.hangs.set()
        assert self.go_on.wait(60)
        super().__call__(batch, before)


def test_two_processes_between_which_leadership_moves_lose_nothing(
    postgres_url: NewDatabase, tmp_path: Path
) -> None:
    url, keys = postgres_url(), tmp_path / "keys"
    with open_warden(url, keys_folder=keys) as one, open_warden(url, keys_folder=keys) as other:
        slow, quick = Slow(), Seen(wanted=2)
        old, new = Follower("moved", one.store, slow), Follower("moved", other.store, quick)
        for name in ("a", "b"):
            submitted(one, define(name))
        old.start()
        assert slow.hangs.wait(30)
        new.start()
        with one.store.database.reading() as connection:
            connection.execute(END_LEADS)
        assert quick.reached.wait(60)
        slow.go_on.set()  # the old leader ends its batch, and saves after the new one began
        slow.reached.wait(30)
        old.close()
        quick.reached.clear()
        quick.wanted = submitted(other, define("c")).receipt.seq
        other.store.after_commit(new.wake)
        assert quick.reached.wait(60)
        new.close()
        found = positions.stored(other.store.database, "moved")
        assert found.next_seq == quick.wanted + 1
        assert sorted(set(quick.numbers) | set(slow.numbers)) == list(range(quick.wanted + 1))
