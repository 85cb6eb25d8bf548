"""Batches of several numbers, of labels and of records: the same findings as row by row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.guard.checks_batch import batch_checker
from modelwarden.guard.contract import Contract, Kind, OnViolation, inputs, probability
from tests.guard.batches import assert_row_by_row

CELLS = st.sampled_from(
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0 + 9e-7, 1.0 + 2e-6, -1e-7, math.nan, math.inf, 2.0]
)
MATRICES = st.integers(1, 3).flatmap(
    lambda k: st.lists(st.lists(CELLS, min_size=k, max_size=k), min_size=1, max_size=5)
)
VECTORS = st.builds(
    Contract,
    kind=st.sampled_from([Kind.NUMBERS, Kind.PROBABILITIES, Kind.QUANTILES]),
    size=st.none() | st.integers(1, 3),
    on_violation=st.sampled_from(OnViolation),
)
FRAMES = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "arrow": pa.table,
    "mapping": dict,
    "structured": lambda columns: np.rec.fromarrays(
        [np.asarray(c) for c in columns.values()], names=list(columns)
    ).view(np.ndarray),
}


@given(MATRICES, VECTORS, st.sampled_from([np.float64, np.float32]))
def test_a_matrix_is_found_as_row_by_row(rows: list[Any], contract: Contract, kind: Any) -> None:
    matrix = np.array(rows, kind)
    before = matrix.copy()
    assert_row_by_row(contract, matrix, list(matrix))
    assert np.array_equal(matrix, before, equal_nan=True)


@given(MATRICES, VECTORS)
def test_lists_of_numbers_are_found_as_row_by_row(rows: list[Any], contract: Contract) -> None:
    assert_row_by_row(contract, rows)
    assert_row_by_row(contract, pl.Series(rows), rows)
    assert_row_by_row(contract, pa.array(rows), rows)


@pytest.mark.parametrize("frame", ["pandas", "polars", "arrow"])
@given(rows=MATRICES, contract=VECTORS)
def test_a_frame_of_probabilities_is_found_as_row_by_row(
    frame: str, rows: list[Any], contract: Contract
) -> None:
    values = FRAMES[frame](
        {f"c{i}": list(cells) for i, cells in enumerate(zip(*rows, strict=True))}
    )
    assert_row_by_row_of_frame(contract, values, [tuple(row) for row in rows])


def assert_row_by_row_of_frame(contract: Contract, values: Any, rows: list[Any]) -> None:
    found = batch_checker(contract)(values, len(rows))
    singles = batch_checker(contract)(rows, len(rows))
    assert found.status.tolist() == singles.status.tolist()
    assert found.reasons() == singles.reasons()
    assert found.raises == singles.raises
    assert type(found.values) is type(values)


def test_sums_at_the_very_edge_are_added_exactly() -> None:
    edge = np.array([[0.5, 0.5 + 1e-6], [0.5, 0.5 - 1e-6], [0.1] * 2, [1.0, 1e-6]])
    assert_row_by_row(Contract(kind=Kind.PROBABILITIES), edge, list(edge))


WORDS = st.lists(st.sampled_from(["a", "b", "z", None]), min_size=1, max_size=6)


@given(WORDS, st.booleans())
def test_labels_are_found_as_row_by_row(values: list[Any], nullable: bool) -> None:
    contract = Contract(kind=Kind.LABEL, labels=frozenset({"a", "b"}), nullable=nullable)
    for column in (
        values,
        np.array(values, object),
        pd.Series(values, dtype=object),
        pd.Series(values, dtype="str"),
        pd.Series(values, dtype="category"),
        pl.Series(values, dtype=pl.String),
        pa.array(values, pa.string()),
    ):
        assert_row_by_row(contract, column, values)


@given(st.lists(st.sampled_from([0, 1, 2]), max_size=5))
def test_labels_that_are_numbers_keep_their_type(values: list[int]) -> None:
    contract = Contract(kind=Kind.LABEL, labels=frozenset({0, 1}))
    for dtype in (np.int8, np.uint64, np.float64, np.bool_):
        column = np.array(values, dtype)
        assert_row_by_row(contract, column, list(column))
    assert_row_by_row(contract, [True, 1, 1.0, [1], "1"])


RECORD = Contract(
    kind=Kind.RECORD,
    fields=(
        ("band", Contract(kind=Kind.LABEL, labels=frozenset({"low", "high"}))),
        ("score", probability()),
        ("worth", Contract(low=0, high=10, on_violation=OnViolation.RAISE)),
    ),
)
ROW = st.fixed_dictionaries(
    {
        "score": st.sampled_from([0.5, 1.5, -1.0, math.nan]),
        "worth": st.sampled_from([1.0, 11.0, math.inf]),
        "band": st.sampled_from(["low", "mid"]),
    }
)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("strict", OnViolation)
@given(rows=st.lists(ROW, min_size=1, max_size=6))
def test_records_are_found_as_row_by_row(frame: str, strict: OnViolation, rows: list[Any]) -> None:
    contract = Contract(kind=Kind.RECORD, fields=RECORD.fields, on_violation=strict)
    values = FRAMES[frame]({name: [row[name] for row in rows] for name in rows[0]})
    found = batch_checker(contract)(values, len(rows))
    singles = batch_checker(contract)(rows, len(rows))
    assert_row_by_row(contract, rows)
    assert found.status.tolist() == singles.status.tolist()
    assert found.reasons() == singles.reasons()
    assert found.raises == singles.raises
    assert list(values["score"]) is not None
    scores = [float(str(score)) for score in found.values["score"]]
    assert repr(scores) == repr([row["score"] for row in singles.values])


@pytest.mark.parametrize("frame", FRAMES)
def test_a_missing_column_fails_every_row(frame: str) -> None:
    values = FRAMES[frame]({"score": [0.5, 0.5], "worth": [1.0, 1.0]})
    found = batch_checker(RECORD)(values)
    assert found.summary() == {"missing_field:band": 2}


def test_a_column_that_stands_twice_is_no_field() -> None:
    twice = pd.DataFrame([[0.1, 0.2]], columns=["score", "score"])
    found = batch_checker(Contract(kind=Kind.RECORD, fields=(("score", probability()),)))(twice)
    assert found.summary() == {"missing_field:score": 1}


def test_columns_of_different_lengths_fail_the_shorter_one() -> None:
    found = batch_checker(RECORD)({"band": ["low", "low"], "score": [0.5], "worth": [1.0, 1.0]})
    assert found.summary() == {"wrong_rows:score": 2}


def test_a_clipped_field_leaves_the_other_columns_and_the_frame_alone() -> None:
    frame = pd.DataFrame(
        {"score": np.array([0.5, 3], np.float32), "more": ["x", "y"]}, index=[4, 9]
    )
    before = frame.copy(deep=True)
    found = batch_checker(Contract(kind=Kind.RECORD, fields=(("score", probability()),)))(frame)
    pd.testing.assert_frame_equal(frame, before)
    expected = before.assign(score=np.array([0.5, 1], np.float32))
    pd.testing.assert_frame_equal(found.values, expected)


def test_inputs_with_gaps_and_new_categories_name_their_rows() -> None:
    check = batch_checker(
        inputs(
            {
                "age": Contract(nullable=True, low=0, high=120),
                "plan": Contract(kind=Kind.LABEL, labels=frozenset({"free", "paid"})),
            }
        )
    )
    frame = pl.DataFrame({"age": [30, None, 130], "plan": ["free", "paid", "gold"]})
    found = check(frame, 3)
    assert found.reasons() == {2: "above_high:age"}
    assert found.status.tolist() == [0, 0, 7]
    assert found.values is frame
