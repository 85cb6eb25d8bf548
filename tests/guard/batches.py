"""Batches in the containers that hosts hand in, for the tests that compare them with single rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from modelwarden.guard import columns
from modelwarden.guard.checks import Finding, checker
from modelwarden.guard.checks_batch import batch_checker
from modelwarden.guard.contract import OnViolation
from modelwarden.guard.findings import CLIPPED, FAILED, OK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.guard.contract import Contract

STATUS = {
    None: OK,
    OnViolation.CLIP: CLIPPED,
    OnViolation.FALLBACK: FAILED,
    OnViolation.RAISE: FAILED,
}


def masked(values: Sequence[Any], dtype: str) -> Any:
    gaps = [value is None for value in values]
    return np.ma.MaskedArray(np.array([v or 0 for v in values], dtype), mask=gaps)


def chunked(values: Sequence[Any], dtype: str) -> Any:
    kind = pa.from_numpy_dtype(np.dtype(dtype))
    half = len(values) // 2
    return pa.chunked_array([list(values[:half]), list(values[half:])], type=kind)


POLARS = {
    "float64": pl.Float64,
    "float32": pl.Float32,
    "int64": pl.Int64,
    "int8": pl.Int8,
    "uint8": pl.UInt8,
}
PANDAS = {
    "float64": "Float64",
    "float32": "Float32",
    "int64": "Int64",
    "int8": "Int8",
    "uint8": "UInt8",
}
WITH_NULLS: dict[str, Callable[[Sequence[Any], str], Any]] = {
    "masked": masked,
    "pandas nullable": lambda v, d: pd.Series(v, dtype=PANDAS[d], name="score", index=range(7, 7 + len(v))),
    "pandas arrow": lambda v, d: pd.Series(v, dtype=pd.ArrowDtype(pa.from_numpy_dtype(np.dtype(d)))),
    "polars": lambda v, d: pl.Series("score", v, dtype=POLARS[d]),
    "arrow": lambda v, d: pa.array(v, pa.from_numpy_dtype(np.dtype(d)), from_pandas=False),
    "arrow chunked": chunked,
}  # fmt: skip
PLAIN: dict[str, Callable[[Sequence[Any], str], Any]] = {
    "numpy": np.array,
    "numpy strided": lambda v, d: np.repeat(np.array(v, d), 2)[::2],
    "numpy big-endian": lambda v, d: np.array(v, np.dtype(d).newbyteorder(">")),
    "numpy objects": lambda v, _: np.array([*v, None], object)[:-1],
    "numpy read-only": lambda v, d: np.frombuffer(np.array(v, d).tobytes(), d),
    "pandas": lambda v, d: pd.Series(
        v, dtype=d, name="score", index=[f"r{i}" for i in range(len(v))]
    ),
    "list": lambda v, _: list(v),
    "tuple": lambda v, _: tuple(v),
}
BUILDERS = PLAIN | WITH_NULLS


def as_rows(values: Any) -> list[Any]:
    """Give the rows as a host would get them, one after the other."""
    if isinstance(values, (pd.Series, pd.Index)):
        return [values.iloc[i] for i in range(len(values))]
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return list(values.to_pylist())
    if isinstance(values, pl.Series):
        return list(values.to_list())
    return [values[i] for i in range(len(values))]


def same(one: Any, other: Any) -> bool:
    return repr(np.asarray(as_rows(one), object).tolist()) == repr(
        np.asarray(as_rows(other), object).tolist()
    )


def assert_row_by_row(contract: Contract, values: Any, rows: Sequence[Any] | None = None) -> None:
    """Hold the findings of a batch to those of its rows: status, reason, and what is clipped."""
    check = checker(contract)
    singles: list[Finding | None] = [check(row) for row in (rows or as_rows(values))]
    found = batch_checker(contract)(values, len(singles))
    assert found.status.dtype == np.uint8
    assert found.status.tolist() == [STATUS[s and s.outcome] for s in singles]
    assert found.reasons() == {i: s.reason for i, s in enumerate(singles) if s is not None}
    assert found.raises == any(s is not None and s.outcome is OnViolation.RAISE for s in singles)
    assert type(found.values) is type(values)
    if found.values is not values:
        answers = columns.rows(found.values)
        for row, single in enumerate(singles):
            if single is not None and single.outcome is OnViolation.CLIP:
                assert np.array_equal(answers[row], single.value)
