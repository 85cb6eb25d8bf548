"""GCRA by key and calls in flight: what passes, what waits how long, and that memory stays bounded."""

from __future__ import annotations

import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import ValueInvalid
from modelwarden.guard.limits import MOST_KEYS, Limits, Rate


class Clock:
    def __init__(self) -> None:
        self.now = 123_456.789

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def passed(limits: Limits, calls: int, **context: str) -> int:
    found = 0
    for _ in range(calls):
        if limits.enter(context) is None:
            limits.leave()
            found += 1
    return found


def test_a_burst_passes_at_once_and_the_rate_afterwards(clock: Clock) -> None:
    limits = Limits([Rate("500/s", burst=100, key="consumer")], clock=clock)
    assert passed(limits, 200, consumer="shop") == 100
    clock.now += 0.1
    assert passed(limits, 200, consumer="shop") == 50
    clock.now += 60
    assert passed(limits, 200, consumer="shop") == 100


def test_keys_are_counted_apart_and_calls_without_one_together(clock: Clock) -> None:
    limits = Limits([Rate("1/m", burst=2, key="consumer")], clock=clock)
    assert passed(limits, 5, consumer="a") == 2
    assert passed(limits, 5, consumer="b") == 2
    assert (passed(limits, 1), passed(limits, 5, region="eu")) == (1, 1)


def test_all_rates_have_to_pass_and_a_refused_call_is_charged_to_none(clock: Clock) -> None:
    limits = Limits([Rate("10/s", burst=10), Rate("60/m", burst=2, key="consumer")], clock=clock)
    assert passed(limits, 50, consumer="a") == 2
    assert passed(limits, 50, consumer="b") == 2
    assert [passed(limits, 50, consumer=f"c{i}") for i in range(4)] == [2, 2, 2, 0]


def test_the_longest_wait_is_told(clock: Clock) -> None:
    limits = Limits([Rate("1/s", burst=1), Rate("1/h", burst=1)], clock=clock)
    passed(limits, 1)
    refused = limits.enter({})
    assert refused is not None
    assert refused.reason == "1/h"
    assert refused.retry_after_s == pytest.approx(3_600)


@given(
    st.integers(1, 2_000), st.sampled_from("smhd"), st.integers(1, 50), st.floats(0, 1e9),
    st.lists(st.floats(0, 3), max_size=40),
)  # fmt: skip
def test_who_waits_as_long_as_told_passes_and_who_comes_sooner_does_not(
    number: int, unit: str, burst: int, start: float, pauses: list[float]
) -> None:
    clock = Clock()
    clock.now = start
    rate = Rate(f"{number}/{unit}", burst=burst)
    limits = Limits([rate], clock=clock)
    for pause in pauses:
        clock.now += pause * rate.each_s
        refused = limits.enter({})
        if refused is not None:
            clock.now += refused.retry_after_s / 2
            assert limits.enter({}) is not None
            clock.now += refused.retry_after_s / 2 + 1e-6
            assert limits.enter({}) is None


@given(st.integers(1, 30), st.integers(1, 20), st.lists(st.floats(0, 0.5), max_size=80))
def test_in_no_stretch_of_time_more_pass_than_rate_and_burst(
    number: int, burst: int, pauses: list[float]
) -> None:
    clock = Clock()
    limits = Limits([Rate(f"{number}/s", burst=burst)], clock=clock)
    times = []
    for pause in pauses:
        clock.now += pause
        if limits.enter({}) is None:
            times.append(clock.now)
    for first in range(len(times)):
        for last in range(first, len(times)):
            within = last - first + 1
            assert within <= burst + number * (times[last] - times[first]) + 0.01 * number


def test_a_million_keys_take_no_more_memory_than_a_hundred_thousand(clock: Clock) -> None:
    limits = Limits([Rate("1/s", key="consumer")], clock=clock)
    for number in range(1_000_000):
        if number == 900_000:
            tracemalloc.start()
        limits.enter({"consumer": f"consumer-{number:07}"})
        if not number % 20_000:
            assert limits.keys <= MOST_KEYS
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert limits.keys <= MOST_KEYS
    assert peak < 30e6


def test_several_rates_share_the_keys_that_may_be_remembered(clock: Clock) -> None:
    limits = Limits([Rate("1/s", key="consumer"), Rate("1/s", key="region")], clock=clock)
    for number in range(120_000):
        limits.enter({"consumer": str(number), "region": str(number)})
    assert limits.keys <= MOST_KEYS


def test_a_flood_of_new_keys_does_not_refill_who_keeps_calling(clock: Clock) -> None:
    limits = Limits([Rate("1/h", burst=1, key="consumer")], clock=clock)
    assert passed(limits, 1, consumer="held") == 1
    for number in range(40_000):
        limits.enter({"consumer": str(number)})
    assert passed(limits, 3, consumer="held") == 0


def test_so_many_are_in_flight_and_no_more(clock: Clock) -> None:
    limits = Limits(max_in_flight=2, clock=clock)
    assert [limits.enter({}), limits.enter({})] == [None, None]
    refused = limits.enter({})
    assert refused is not None
    assert (refused.reason, refused.retry_after_s) == ("max_in_flight", 1.0)
    limits.leave()
    assert limits.enter({}) is None


def test_who_finds_no_place_is_charged_nothing(clock: Clock) -> None:
    limits = Limits([Rate("1/h", burst=2)], max_in_flight=1, clock=clock)
    assert limits.enter({}) is None
    assert limits.enter({}) is not None
    limits.leave()
    assert limits.enter({}) is None


@pytest.mark.parametrize("guards", [1, 3, 10, 50])
def test_guards_that_share_a_rate_let_through_no_more_together(guards: int, clock: Clock) -> None:
    rate = Rate("500/s", burst=100).shared_by(guards)
    limits = [Limits([rate], clock=clock) for _ in range(guards)]
    together = 0
    for _ in range(101):
        together += sum(passed(one, 120) for one in limits)
        clock.now += 0.1
    assert 0.9 * 5_100 <= together <= 5_100 + guards


@pytest.mark.parametrize(
    "wrong",
    ["", "5", "0/s", "-1/s", "5/w", "5 /s", "1.5/s", "\u0665/s", "5/s\n", "1e3/s", "9999999999/s"],
)
def test_a_rate_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ValueInvalid):
        Rate(wrong)


@pytest.mark.parametrize("burst", [0, -1, True, 1.5])
def test_a_burst_that_is_none_is_refused(burst: int) -> None:
    with pytest.raises(ValueInvalid):
        Rate("1/s", burst=burst)


def test_threads_pass_no_more_than_the_burst_and_leave_nothing_in_flight(clock: Clock) -> None:
    limits = Limits([Rate("1/h", burst=1_000)], max_in_flight=4, clock=clock)
    start = threading.Barrier(8, timeout=30)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)

    def host() -> tuple[int, int]:
        start.wait()
        found, most = 0, 0
        for _ in range(2_000):
            if limits.enter({}) is None:
                most = max(most, limits.in_flight)
                found += 1
                limits.leave()
        return found, most

    with ThreadPoolExecutor(8) as pool:
        results = [done.result() for done in [pool.submit(host) for _ in range(8)]]
    sys.setswitchinterval(before)
    assert sum(found for found, _ in results) == 1_000
    assert max(most for _, most in results) <= 4
    assert limits.in_flight == 0
