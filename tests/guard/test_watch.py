"""Windows: too few calls say nothing, old ones are forgotten, and stuck outputs are seen."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.guard.watch import ClipWatch, StuckWatch
from modelwarden.guard.window import Share, Window


class Clock:
    def __init__(self) -> None:
        self.now = 5_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("calls", "clipped", "alarm", "failure"),
    [
        (199, 199, False, False),
        (200, 2, False, False),
        (200, 3, True, False),
        (200, 10, True, False),
        (200, 11, True, True),
    ],
)
def test_more_than_a_hundredth_alarms_and_more_than_a_twentieth_fails(
    calls: int, clipped: int, alarm: bool, failure: bool
) -> None:
    watch = ClipWatch(clock=Clock())
    for _ in range(calls - clipped):
        watch.clean()
    found = watch.count(clipped, clipped=clipped)
    assert (found.share, found.alarm, found.failure) == (Share(clipped, calls), alarm, failure)


def test_after_five_minutes_a_call_is_forgotten() -> None:
    clock = Clock()
    window = Window(clock=clock)
    window.count(200, hits=200)
    clock.now += 269
    assert window.share().part == 1.0
    clock.now += 31
    assert (window.share(), window.share().part) == (Share(0, 0), None)


@given(st.lists(st.tuples(st.floats(0, 200), st.integers(0, 50), st.integers(0, 50)), max_size=30))
def test_a_window_is_the_sum_of_its_last_ten_buckets(steps: list[tuple[float, int, int]]) -> None:
    clock = Clock()
    window = Window(clock=clock)
    seen: list[tuple[float, int, int]] = []
    for pause, calls, hits in steps:
        clock.now += pause
        seen.append((clock.now // 30, calls, hits))
        live = [s for s in seen if s[0] > clock.now // 30 - 10]
        expected = Share(sum(s[2] for s in live), sum(s[1] for s in live))
        assert window.count(calls, hits=hits) == expected


def test_one_output_for_two_hundred_different_inputs_is_stuck() -> None:
    watch = StuckWatch()
    assert [watch.saw(number, 0.5) for number in range(200)] == [False] * 199 + [True]
    assert watch.saw(7, 0.5)
    assert not watch.saw(7, 0.6)
    assert not watch.is_stuck


def test_one_output_for_the_same_few_inputs_is_not_stuck() -> None:
    watch = StuckWatch()
    assert not any(watch.saw(number % 199, 0.5) for number in range(2_000))


def test_another_output_between_begins_anew() -> None:
    watch = StuckWatch()
    for number in range(150):
        watch.saw(number, 0.5)
    watch.saw(1_000, 0.25)
    assert not any(watch.saw(number, 0.5) for number in range(150, 300))


def test_outputs_that_are_no_number_are_no_constant() -> None:
    watch = StuckWatch()
    assert not any(watch.saw(number, math.nan) for number in range(1_000))


OUTPUTS = st.lists(st.sampled_from([0.5, 0.5, 0.5, 0.5, 0.25]), max_size=30)


@given(st.lists(OUTPUTS, max_size=5))
def test_batches_see_what_single_calls_see(batches: list[list[float]]) -> None:
    one, many = StuckWatch(), StuckWatch()
    given_ = 0
    for outputs in batches:
        inputs = list(range(given_, given_ + len(outputs)))
        given_ += len(outputs)
        for key, output in zip(inputs, outputs, strict=True):
            one.saw(key, output)
        assert many.saw_batch(inputs, outputs) == one.is_stuck
        assert many._inputs == one._inputs


def test_a_batch_of_one_output_is_stuck() -> None:
    assert StuckWatch().saw_batch(list(range(10_000)), [0.5] * 10_000)
    assert not StuckWatch().saw_batch(list(range(10_000)), [0.5] * 9_900 + [0.6] * 100)
