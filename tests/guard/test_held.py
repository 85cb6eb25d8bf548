"""How old a snapshot is, what that means, and when rules count as changed (SG-21). The clocks are the test's."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.guard.held import Clocks, Fail, Holder
from modelwarden.guard.stop_file import compile_stops
from tests.guard.wire import taken, wire

if TYPE_CHECKING:
    from modelwarden.guard.snapshot import Snapshot

CHECKED = 1_795_173_580.0  # 2026-11-20T11:19:40Z, which `wire` says
DAY = 86_400.0


@dataclass
class Time:
    """Two clocks that a test sets."""

    monotonic: float = 1_000.0
    wall: float = CHECKED

    def passes(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds


def holder(time: Time, fail: str = "static", **options: Any) -> Holder:
    return Holder(
        model="churn",
        fail=Fail(fail),
        clocks=Clocks(lambda: time.monotonic, lambda: time.wall),
        **options,
    )


def snapshot(**fields: Any) -> Snapshot:
    return taken(wire(**fields))


@pytest.mark.parametrize(
    ("fail", "said", "limit"),
    [("static", "static", DAY), ("closed", "static", 300.0), ("static", "closed", 300.0), ("closed", "closed", 300.0),
     ("static", "whatever", 300.0)],
)  # fmt: skip
def test_a_snapshot_is_stale_after_a_day_or_five_minutes(
    fail: str, said: str, limit: float
) -> None:
    time = Time()
    held = holder(time, fail)
    held.take(snapshot(fail=said), source="stream")
    time.passes(limit)
    assert (held.judge().state, held.is_ready) == ("fresh", True)
    time.passes(0.001)
    stale = held.judge()
    assert (stale.state, held.is_ready) == ("stale", False)
    assert stale.rules.diverts == (None if limit == DAY else "stale_snapshot")
    assert stale.snapshot is not None


def test_without_a_snapshot_static_lets_through_and_closed_does_not() -> None:
    assert holder(Time()).judge().rules.diverts is None
    assert holder(Time(), "closed").judge().rules.diverts == "no_snapshot"
    assert holder(Time(), "closed").held.rules.diverts == "no_snapshot"
    assert not holder(Time()).is_ready
    assert holder(Time()).age_s() is None


def test_a_caller_may_ask_for_less_patience_and_never_for_more() -> None:
    time = Time()
    held = holder(time, "closed", max_stale_s=DAY)
    held.take(snapshot(), source="stream")
    time.passes(301)
    assert held.judge().state == "stale"
    time = Time()
    held = holder(time, max_stale_s=10)
    held.take(snapshot(), source="stream")
    time.passes(11)
    assert held.judge().state == "stale"


def test_the_age_is_the_larger_of_both_clocks_words() -> None:
    time = Time()
    held = holder(time)
    time.wall = CHECKED + 50
    held.take(snapshot(), source="stream")
    assert held.age_s() == pytest.approx(50)
    time.monotonic += 200
    assert held.age_s() == pytest.approx(200)
    time.wall = CHECKED + 1_000
    assert held.age_s() == pytest.approx(1_000)


def test_a_wall_clock_set_back_makes_nothing_younger_and_is_counted() -> None:
    time = Time()
    held = holder(time, "closed")
    held.take(snapshot(), source="stream")
    time.monotonic += 301
    time.wall = CHECKED - 29
    assert held.judge().state == "stale"
    assert held.behind == 0
    time.wall = CHECKED - 31
    assert held.judge().state == "stale"
    assert held.behind == 1


def test_a_wall_clock_set_forward_makes_it_stale_within_a_second() -> None:
    time = Time()
    held = holder(time)
    held.take(snapshot(), source="stream")
    time.wall += 2 * DAY
    assert held.held.until <= time.monotonic + 1.0
    assert held.judge().state == "stale"


def test_a_call_judges_again_before_the_snapshot_is_stale() -> None:
    time = Time()
    held = holder(time, "closed")
    held.take(snapshot(), source="stream")
    time.passes(299.5)
    assert held.judge().until == pytest.approx(time.monotonic + 0.5)


def test_a_replayed_head_makes_nothing_younger() -> None:
    time = Time()
    held = holder(time)
    one = snapshot()
    held.take(one, source="stream")
    time.monotonic += 100
    again = taken(wire(), held=one)
    assert not held.take(again, source="stream")
    assert held.age_s() == pytest.approx(100)


def test_rules_are_the_same_object_until_they_say_something_else() -> None:
    time = Time()
    held = holder(time, "closed")
    one = snapshot()
    held.take(one, source="stream")
    rules = held.held.rules
    time.passes(1)
    assert held.judge().rules is rules
    held.take(snapshot(generation=1841), source="stream")
    other = held.held.rules
    assert other is not rules
    held.stop(compile_stops(b"", model="churn"))
    stopped = held.held.rules
    assert stopped is not other
    time.passes(301)
    assert held.judge().rules is not stopped
    held.stop(None)
    assert held.held.rules.local is None


def test_a_guard_without_news_says_so_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    time = Time()
    held = holder(time)
    with caplog.at_level(logging.WARNING, "modelwarden.guard"):
        for _ in range(121):
            held.judge()
            time.passes(1)
    assert [record.getMessage() for record in caplog.records] == [
        "guard of churn: it has no snapshot, and goes on without news of switches"
    ] * 3
