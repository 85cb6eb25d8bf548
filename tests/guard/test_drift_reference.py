"""References of drift: the same from any kind of table, read strictly, and with nothing of a row in them."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import modelwarden as mw
from modelwarden.errors import DriftInvalid
from modelwarden.guard.drift import Edges, FrozenEdges
from modelwarden.guard.drift_edges import (
    DriftReference,
    encode_edges,
    read_edges,
    read_reference,
)

RNG = np.random.default_rng(7)
TABLE = {
    "age": RNG.normal(40.0, 12.0, 3_000),
    "children": RNG.integers(0, 4, 3_000),
    "nanos": RNG.integers(10**18, 2 * 10**18, 3_000),
    "plan": RNG.choice(["basic", "plus", "pro"], 3_000),
}
KINDS: dict[str, Any] = {
    "numpy": dict,
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "arrow table": pa.table,
    "arrow batch": pa.record_batch,
    "lists": lambda table: {name: column.tolist() for name, column in table.items()},
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_of_table_gives_the_same_reference(kind: str) -> None:
    expected = mw.drift_reference(TABLE)
    assert mw.drift_reference(KINDS[kind](TABLE)) == expected
    assert read_reference(json.loads(json.dumps(expected))).encode() == expected


def test_a_reference_names_categories_of_five_rows_alone_and_no_more_than_its_rows_can_tell() -> (
    None
):
    names = ["free"] * 700 + ["paid"] * 5 + ["dave@example.org"] * 4
    found: Any = mw.drift_reference({"plan": names})
    assert found["features"]["plan"] == {"names": ["free", "paid"], "counts": [700, 5, 4]}
    many: Any = mw.drift_reference({"plan": [f"c{at % 40}" for at in range(1_000)]})
    assert len(many["features"]["plan"]["names"]) == 19


@pytest.mark.parametrize(
    ("frame", "columns"),
    [
        pytest.param({"age": [1.0] * 499}, None, id="too few rows"),
        pytest.param({"age": [None] * 900}, None, id="nothing known"),
        pytest.param({"age": [1.0] * 900}, ["income"], id="no such column"),
        pytest.param({"age": [1.0] * 900}, [], id="no column"),
        pytest.param([1.0, 2.0], None, id="no table"),
        pytest.param({"when": pd.to_datetime(["2026-01-01"] * 900)}, None, id="times"),
        pytest.param({"": [1.0] * 900}, None, id="no name"),
        pytest.param({"\ud800": [1.0] * 900}, None, id="half a character"),
    ],
)
def test_what_can_be_no_reference_is_refused(frame: Any, columns: Any) -> None:
    with pytest.raises(DriftInvalid):
        mw.drift_reference(frame, columns=columns)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"low": "nan"}, {"low": "1e999"}, {"low": 0.5}, {"low": "1_0"}, {"low": "99"}, {"uppers": []},
        {"uppers": ["1.0", "1.0"]}, {"uppers": ["2.0", "1.0"]}, {"uppers": "1.0"}, {"uppers": [None]},
        {"counts": [1_000]}, {"counts": [1_000, 0, 0, True]}, {"counts": [1_000, 0, -1, 0]},
        {"counts": [10, 0, 0, 0]}, {"counts": [2**53, 0, 0, 0]}, {"counts": [2**53 - 1, 1, 0, 0]},
        {"names": ["a"]}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_spoiled_reference_is_refused(spoiled: dict[str, object]) -> None:
    good: dict[str, object] = {"low": "0.0", "uppers": ["1.0"], "counts": [1_000, 0, 0, 0]}
    read_reference({"features": {"age": good}})
    with pytest.raises(DriftInvalid):
        read_reference({"features": {"age": good | spoiled}})


@pytest.mark.parametrize(
    "value",
    [
        None, [], {}, {"features": None}, {"features": {}}, {"features": {"a": None}}, {"features": {"a": {}}},
        {"features": {"a": {"counts": [1]}}, "more": 1}, {"features": {str(at): {} for at in range(501)}},
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_has_not_the_form_of_a_reference_is_refused(value: object) -> None:
    with pytest.raises(DriftInvalid):
        read_reference(value)


def test_a_reference_has_a_size_that_snapshots_can_carry() -> None:
    names = [f"{at:0200d}" for at in range(50)]
    feature: dict[str, object] = {"names": names, "counts": [51] * 51}
    with pytest.raises(DriftInvalid, match="bytes"):
        read_reference({"features": {f"f{at}": feature for at in range(30)}})


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=1, max_size=10, unique=True))
def test_edges_come_back_from_json_as_they_were(numbers: list[float]) -> None:
    uppers = tuple(sorted({number + 0.0 for number in numbers}))
    edges = FrozenEdges((("x", Edges(uppers[0], uppers)),))
    found = read_edges(json.loads(json.dumps(encode_edges(edges))))
    assert found == edges
    assert found.sha256 == edges.sha256


def test_the_digest_is_of_edges_and_counts() -> None:
    edges = FrozenEdges((("x", Edges(0.0, (1.0,))),))
    one, other = (
        DriftReference(edges, ((800, 0, 0, 0),)),
        DriftReference(edges, ((799, 1, 0, 0),)),
    )
    assert one.sha256 != other.sha256
    assert read_reference(one.encode()).sha256 == one.sha256


def test_values_that_are_no_numbers_are_counted_as_missing() -> None:
    rng = random.Random(3)  # noqa: S311
    column = [rng.choice([1, 2.5, math.nan, math.inf, -math.inf, None, True]) for _ in range(2_000)]
    found: Any = mw.drift_reference({"x": column})
    counts = found["features"]["x"]["counts"]
    assert sum(counts) == 2_000
    assert counts[-3] == sum(1 for value in column if value is None or value != value)  # noqa: PLR0124
