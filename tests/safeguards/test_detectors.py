"""What guards count becomes signals, and what the program notices by itself: on enough, once, until it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.safeguards.counters.observed import departure
from modelwarden.safeguards.fleet.instance import LOST
from tests.safeguards.judges import Judge

if TYPE_CHECKING:
    from tests.safeguards.desk import Desk


@pytest.fixture
def judge(desk: Desk) -> Judge:
    return Judge(desk)


@pytest.mark.parametrize(
    ("signal", "bad", "good"),
    [
        ("latency", {"ok": 1_000, "slow": 200}, {"ok": 1_000, "slow": 40}),
        ("schema", {"inputs": 1_000, "bad_inputs": 60}, {"inputs": 1_000, "bad_inputs": 5}),
        (
            "error_rate",
            {"ok": 800, "last_known_good": 200, "raised": 200},
            {"ok": 1_000, "raised": 40},
        ),
        ("error_rate", {"ok": 800, "blocked": 200, "raised": 200}, {"ok": 1_000}),
        ("stale_inputs", {"ok": 900, "default": 100, "stale_inputs": 100}, {"ok": 1_000}),
    ],
)
def test_what_guards_count_fires_and_clears(
    judge: Judge, signal: str, bad: dict[str, int], good: dict[str, int]
) -> None:
    judge.set(signal=signal)
    for _ in range(2):
        judge.window(workers=3, **bad)
    (fired,) = judge.fired()
    assert fired.signal == signal
    for _ in range(2):
        judge.window(workers=3, **good)
    assert len(judge.told("trigger.cleared")) == 1


def test_calls_that_a_switch_stopped_make_no_error_rate(judge: Judge) -> None:
    judge.set()
    for _ in range(3):
        judge.window(ok=1_000, raised=80, blocked=9_000, stopped=9_000)
    assert judge.fired() == []
    for _ in range(2):
        judge.window(ok=1_000, raised=120, blocked=9_000, stopped=9_000)
    assert judge.fired()[0].n == 1_000


def test_one_worker_that_lies_counts_as_four_of_the_others(judge: Judge) -> None:
    judge.set(signal="latency")
    for _ in range(3):
        for number in range(8):
            judge.beat(number, ok=1_000, slow=0)
        judge.beat(9, ok=10**9, slow=10**9)
        judge.pass_on()
    assert [each.value for each in judge.fired()] == ["0.333333"]


def test_a_worker_that_is_stuck_shows_until_it_is_not(judge: Judge) -> None:
    judge.set(signal="stuck_output", n_min=1)
    for _ in range(3):
        judge.beat(0, ok=300)
        judge.report(0, counts=judge.totals[0] | {"stuck_outputs": 1})
        judge.pass_on()
    assert [each.signal for each in judge.fired()] == ["stuck_output"]
    for _ in range(3):
        judge.window(ok=300)
    assert len(judge.told("trigger.cleared")) == 1


@pytest.mark.parametrize(
    ("approved", "observed", "apart"),
    [
        ("0.8", "0.6", 0.25),
        ("0.8", "0.9", 0.125),
        ("0", "0.3", 0.3),
        ("-2", "-1", 0.5),
        ("0.8", "0.8", 0.0),
    ],
)
def test_a_figure_departs_either_way(approved: str, observed: str, apart: float) -> None:
    from decimal import Decimal  # noqa: PLC0415

    assert float(departure(Decimal(approved), Decimal(observed))) == pytest.approx(apart)


def told(judge: Judge, kind: str) -> list[dict[str, Any]]:
    return judge.told(kind)


def listen(judge: Judge) -> None:
    """Let the program listen for so long that it knows who is silent."""
    judge.judging.idle()
    judge.desk.clock.time += LOST


def later(judge: Judge, **by: float) -> None:
    judge.desk.clock.time += timedelta(**by)
    judge.judging.idle()


def test_a_guard_that_falls_silent_is_told_once_and_one_that_says_goodbye_is_not(
    judge: Judge,
) -> None:
    listen(judge)
    for number in range(3):
        judge.report(number)
    judge.report(4, state="gone")
    later(judge, seconds=119)
    assert told(judge, "guards.fell_silent") == []
    for number in range(2):
        judge.report(number)
    for _ in range(3):
        later(judge, seconds=2)
    (fact,) = told(judge, "guards.fell_silent")
    assert (fact["live"], fact["lost"], fact["cut_off"], len(fact["instances"])) == (2, 1, 0, 1)
    assert fact["severity"] == "SEV2"  # SEV3, and it may concern all traffic
    (classified,) = told(judge, "severity.classified")
    assert (classified["signal"], classified["base"], classified["rules"]) == (
        "silent_guards",
        "SEV3",
        2,
    )
    later(judge, minutes=50)
    assert len(told(judge, "guards.fell_silent")) == 2, "the rest of the fleet is told, too"
    assert told(judge, "guards.fell_silent")[1]["live"] == 0


def test_a_fleet_that_comes_back_can_fall_silent_again(judge: Judge) -> None:
    listen(judge)
    for _ in range(2):
        judge.report(1)
        later(judge, minutes=3)
        judge.report(1)
        later(judge, seconds=5)
    found = told(judge, "guards.fell_silent")
    assert {(fact["live"], fact["lost"]) for fact in found} == {(0, 1)}
    assert len(found) == 4, "some of it, and all of it, each time"


def test_a_program_that_was_down_itself_cries_for_nobody(judge: Judge) -> None:
    listen(judge)
    judge.report(1)
    later(judge, seconds=1)
    judge.desk.clock.time += timedelta(minutes=30)
    judge.judging = judge.another()
    later(judge, seconds=0)
    judge.report(1)
    for _ in range(3):
        later(judge, seconds=60)
        judge.report(1)
    assert told(judge, "guards.fell_silent") == []


def test_a_guard_that_hears_no_news_is_cut_off_and_one_that_just_began_is_not(judge: Judge) -> None:
    listen(judge)
    judge.report(1, state="none")
    later(judge, seconds=1)
    assert told(judge, "guards.fell_silent") == []
    judge.report(2, state="stale")
    later(judge, seconds=1)
    (fact,) = told(judge, "guards.fell_silent")
    assert (fact["live"], fact["lost"], fact["cut_off"]) == (2, 0, 1)


def test_a_clock_that_is_behind_is_told_until_it_is_right(judge: Judge) -> None:
    for behind in (1, 1, 0, 1):
        judge.report(1, counts={"clock_is_behind": behind})
        judge.judging.idle()
    found = told(judge, "guards.clock_behind")
    assert [fact["severity"] for fact in found] == ["SEV3", "SEV3"]
    assert {fact["workers"] for fact in found} == {1}
