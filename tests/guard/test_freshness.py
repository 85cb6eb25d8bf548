"""Ages of times: what says nothing is stale, and a column is its rows."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import ValueInvalid
from modelwarden.guard.freshness import Fresh, Freshness, Level, span_s

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOW = NOON.timestamp()
FRESH = Fresh("as_of", warn="1h", fallback="6h", block="24h", skew="30s")


@pytest.mark.parametrize(
    ("age_s", "level"),
    [
        (0, Level.FRESH), (3_600, Level.FRESH), (3_601, Level.WARN), (6 * 3_600, Level.WARN),
        (6 * 3_600 + 1, Level.FALLBACK), (86_400, Level.FALLBACK), (86_401, Level.BLOCK), (10**9, Level.BLOCK),
        (-30, Level.FRESH), (-31, Level.BLOCK),
    ],
)  # fmt: skip
def test_an_age_has_the_strictest_level_that_it_passes(age_s: int, level: Level) -> None:
    assert FRESH.judge(NOON - timedelta(seconds=age_s), now=NOW).level is level


@pytest.mark.parametrize(
    "moment",
    [
        NOON - timedelta(hours=2),
        (NOON - timedelta(hours=2)).astimezone(timezone(timedelta(hours=9))),
        (NOON - timedelta(hours=2)).replace(tzinfo=None),
        "2026-11-20T10:00:00Z",
        "2026-11-20T10:00:00.000000",
        "2026-11-20T12:00:00+02:00",
        NOW - 7_200,
        int(NOW) - 7_200,
        np.datetime64("2026-11-20T10:00"),
        np.datetime64("2026-11-20T10:00:00.000000000"),
        pd.Timestamp("2026-11-20T10:00", tz="UTC"),
        pd.Timestamp("2026-11-20T19:00", tz="Asia/Tokyo"),
        np.float64(NOW - 7_200),
    ],
    ids=lambda moment: f"{type(moment).__name__} {moment}",
)
def test_times_come_in_many_forms(moment: object) -> None:
    assert FRESH.judge(moment, now=NOW) == Freshness(Level.WARN, 7_200.0, "stale")


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        (None, "as_of_missing"), (math.nan, "as_of_missing"), (pd.NaT, "as_of_missing"), (pd.NA, "as_of_missing"),
        (np.datetime64("NaT"), "as_of_missing"), ("", "as_of_unparsable"), ("yesterday", "as_of_unparsable"),
        ("1763632800", "as_of_unparsable"), (True, "as_of_unparsable"), (math.inf, "as_of_unparsable"),
        (10**400, "as_of_unparsable"), ([NOW], "as_of_unparsable"), (b"2026-11-20", "as_of_unparsable"),
        (int(NOW * 1_000), "as_of_in_future"), (NOW + 31, "as_of_in_future"), ("2999-01-01", "as_of_in_future"),
    ],
    ids=lambda value: f"{type(value).__name__} {str(value)[:12]}",
)  # fmt: skip
def test_what_says_no_time_is_stale(moment: object, reason: str) -> None:
    assert FRESH.judge(moment, now=NOW) == Freshness(Level.BLOCK, None, reason)


@pytest.mark.parametrize(
    ("limits", "level"),
    [({"warn": "1h"}, Level.WARN), ({"fallback": "1h"}, Level.FALLBACK), ({"warn": "1h", "block": "2h"}, Level.BLOCK)],
    ids=str,
)  # fmt: skip
def test_stale_is_the_strictest_level_that_is_set(limits: dict[str, str], level: Level) -> None:
    assert Fresh("as_of", **limits).judge(None, now=NOW).level is level


@pytest.mark.parametrize(
    "wrong",
    [{}, {"warn": "2h", "fallback": "1h"}, {"warn": "soon"}, {"warn": "-1h"}, {"warn": "1h", "skew": ""}],
    ids=str,
)  # fmt: skip
def test_limits_that_mean_nothing_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueInvalid):
        Fresh("as_of", **wrong)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("6h", 21_600), ("7d", 604_800)]
)
def test_spans_are_seconds(text: str, seconds: int) -> None:
    assert span_s(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "1.5h", "1w", "1h ", "٣h", None, 5])
def test_other_spans_are_refused(text: Any) -> None:
    with pytest.raises(ValueInvalid):
        span_s(text)


AGES = st.lists(st.none() | st.integers(-120, 200_000), max_size=8)
MOMENTS = AGES.map(lambda ages: [None if a is None else NOON - timedelta(seconds=a) for a in ages])
COLUMNS = {
    "list": list,
    "objects": lambda ms: np.array([*ms, None], object)[:-1],
    "texts": lambda ms: [None if m is None else m.isoformat() for m in ms],
    "seconds": lambda ms: np.array([math.nan if m is None else m.timestamp() for m in ms]),
    "numpy": lambda ms: np.array([m and m.replace(tzinfo=None) for m in ms], "datetime64[s]"),
    "numpy ns": lambda ms: np.array([m and m.replace(tzinfo=None) for m in ms], "datetime64[ns]"),
    "pandas": lambda ms: pd.Series([m and m.replace(tzinfo=None) for m in ms], dtype="datetime64[ns]"),
    "pandas UTC": lambda ms: pd.Series(ms, dtype="datetime64[ns, UTC]"),
    "pandas Tokyo": lambda ms: pd.Series(ms, dtype="datetime64[us, UTC]").dt.tz_convert("Asia/Tokyo"),
    "pandas Arrow": lambda ms: pd.Series(ms, dtype=pd.ArrowDtype(pa.timestamp("us", "UTC"))),
    "polars": lambda ms: pl.Series(ms, dtype=pl.Datetime("us", "UTC")),
    "polars Tokyo": lambda ms: pl.Series(ms, dtype=pl.Datetime("us", "UTC")).dt.convert_time_zone("Asia/Tokyo"),
    "polars naive": lambda ms: pl.Series([m and m.replace(tzinfo=None) for m in ms], dtype=pl.Datetime("ms")),
    "arrow": lambda ms: pa.array(ms, pa.timestamp("ns", "UTC")),
    "arrow chunked": lambda ms: pa.chunked_array([ms], pa.timestamp("s", "Asia/Tokyo")),
}  # fmt: skip


@pytest.mark.parametrize("container", COLUMNS)
@given(moments=MOMENTS)
def test_a_column_is_its_rows(container: str, moments: list[datetime | None]) -> None:
    column = COLUMNS[container](moments)
    singles = [FRESH.judge(moment, now=NOW) for moment in moments]
    found = FRESH.judge_batch(column, now=NOW)
    assert found.levels.dtype == np.uint8
    assert found.levels.tolist() == [one.level for one in singles]
    ages = [math.nan if one.age_s is None else one.age_s for one in singles]
    assert found.age_s.tolist() == pytest.approx(ages, nan_ok=True)


ODD = [None, math.nan, math.inf, -math.inf, 1e300, True, "x", NOW, str(NOW), NOON, 10**400, [1]]


@given(st.lists(st.sampled_from(ODD), max_size=6))
def test_odd_columns_are_their_rows(moments: list[Any]) -> None:
    held = np.empty(len(moments), object)
    held[:] = moments
    for column in (moments, tuple(moments), held):
        found = FRESH.judge_batch(column, now=NOW)
        assert found.levels.tolist() == [FRESH.judge(m, now=NOW).level for m in moments]


def test_a_date_is_its_first_moment() -> None:
    today = NOON.date()
    assert FRESH.judge(today, now=NOW) == Freshness(Level.FALLBACK, 43_200.0, "stale")
    for column in (
        [today],
        pl.Series([today]),
        pa.array([today]),
        np.array([today], "datetime64[D]"),
    ):
        assert FRESH.judge_batch(column, now=NOW).age_s.tolist() == [43_200.0]


def test_numbers_without_a_time_are_stale_in_a_column_too() -> None:
    for column in (
        np.array([math.inf, -math.inf, math.nan]),
        np.array([True, False, True]),
        np.ma.MaskedArray([NOW, NOW, NOW], mask=[1, 1, 1]),
        pd.Series([None, None, None], dtype="Int64"),
    ):
        assert FRESH.judge_batch(column, now=NOW).levels.tolist() == [Level.BLOCK] * 3
