"""When a message is tried again and when it is given up, as NO-2 has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.notify.delivery import (
    DELAYS,
    MOST_TRIES,
    Result,
    is_due,
    is_given_up,
    is_probe_due,
    next_try,
    outcome,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def ended(status: int, tries: int = 20) -> list[str]:
    """Return what each try means until one is the last."""
    found = []
    for attempt in range(1, tries + 1):
        found.append(outcome(Result(status=status), attempt).value)
        if found[-1] != "failed":
            break
    return found


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_what_was_taken_is_delivered(status: int) -> None:
    assert ended(status) == ["delivered"]


@pytest.mark.parametrize("status", [0, 408, 425, 429, 500, 502, 503, 599])
def test_what_may_pass_is_tried_nine_times(status: int) -> None:
    assert ended(status) == ["failed"] * 8 + ["abandoned"]


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 403, 404, 422])
def test_what_the_receiver_turns_down_is_tried_three_times(status: int) -> None:
    assert ended(status) == ["failed", "failed", "abandoned"]


def test_gone_ends_the_endpoint_at_once() -> None:
    assert ended(410) == ["gone"]


@given(st.text(), st.integers(1, MOST_TRIES - 1))
def test_pauses_are_those_of_the_schedule_give_or_take_a_fifth(key: str, attempt: int) -> None:
    pause = next_try(NOW, Result(status=500), attempt, key=key) - NOW
    assert 0.8 * DELAYS[attempt - 1] <= pause <= 1.2 * DELAYS[attempt - 1]


def test_endpoints_come_back_at_different_moments() -> None:
    moments = {next_try(NOW, Result(status=500), 1, key=f"end_{n}.1") for n in range(50)}
    assert len(moments) > 40


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        (timedelta(0), timedelta(seconds=8), timedelta(seconds=12)),
        (timedelta(minutes=5), timedelta(minutes=5), timedelta(minutes=5)),
        (timedelta(days=5), timedelta(hours=1), timedelta(hours=1)),
        (timedelta(days=-5), timedelta(seconds=8), timedelta(seconds=12)),
    ],
)
def test_a_receiver_may_ask_for_an_hour_at_most(
    asked: timedelta, least: timedelta, most: timedelta
) -> None:
    result = Result(status=429, retry_after=asked)
    assert least <= next_try(NOW, result, 1, key="k") - NOW <= most


def test_a_clock_that_went_back_makes_a_message_due() -> None:
    due = NOW + timedelta(hours=2)
    assert not is_due(NOW, NOW, due)
    assert is_due(due, NOW, due)
    assert is_due(NOW - timedelta(seconds=1), NOW, due)
    assert is_due(NOW, None, None)


def test_a_down_endpoint_is_asked_each_half_hour_for_a_week() -> None:
    assert is_probe_due(NOW, None)
    assert not is_probe_due(NOW + timedelta(minutes=29), NOW)
    assert is_probe_due(NOW + timedelta(minutes=30), NOW)
    assert is_probe_due(NOW - timedelta(minutes=1), NOW)
    assert not is_given_up(NOW + timedelta(days=6, hours=23), NOW)
    assert is_given_up(NOW + timedelta(days=7), NOW)
