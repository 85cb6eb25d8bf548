"""Edited positions and wrong clocks: neither hides a required sink that is behind, nor holds writes back (LG-51)."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import LedgerUnavailable, SinkBehind
from modelwarden.sinks.opening import follower_name
from modelwarden.sinks.pressure import Pressure
from modelwarden.store.follower import Follower
from tests.store.deeds import define, submitted
from tests.store.test_follower import Seen

if TYPE_CHECKING:
    from modelwarden.warden.warden import Warden

NAME = follower_name("archive")
ROW = "SELECT next_seq FROM follower_positions WHERE name = 'sink.archive'"


class Off:
    """A host's clock, which is wrong by some time, beside a steady one that passes as told."""

    def __init__(self, **by: float) -> None:
        self.by = timedelta(**by)
        self.passed = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by

    def elapsed(self) -> float:
        return self.passed


def _pressure(warden: Warden, clock: Off, *followers: Follower) -> Pressure:
    return Pressure(["archive"], warden.store, clock, followers=followers, elapsed=clock.elapsed)


def _sql(warden: Warden, statement: str) -> None:
    with warden.store.database.writing() as connection:
        connection.exec_driver_sql(statement)


def _row(warden: Warden) -> int:
    with warden.store.database.reading() as connection:
        found: int = connection.exec_driver_sql(ROW).scalar_one()
    return found


def _followed(warden: Warden, step: Seen | None = None) -> Follower:
    follower = Follower(NAME, warden.store, step or Seen())
    follower.follow_once()
    return follower


def _is_held(warden: Warden, pressure: Pressure) -> bool:
    pressure.look()
    return isinstance(warden.store.writer.held, SinkBehind)


def test_a_clock_an_hour_back_hides_no_lag(warden: Warden) -> None:
    clock = Off(hours=-1)
    pressure = _pressure(warden, clock)
    assert not _is_held(warden, pressure)
    clock.passed = 61
    assert _is_held(warden, pressure)


def test_a_clock_an_hour_ahead_holds_nothing_back_that_a_sink_keeps_up_with(warden: Warden) -> None:
    follower = _followed(warden)
    clock = Off(hours=1)
    pressure = _pressure(warden, clock)
    for n in range(5):  # at each look some entry waits, as entries of other hosts do
        assert not _is_held(warden, pressure)
        submitted(warden, define(f"role{n}"))
        assert not _is_held(warden, pressure)
        clock.passed += 20
        follower.follow_once()
        follower._save(force=True)


def test_a_clock_that_jumps_ahead_holds_back_no_longer_than_the_sink_needs(warden: Warden) -> None:
    clock = Off(hours=1)
    pressure = _pressure(warden, clock)
    assert _is_held(warden, pressure)  # what waits at the first look may be as old as it says
    _followed(warden)
    assert not _is_held(warden, pressure)


@pytest.mark.parametrize("next_seq", [2, 3, 1_000_000, 2**62])
def test_a_position_set_ahead_by_hand_counts_for_nothing(warden: Warden, next_seq: int) -> None:
    _followed(warden)
    submitted(warden, define("one"))
    submitted(warden, define("two"))
    clock = Off(seconds=0)
    pressure = _pressure(warden, clock)
    _sql(warden, f"UPDATE follower_positions SET next_seq = {next_seq} WHERE name = '{NAME}'")  # noqa: S608
    pressure.look()
    clock.passed = 61
    assert _is_held(warden, pressure)


def test_a_position_forged_with_the_right_hash_does_not_deceive_who_leads(warden: Warden) -> None:
    follower = _followed(warden)
    submitted(warden, define("one"))
    clock = Off(seconds=0)
    pressure = _pressure(warden, clock, follower)
    pressure.look()
    _sql(
        warden,
        "UPDATE follower_positions SET next_seq = 2, entry_hash ="
        " (SELECT entry_hash FROM ledger_entries WHERE seq = 1)",
    )
    clock.passed = 61
    assert _is_held(warden, pressure)


def test_a_body_edited_where_the_sink_stands_does_not_end_the_watch(warden: Warden) -> None:
    if warden.store.database.dialect == "sqlite":
        _sql(warden, "DROP TRIGGER ledger_entries_no_update")
    else:
        _sql(warden, "ALTER TABLE ledger_entries DISABLE TRIGGER ALL")
    _sql(warden, "UPDATE ledger_entries SET body = leaf WHERE seq = 0")
    clock = Off(seconds=0)
    pressure = _pressure(warden, clock)
    assert not _is_held(warden, pressure)
    clock.passed = 61
    assert _is_held(warden, pressure)


def test_a_position_that_a_dead_leader_saved_late_is_gone_over(warden: Warden) -> None:
    leader = _followed(warden)
    submitted(warden, define("one"))
    dead = _followed(warden)  # it read on and saves after another one took over
    submitted(warden, define("two"))
    leader.follow_once()
    leader._save(force=True)
    dead._save(force=True)
    submitted(warden, define("three"))
    leader.follow_once()
    leader._save(force=True)
    assert (_row(warden), leader.lag()) == (4, 0)


def test_two_that_save_their_first_position_at_once_both_go_on(warden: Warden) -> None:
    one, other = Follower(NAME, warden.store, Seen()), Follower(NAME, warden.store, Seen())
    one._begin()
    other._begin()
    one.follow_once()
    other.follow_once()
    submitted(warden, define("one"))
    for each in (one, other):
        each.follow_once()
        each._save(force=True)
    assert _row(warden) == 2


class Raises(Seen):
    """A step that fails in one of its methods, as often as it is told to."""

    def __init__(self, where: str, error: Exception, *, wanted: int) -> None:
        super().__init__(wanted=wanted)
        self.where, self.error, self.left = where, error, 2

    def _perhaps(self, where: str) -> None:
        if where == self.where and self.left:
            self.left -= 1
            raise self.error

    def begin(self, at: object, /) -> None:
        self._perhaps("begin")
        super().begin(at)  # type: ignore[arg-type]

    def __call__(self, batch: object, before: bytes, /) -> None:
        self._perhaps("call")
        super().__call__(batch, before)  # type: ignore[arg-type]

    def idle(self) -> None:
        self._perhaps("idle")


@pytest.mark.parametrize("where", ["begin", "call", "idle"])
@pytest.mark.parametrize(
    "error", [RecursionError("deep"), MemoryError(), StopIteration(), KeyError("x")]
)
def test_wherever_a_step_raises_every_entry_comes_in_the_end(
    sqlite_warden: Warden, where: str, error: Exception
) -> None:
    submitted(sqlite_warden, define("one"))
    step = Raises(where, error, wanted=1)
    follower = Follower(NAME, sqlite_warden.store, step)
    for _ in range(4):
        follower._idled_at = 0.0
        with contextlib.suppress(type(error)):
            follower.follow_once()
    assert sorted(set(step.numbers)) == [0, 1]
    assert follower.lag() == 0


def test_a_follower_that_could_not_try_to_lead_tries_again(
    sqlite_warden: Warden, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, tried = sqlite_warden.store.database, []
    lead = database.lead

    def fails_once(name: str) -> object:
        tried.append(name)
        if len(tried) == 1:
            raise LedgerUnavailable("no connection was free")
        return lead(name)

    monkeypatch.setattr(database, "lead", fails_once)
    seen = Seen()
    follower = Follower(NAME, sqlite_warden.store, seen)
    follower.start()
    assert seen.reached.wait(30)
    follower.close()
