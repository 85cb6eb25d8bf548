"""A batch is its rows: the same findings, in every container, with type kept and input untouched."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.guard.checks_batch import batch_checker
from modelwarden.guard.contract import Contract, Kind, OnViolation, probability
from modelwarden.guard.findings import FAILED
from tests.guard.batches import BUILDERS, PLAIN, WITH_NULLS, as_rows, assert_row_by_row, same

FLOATS = st.sampled_from(
    [0.0, -0.0, 1.0, 5e-324, -5e-324, math.nan, math.inf, -math.inf, 1.5, 1e300]
) | st.floats(-2, 2)
NARROW = st.floats(width=32)
SMALL = st.integers(-128, 127)
COLUMNS = (
    st.tuples(st.just("float64"), st.lists(FLOATS, max_size=8))
    | st.tuples(st.just("float32"), st.lists(NARROW, max_size=8))
    | st.tuples(st.just("int8"), st.lists(SMALL, max_size=8))
    | st.tuples(st.just("int64"), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8))
    | st.tuples(st.just("uint8"), st.lists(st.integers(0, 255), max_size=8))
)
HALVES = st.integers(-4, 4).map(lambda n: n / 2)  # exact in each type


@st.composite
def ranges(draw: st.DrawFn) -> Contract:
    low, high = sorted((draw(HALVES), draw(HALVES)))
    return Contract(
        kind=draw(st.sampled_from([Kind.NUMBER, Kind.INTEGER])),
        low=draw(st.sampled_from([low, None])),
        high=draw(st.sampled_from([high, None])),
        nullable=draw(st.booleans()),
        on_violation=draw(st.sampled_from(OnViolation)),
    )


@pytest.mark.parametrize("container", PLAIN)
@given(column=COLUMNS, contract=ranges())
def test_numbers_are_found_as_row_by_row(
    container: str, column: tuple[str, list[Any]], contract: Contract
) -> None:
    dtype, values = column
    assert_row_by_row(contract, PLAIN[container](values, dtype))


@pytest.mark.parametrize("container", WITH_NULLS)
@given(column=COLUMNS, gaps=st.sets(st.integers(0, 7)), contract=ranges())
def test_numbers_with_gaps_are_found_as_row_by_row(
    container: str, column: tuple[str, list[Any]], gaps: set[int], contract: Contract
) -> None:
    dtype, values = column
    takes_nan_for_a_gap = container in {"pandas nullable", "pandas arrow"}
    with_gaps = [
        None if i in gaps or (takes_nan_for_a_gap and math.isnan(float(value))) else value
        for i, value in enumerate(values)
    ]
    in_type = np.array(
        [v or 0 for v in with_gaps], dtype
    )  # what a row can be clipped to depends on it
    rows = [None if v is None else in_type[i] for i, v in enumerate(with_gaps)]
    assert_row_by_row(contract, WITH_NULLS[container](with_gaps, dtype), rows)


@given(st.lists(NARROW, max_size=8), st.floats(-1, 1), st.floats(-1, 1))
def test_32_bits_are_found_as_row_by_row_at_limits_without_exact_form(
    values: list[float], one: float, other: float
) -> None:
    low, high = sorted((one, other))
    assert_row_by_row(Contract(low=low, high=high), np.array(values, np.float32))


@pytest.mark.parametrize("container", BUILDERS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8"])
def test_type_index_and_name_stay_and_input_is_untouched(container: str, dtype: str) -> None:
    came = BUILDERS[container]([0, 1, 5, 1], dtype)
    before = BUILDERS[container]([0, 1, 5, 1], dtype)
    found = batch_checker(probability())(came)
    assert found.status.tolist() == [0, 0, 1, 0]
    assert same(came, before)
    assert as_rows(found.values) == [0, 1, 1, 1]
    assert type(found.values) is type(came)
    for kept in ("dtype", "type", "name"):
        assert getattr(found.values, kept, None) == getattr(came, kept, None)
    if isinstance(came, pd.Series):
        assert found.values.index.equals(came.index)


@pytest.mark.parametrize("container", BUILDERS)
def test_a_clean_batch_comes_back_as_it_is(container: str) -> None:
    came = BUILDERS[container]([0, 1, 1], "float64")
    found = batch_checker(probability())(came, 3)
    assert found.values is came
    assert (found.status.tolist(), found.reasons(), found.summary()) == ([0, 0, 0], {}, {})


@pytest.mark.parametrize("container", BUILDERS)
def test_an_empty_batch_is_clean(container: str) -> None:
    found = batch_checker(probability())(BUILDERS[container]([], "float64"), 0)
    assert (len(found.status), found.summary(), found.raises) == (0, {}, False)


@pytest.mark.parametrize("container", BUILDERS)
@pytest.mark.parametrize("expected", [0, 2, 4])
def test_a_wrong_number_of_rows_fails_them_all(container: str, expected: int) -> None:
    found = batch_checker(probability())(BUILDERS[container]([1, 1, 1], "float64"), expected)
    assert found.values is None
    assert found.status.tolist() == [FAILED] * expected
    assert found.reasons() == dict.fromkeys(range(expected), "wrong_rows")


ODD = [
    0.5, 1, 1.5, True, None, "0.5", math.nan, 10**400, Decimal("0.5"), [0.5], np.float32(2), np.True_, {}, -0.0,
]  # fmt: skip


@given(st.lists(st.sampled_from(ODD), max_size=6), ranges())
def test_mixed_objects_are_found_as_row_by_row(values: list[Any], contract: Contract) -> None:
    held = np.empty(len(values), object)
    held[:] = values
    for container in (values, tuple(values), held):
        assert_row_by_row(contract, container)
    check = batch_checker(contract)
    in_pandas = check(pd.Series(held, dtype=object))
    in_list = check([None if str(v) == "nan" else v for v in values])
    assert in_pandas.status.tolist() == in_list.status.tolist()


@pytest.mark.parametrize(
    "values",
    [
        np.array([True, False]),
        np.array(["0.5", "1"]),
        np.array([0.5 + 1j, 0]),
        np.array(["2026-01-01", "2026-01-02"], "datetime64[D]"),
        np.array([[0.5], [0.5]]),
        np.array([0.5, 1], np.longdouble),
        pd.Series([True, False]),
        pd.Series(["0.5", "1"]),
        pd.Series(pd.Categorical(["a", "b"])),
        pl.Series([True, False]),
        pl.Series(["0.5", "1"]),
        pl.Series([Decimal("0.5"), Decimal(1)]),
        pl.Series([[0.5], [1.0]]),
        pa.array([True, False]),
        pa.array([Decimal("0.5"), Decimal(1)]),
        pa.array(["0.5", "1"]),
    ],
    ids=lambda v: (
        f"{type(v).__module__} {getattr(v, 'dtype', None) or v.type} {getattr(v, 'ndim', 1)}"
    ),
)
def test_columns_without_numbers_fail_whole(values: Any) -> None:
    found = batch_checker(probability())(values, 2)
    assert found.status.tolist() == [FAILED, FAILED]
    assert set(found.summary()) <= {"wrong_type", "wrong_shape"}


@pytest.mark.parametrize("value", [0.5, None, "text", np.array(0.5), object(), iter([1])], ids=repr)
def test_what_is_no_batch_is_refused_and_not_guessed(value: object) -> None:
    if isinstance(value, str):  # a text is a sequence of texts, none of which is a number
        assert set(batch_checker(probability())(value).status.tolist()) == {FAILED}
    else:
        with pytest.raises(TypeError):
            batch_checker(probability())(value)
