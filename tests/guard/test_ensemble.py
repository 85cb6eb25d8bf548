"""Ensembles: who is left out, what is over, and that a batch is its rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import ValueInvalid
from modelwarden.guard.ensemble import Agreement, Ensemble, Metric

FAILED = [None, math.nan, math.inf, ValueError("no"), "0.5", True, [0.5], 10**400, object()]


def test_the_spread_is_the_largest_less_the_least() -> None:
    judge = Ensemble(limit=0.2).judge
    close = judge({"a": 0.5, "b": 0.6, "c": 0.7})
    assert close.value == pytest.approx(0.6)
    assert close.score == pytest.approx(0.2)
    assert judge({"a": 0.5, "b": 0.8}).over
    assert judge({"a": 0.5, "b": 0.5}) == Agreement(0.5, 0.0, over=False, left_out=())


def test_the_deviation_and_the_mean_are_weighted() -> None:
    judge = Ensemble(limit=1, metric="std", weights={"a": 3}).judge
    found = judge({"a": 1, "b": 5})
    assert (found.value, found.score) == (pytest.approx(2.0), pytest.approx(math.sqrt(3)))
    assert found.over


def test_votes_are_counted_by_weight() -> None:
    judge = Ensemble(limit=0.5, metric=Metric.VOTE_ENTROPY, weights={"c": 2.5}).judge
    found = judge({"a": "yes", "b": "yes", "c": "no"})
    assert found.value == "no"
    assert judge({"a": "yes", "b": "yes"}) == Agreement("yes", 0.0, over=False, left_out=())
    split = judge({"a": "yes", "b": "no"})
    assert (split.value, split.score, split.over) == ("no", pytest.approx(1.0), True)
    assert judge({"a": 1, "b": True}).score == pytest.approx(1.0)  # equal, and not the same answer


@pytest.mark.parametrize("failed", FAILED, ids=lambda v: f"{type(v).__name__} {str(v)[:5]}")
def test_a_member_that_failed_is_left_out(failed: object) -> None:
    found = Ensemble(limit=0.2).judge({"a": 0.5, "b": failed, "c": 0.5})
    assert found == Agreement(0.5, 0.0, over=False, left_out=("b",))


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize(
    "answers", [{}, {"a": 1}, {"a": 1, "b": None}, {"a": None, "b": None}], ids=str
)
def test_fewer_than_two_count_as_over(metric: Metric, answers: dict[str, object]) -> None:
    found = Ensemble(limit=1e9, metric=metric).judge(answers)
    assert (found.value, found.score, found.over) == (None, None, True)


def test_a_member_without_weight_has_no_say() -> None:
    judge = Ensemble(limit=0.2, weights={"c": 0}).judge
    assert judge({"a": 0.5, "b": 0.5, "c": 9.0}).score == 0.0
    assert judge({"a": 0.5, "c": 0.5}).over


def test_answers_as_large_as_numbers_get_do_not_overflow() -> None:
    for metric in (Metric.SPREAD, Metric.STD):
        judge = Ensemble(limit=1, metric=metric, weights={"a": 1e308, "b": 1e308}).judge
        found = judge({"a": 1.7e308, "b": 1.7e308})
        assert (found.value, found.over) == (pytest.approx(1.7e308), False)
        assert judge({"a": 1.7e308, "b": -1.7e308}).over


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": -1}, {"limit": math.nan}, {"limit": math.inf}, {"limit": True}, {"limit": "1"},
        {"limit": 1, "metric": "range"}, {"limit": 1, "weights": {"a": -1}}, {"limit": 1, "weights": {"a": math.nan}},
    ],
    ids=str,
)  # fmt: skip
def test_an_ensemble_that_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueInvalid):
        Ensemble(**wrong)


CELLS = st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0])
TABLES = st.integers(0, 5).flatmap(
    lambda rows: st.lists(st.lists(CELLS, min_size=rows, max_size=rows), min_size=1, max_size=4)
)
WEIGHTS = st.dictionaries(st.sampled_from("abcd"), st.floats(0.01, 10))


@given(TABLES, WEIGHTS, st.sampled_from([Metric.SPREAD, Metric.STD]), st.floats(0, 100))
def test_a_batch_of_numbers_is_its_rows(
    table: list[list[float]], weights: dict[str, float], metric: Metric, limit: float
) -> None:
    ensemble = Ensemble(limit=limit, metric=metric, weights=weights)
    members = dict(zip("abcd", table, strict=False))
    singles = [
        ensemble.judge(dict(zip(members, row, strict=True))) for row in zip(*table, strict=True)
    ]
    for build in (list, np.array, pd.Series, lambda c: pl.Series(c, dtype=pl.Float64)):
        found = ensemble.judge_batch({name: build(column) for name, column in members.items()})
        scores = [math.nan if one.score is None else one.score for one in singles]
        values = [math.nan if one.value is None else one.value for one in singles]
        assert found.scores.tolist() == pytest.approx(scores, nan_ok=True, rel=1e-7, abs=1e-6)
        assert found.values.tolist() == pytest.approx(values, nan_ok=True, rel=1e-7, abs=1e-6)
        near = [one.score is not None and abs(one.score - limit) < 1e-5 for one in singles]
        both = zip(found.over.tolist(), [one.over for one in singles], near, strict=True)
        assert all(one == other or edge for one, other, edge in both)
        assert found.members.tolist() == [len(members) - len(one.left_out) for one in singles]


@given(
    st.integers(1, 4).flatmap(
        lambda rows: st.lists(
            st.lists(st.sampled_from(["yes", "no", None]), min_size=rows, max_size=rows), min_size=1, max_size=4
        )
    )
)  # fmt: skip
def test_a_batch_of_votes_is_its_rows(table: list[list[Any]]) -> None:
    ensemble = Ensemble(limit=0.4, metric="vote_entropy", weights={"a": 2})
    members = dict(zip("abcd", table, strict=False))
    singles = [
        ensemble.judge(dict(zip(members, row, strict=True))) for row in zip(*table, strict=True)
    ]
    for build in (
        list,
        lambda c: pd.Series(c, dtype="str"),
        lambda c: pl.Series(c, dtype=pl.String),
    ):
        found = ensemble.judge_batch({name: build(column) for name, column in members.items()})
        assert found.over.tolist() == [one.over for one in singles]
        assert found.values.tolist() == [one.value for one in singles]


def test_a_member_with_another_number_of_rows_is_left_out_whole() -> None:
    found = Ensemble(limit=1).judge_batch({"a": [1.0, 1.0], "b": [1.0, 1.0], "c": [9.0]})
    assert (found.over.tolist(), found.members.tolist()) == ([False, False], [2, 2])
    with pytest.raises(ValueInvalid):
        Ensemble(limit=1).judge_batch({})
