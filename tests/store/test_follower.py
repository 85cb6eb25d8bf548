"""A follower sees every entry, in order, at least once; a changed past stops it (LG-50)."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, text, update

from modelwarden.store.database import Lead
from modelwarden.store.follower import ChainMismatch, Follower, Position
from modelwarden.store.schema.ledger import follower_positions
from modelwarden.warden.warden import open_warden
from tests.store.deeds import ME, define, held, submitted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.ledger.entry import Stored
    from modelwarden.warden.warden import Warden


@dataclass
class Seen:
    """A step that notes what it saw; it fails as often as it is told to."""

    fails: int = 0
    numbers: list[int] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)
    wanted: int = 0
    begun: list[int] = field(default_factory=list)

    def begin(self, at: Position, /) -> None:
        """Nothing is gathered."""
        self.begun.append(at.next_seq)

    def __call__(self, batch: Sequence[Stored], _before: bytes, /) -> None:
        if self.fails:
            self.fails -= 1
            raise ValueError("not now")
        self.numbers += [entry.seq for entry in batch]
        if self.numbers[-1] >= self.wanted:
            self.reached.set()

    def idle(self) -> None:
        """Do nothing."""


def _follow(warden: Warden, seen: Seen, *, name: str = "seen") -> Follower:
    follower = Follower(name, warden.store, seen)
    warden.store.after_commit(follower.wake)
    follower.start()
    return follower


def test_every_entry_is_seen_once_and_in_order(warden: Warden) -> None:
    seen = Seen(wanted=50)
    follower = _follow(warden, seen)
    for n in range(50):
        submitted(warden, define(f"role{n}"))
    assert seen.reached.wait(30)
    follower.close()
    assert seen.numbers == list(range(51))
    assert follower.lag() == 0


def test_a_follower_goes_on_where_it_was_closed(warden: Warden) -> None:
    first = Seen()
    follower = _follow(warden, first)
    assert first.reached.wait(30)
    follower.close()
    submitted(warden, define("later"))
    second = Seen(wanted=1)
    follower = _follow(warden, second)
    assert second.reached.wait(30)
    follower.close()
    assert (first.numbers, second.numbers) == ([0], [1])


def test_what_a_crash_did_not_save_is_seen_again(warden: Warden) -> None:
    first = Seen()
    crashed = Follower("seen", warden.store, first)
    crashed.follow_once()  # acts, saves its position, and dies after the next entry
    submitted(warden, define("more"))
    crashed.follow_once()
    again = Seen()
    Follower("seen", warden.store, again).follow_once()
    assert first.numbers == [0, 1]
    assert again.numbers[-1] == 1


def test_a_step_that_fails_gets_the_same_entries_again(warden: Warden) -> None:
    submitted(warden, define("one"))
    seen = Seen(fails=2)
    follower = Follower("seen", warden.store, seen)
    for _ in range(2):
        with pytest.raises(ValueError, match="not now"):
            follower.follow_once()
    assert follower.lag() == 2
    follower.follow_once()
    assert seen.numbers == [0, 1]


def test_a_long_ledger_is_read_in_parts(warden: Warden) -> None:
    with held(warden):
        futures = [warden.submit(ME, define(f"role{n}")) for n in range(1_500)]
    futures[-1].result(60)
    seen = Seen()
    follower = Follower("seen", warden.store, seen)
    parts = 1
    while follower.follow_once():
        parts += 1
    assert (seen.numbers, parts) == (list(range(1_502)), 2)


def test_a_changed_past_stops_the_follower_for_good(warden: Warden) -> None:
    seen = Seen()
    follower = _follow(warden, seen)
    assert seen.reached.wait(30)
    follower.close()
    with warden.store.database.writing() as connection:
        connection.execute(
            update(follower_positions)
            .where(follower_positions.c.name == "seen")
            .values(entry_hash=bytes(32))
        )
    after = Seen()
    stopped = Follower("seen", warden.store, after)
    with pytest.raises(ChainMismatch):
        stopped.follow_once()
    stopped.start()
    stopped._thread.join(30)
    assert isinstance(stopped.stopped, ChainMismatch)
    assert after.numbers == []


def test_of_two_wardens_one_leads_until_it_closes(warden: Warden, store_url: str) -> None:
    with open_warden(store_url, keys_folder=warden.settings.keys_folder) as second:
        one, other = Seen(wanted=3), Seen(wanted=4)
        leading = _follow(warden, one)
        assert _until(lambda: bool(one.numbers))
        waiting = _follow(second, other)
        for n in range(3):
            submitted(second, define(f"role{n}"))
        leading.wake()
        assert one.reached.wait(30)
        assert other.numbers == []
        leading.close()
        submitted(second, define("after"))
        assert other.reached.wait(30)
        waiting.close()
    assert (one.numbers, other.numbers) == ([0, 1, 2, 3], [4])


def test_leading_ends_with_the_connection_that_holds_the_lock(warden: Warden) -> None:
    database = warden.store.database
    lead = database.lead("something")
    assert lead is not None
    assert lead.holds()
    assert database.lead("something") is None
    if database.dialect == "postgresql":
        with database.writing() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
            )
        assert not lead.holds()
    lead.close()
    again = database.lead("something")
    assert again is not None
    again.close()


def _until(happened: Callable[[], bool]) -> bool:
    return any(happened() or time.sleep(0.01) for _ in range(3_000))


def test_positions_are_kept_as_plumbing_without_entries(warden: Warden) -> None:
    seen = Seen()
    follower = _follow(warden, seen)
    assert seen.reached.wait(30)
    follower.close()
    with warden.store.database.reading() as connection:
        rows = connection.execute(
            select(follower_positions.c.next_seq).where(follower_positions.c.name == "seen")
        ).all()
    assert [row.next_seq for row in rows] == [1]


@dataclass
class Gathers:
    """A step that is done for good with ten entries at a time, and now and then fails."""

    written: list[int] = field(default_factory=list)
    held: list[Stored] = field(default_factory=list)
    fails_at: int = -1

    def begin(self, at: Position, /) -> None:
        self.held = []
        assert at.next_seq == len(self.written)

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> Position | None:
        last = self.held[-1].entry_hash if self.held else before
        assert last == before
        self.held += batch
        return self._written(least=10)

    def idle(self) -> Position | None:
        return self._written(least=1)

    def _written(self, *, least: int) -> Position | None:
        done = None
        while len(self.held) >= least:
            part, self.held = self.held[:10], self.held[10:]
            if part[0].seq <= self.fails_at <= part[-1].seq:
                self.fails_at = -1
                raise ValueError("not now")
            self.written += [entry.seq for entry in part]
            done = Position.after(part[-1])
        return done


def test_a_step_that_gathers_saves_only_what_is_done_for_good(warden: Warden) -> None:
    with held(warden):
        futures = [warden.submit(ME, define(f"role{n}")) for n in range(24)]
    futures[-1].result(60)
    step = Gathers()
    Follower("gathers", warden.store, step).follow_once()  # it idles at once: all is written
    submitted(warden, define("one more"))
    crashed = Follower("gathers", warden.store, step)
    crashed.follow_once()
    assert step.written == list(range(27))


def test_a_step_that_fails_midway_begins_behind_what_is_done(warden: Warden) -> None:
    with held(warden):
        futures = [warden.submit(ME, define(f"role{n}")) for n in range(34)]
    futures[-1].result(60)
    step = Gathers(fails_at=34)
    follower = Follower("gathers", warden.store, step)
    with pytest.raises(ValueError, match="not now"):
        follower.follow_once()
    assert (step.written, follower.lag()) == (list(range(30)), 6)
    follower.follow_once()
    assert (step.written, follower.lag()) == (list(range(36)), 0)


@dataclass
class Slow:
    """A step that has room for two entries at a time, and none while it is full."""

    numbers: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    most: int = 0
    idled: int = 0

    def begin(self, _at: Position, /) -> None:
        self.held.clear()

    def room(self) -> int:
        return 2 - len(self.held)

    def is_busy(self) -> bool:
        return bool(self.held)

    def __call__(self, batch: Sequence[Stored], _before: bytes, /) -> None:
        self.held += [entry.seq for entry in batch]
        self.most = max(self.most, len(batch))

    def idle(self) -> None:
        self.idled += 1
        self.numbers += self.held[:1]
        del self.held[:1]


def test_a_paced_step_gets_no_more_than_it_has_room_for(warden: Warden) -> None:
    for n in range(7):
        submitted(warden, define(f"role{n}"))
    slow = Slow()
    follower = Follower("slow", warden.store, slow)
    while follower.follow_once() or slow.held:
        pass
    assert slow.numbers == list(range(8))
    assert slow.most == 2


def test_a_follower_may_lead_by_a_lock_that_is_not_its_own(warden: Warden) -> None:
    asked: list[str] = []

    def lead(name: str) -> Lead:
        asked.append(name)
        return Lead(contextlib.ExitStack())

    seen = Seen()
    follower = Follower("lent", warden.store, seen, lead=lead)
    follower.start()
    assert seen.reached.wait(30)
    follower.close()
    assert set(asked) == {"lent"}
