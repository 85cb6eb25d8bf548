"""Moments have one text form, to the microsecond, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.values.clock import SystemClock, moment, timestamp

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
MOMENTS = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=ZONES,
)


@given(at=MOMENTS)
def test_what_is_written_is_read_back(at: datetime) -> None:
    assert moment(timestamp(at)) == at
    assert timestamp(moment(timestamp(at))) == timestamp(at)


@given(one=MOMENTS, other=MOMENTS)
def test_text_sorts_as_time_does(one: datetime, other: datetime) -> None:
    assert (timestamp(one) < timestamp(other)) is (one < other)


def test_the_form_is_fixed() -> None:
    at = datetime(2026, 11, 20, 12, 19, 40, tzinfo=timezone(timedelta(hours=1)))
    assert timestamp(at) == "2026-11-20T11:19:40.000000Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-20",
        "2026-11-20T11:19:40Z",
        "2026-11-20T11:19:40.000Z",
        "2026-11-20T11:19:40.000000+00:00",
        "2026-11-20 11:19:40.000000Z",
        "2026-11-20T11:19:40.000000Z\n",
        "2026-13-20T11:19:40.000000Z",
        "2026-11-20T25:19:40.000000Z",
        "\uff12026-11-20T11:19:40.000000Z",
    ],
)
def test_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"form|month|hour"):
        moment(text)


def test_the_machines_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
