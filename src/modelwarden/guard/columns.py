"""Columns and tables of numpy, pandas, polars and Arrow, read and rebuilt without changing what came (SG-28). Pure.

None of the four is imported here: what a host hands in has been imported by it. Real numbers are read as a numpy array;
everything else is looked at row by row. `replaced` gives back the type that came, with its dtype, index and names.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from modelwarden.guard.checks import is_real_type

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray


class Numbers(NamedTuple):
    """A column as numbers, and which of its rows are missing; under those stands anything."""

    array: NDArray[Any]
    nulls: NDArray[Any] | None


def is_a(values: object, package: str, *names: str) -> bool:
    """Say whether a value is of a class of a package, without importing it."""
    module = sys.modules.get(package)
    if module is None:
        return False
    for name in names:  # a generator would cost as much again
        found = getattr(module, name, None)
        if found is not None and isinstance(values, found):
            return True
    return False


def is_frame(values: object) -> bool:
    """Say whether values are a table with named columns."""
    if is_a(values, "numpy", "ndarray"):
        return getattr(values, "dtype", None) is not None and values.dtype.names is not None  # type: ignore[attr-defined]
    return (
        isinstance(values, Mapping)
        or is_a(values, "pandas", "DataFrame")
        or is_a(values, "polars", "DataFrame")
        or is_a(values, "pyarrow", "Table", "RecordBatch")
    )


def names(frame: Any) -> list[Any]:
    """Return the names of a table's columns, in order; one that stands twice stands twice."""
    if isinstance(frame, Mapping):
        return list(frame)
    if is_a(frame, "numpy", "ndarray"):
        return list(frame.dtype.names)
    return list(
        frame.column_names if is_a(frame, "pyarrow", "Table", "RecordBatch") else frame.columns
    )


def column(frame: Any, position: int) -> Any:
    """Return one column by position, as what it is there."""
    if is_a(frame, "pandas", "DataFrame"):
        return frame.iloc[:, position]
    if is_a(frame, "polars", "DataFrame"):
        return frame.to_series(position)
    if is_a(frame, "pyarrow", "Table", "RecordBatch"):
        return frame.column(position)
    return frame[names(frame)[position]]


def size(values: Any) -> int:
    """Return the number of rows; of a mapping of columns, of the first one."""
    if isinstance(values, Mapping):
        return len(next(iter(values.values()))) if values else 0
    if is_a(values, "pyarrow", "Table", "RecordBatch"):
        return int(values.num_rows)
    if is_a(values, "numpy", "ndarray") and not values.ndim:
        raise TypeError("a batch has rows; this array has none")
    return len(values)


def numbers(values: Any) -> Numbers | None:
    """Return a column of real numbers, or None when its rows have to be looked at one by one."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(values, numpy.ndarray):
        return _of_numpy(numpy, values)
    if numpy is not None and is_a(values, "pandas", "Series", "Index"):
        return _of_pandas(numpy, values)
    if is_a(values, "polars", "Series"):
        return _of_polars(values)
    return _of_arrow(values) if is_a(values, "pyarrow", "Array", "ChunkedArray") else None


def _of_numpy(numpy: ModuleType, values: Any) -> Numbers | None:
    if values.ndim != 1 or not is_real_type(values.dtype):
        return None
    if isinstance(values, numpy.ma.MaskedArray):
        return Numbers(values.data, numpy.ma.getmaskarray(values))
    return Numbers(values, None)


def _of_pandas(numpy: ModuleType, values: Any) -> Numbers | None:
    kind = values.dtype
    if isinstance(kind, numpy.dtype):
        return Numbers(values.to_numpy(), None) if is_real_type(kind) else None
    plain = getattr(kind, "numpy_dtype", None)
    if not isinstance(plain, numpy.dtype) or not is_real_type(plain):
        return None
    nulls = values.isna().to_numpy()
    if nulls.any():
        return Numbers(values.fillna(0).to_numpy(dtype=plain), nulls)
    return Numbers(values.to_numpy(dtype=plain), None)


def _of_polars(values: Any) -> Numbers | None:
    if not (values.dtype.is_float() or values.dtype.is_integer()):
        return None
    if not values.null_count():
        return _real(values.to_numpy(), None)
    return _real(values.fill_null(0).to_numpy(), values.is_null().to_numpy())


def _of_arrow(values: Any) -> Numbers | None:
    types = sys.modules["pyarrow"].types
    if not (types.is_integer(values.type) or types.is_floating(values.type)):
        return None
    nulls = _plain_array(values.is_null()) if values.null_count else None
    return _real(_plain_array(values if nulls is None else values.fill_null(0)), nulls)


def _plain_array(values: Any) -> Any:
    return (
        values.to_numpy()
        if is_a(values, "pyarrow", "ChunkedArray")
        else values.to_numpy(zero_copy_only=False)
    )


def _real(array: Any, nulls: Any) -> Numbers | None:
    return Numbers(array, nulls) if is_real_type(array.dtype) else None


def rows(values: Any) -> list[Any]:
    """Return the rows one by one; a missing value is None, and a row of a matrix an array."""
    if isinstance(values, Sequence) and not is_a(values, "polars", "Series"):
        return list(values)
    if is_a(values, "numpy", "ndarray"):
        return values.tolist() if values.ndim == 1 and values.dtype.kind != "f" else list(values)
    if is_a(values, "pandas", "Series", "Index"):
        return _pandas_rows(values)
    if is_a(values, "polars", "Series"):
        return list(values.to_list())
    if is_a(values, "pyarrow", "Array", "ChunkedArray"):
        return list(values.to_pylist())
    if is_frame(values):
        return list(
            zip(*(_cells(column(values, i)) for i in range(len(names(values)))), strict=True)
        )
    raise TypeError(f"{type(values).__name__} is no batch: a list, numpy, pandas, polars or Arrow")


def _pandas_rows(values: Any) -> list[Any]:
    if is_a(values.dtype, "numpy", "dtype") and values.dtype.kind == "f":
        return list(values.to_numpy())  # NaN is a number that is none, not a gap
    gone = values.isna()
    return [None if n else v for n, v in zip(gone, values.tolist(), strict=True)]


def _cells(values: Any) -> list[Any]:
    found = numbers(values)
    return list(found.array) if found is not None and found.nulls is None else rows(values)


class Coded(NamedTuple):
    """A column of categories: as numbers, -1 for a missing one, and what they stand for, as it came."""

    codes: NDArray[Any]
    categories: Any

    def stands_for(self, categories: Any) -> bool:
        """Say whether the numbers stand for the same as those of another column."""
        mine = self.categories
        return mine is categories or (
            is_a(mine, "pyarrow", "Array")
            and type(mine) is type(categories)
            and mine.equals(categories)
        )


def coded(values: Any) -> Coded | None:
    """Return a column of categories by number; None for another."""
    if is_a(values, "pandas", "Series"):
        if not is_a(values.dtype, "pandas", "CategoricalDtype"):
            return None
        whole = values.array
        return Coded(whole.codes, whole.categories)
    if not is_a(values, "pyarrow", "Array", "ChunkedArray"):
        return None
    types = sys.modules["pyarrow"].types
    if not (types.is_dictionary(values.type) or types.is_string(values.type)):
        return None
    whole = values.combine_chunks() if is_a(values, "pyarrow", "ChunkedArray") else values
    if types.is_string(values.type):
        whole = whole.dictionary_encode()
    numbers = whole.indices.cast("int64").fill_null(-1) if whole.null_count else whole.indices
    return Coded(numbers.to_numpy(zero_copy_only=False), whole.dictionary)


def matrix(values: Any) -> NDArray[Any] | None:
    """Return a table of one numeric type as n_rows by n_columns, or None where there is another."""
    if is_a(values, "numpy", "ndarray"):
        plain = not hasattr(values, "mask")
        return values if plain and values.ndim == 2 and is_real_type(values.dtype) else None  # noqa: PLR2004
    if not is_frame(values) or not names(values):
        return None
    columns = [numbers(column(values, i)) for i in range(len(names(values)))]
    arrays = [found.array for found in columns if found is not None and found.nulls is None]
    if len(arrays) < len(columns) or len({(array.dtype, len(array)) for array in arrays}) > 1:
        return None
    stacked: NDArray[Any] = sys.modules["numpy"].column_stack(arrays)
    return stacked


def replaced(
    values: Any, at: Sequence[int] | NDArray[Any], answers: Any, *, is_own: bool = False
) -> Any:
    """Return the same column or table with other values in the rows `at`; what came stays as it was.

    An array that `is_own` is nobody else's: it is changed.
    """
    if is_a(values, "numpy", "ndarray") and values.dtype.names is None:
        return _of_array(values if is_own else values.copy(), at, answers)
    if isinstance(values, Sequence) and not is_a(values, "polars", "Series"):
        return _of_sequence(values, at, answers)
    if is_frame(values):
        return _of_frame(values, at, answers)
    if is_a(values, "pandas", "Series"):
        return _pandas_replaced(values, at, answers)
    if is_a(values, "polars", "Series"):
        return _polars_replaced(values, at, answers)
    return _arrow_replaced(values, at, answers)


def _of_array(changed: Any, at: Any, answers: Any) -> Any:
    if changed.dtype.kind == "O":
        for row, answer in zip(at, answers, strict=True):
            changed[row] = answer
    else:
        changed[at] = answers
    return changed


def _of_sequence(values: Sequence[Any], at: Any, answers: Any) -> Any:
    changed = list(values)
    for row, answer in zip(at, answers, strict=True):
        changed[row] = answer
    return tuple(changed) if isinstance(values, tuple) else changed


def _of_frame(frame: Any, at: Any, answers: Any) -> Any:
    """Rows of a table are given as sequences, one value for each of its columns."""
    changed = frame
    for position, cells in enumerate(zip(*answers, strict=True)):
        changed = with_column(changed, position, replaced(column(frame, position), at, list(cells)))
    return changed


def with_column(frame: Any, position: int, values: Any) -> Any:
    """Return the table with another column in the place of one."""
    if is_a(frame, "pandas", "DataFrame"):
        changed = frame.copy()
        changed.isetitem(position, values)
        return changed
    if is_a(frame, "polars", "DataFrame"):
        return frame.with_columns(values)
    if is_a(frame, "pyarrow", "Table", "RecordBatch"):
        return frame.set_column(position, frame.schema.field(position), values)
    name = names(frame)[position]
    if isinstance(frame, Mapping):
        return {**frame, name: values}
    changed = frame.copy()
    changed[name] = values
    return changed


def _pandas_replaced(values: Any, at: Any, answers: Any) -> Any:
    if values.dtype != object:
        changed = values.copy()
        changed.iloc[at] = answers
        return changed
    cells = _of_sequence(values.tolist(), at, answers)
    held = sys.modules["numpy"].empty(len(cells), dtype=object)
    held[:] = cells
    return type(values)(held, index=values.index, name=values.name, dtype=object)


def _polars_replaced(values: Any, at: Any, answers: Any) -> Any:
    polars = sys.modules["polars"]
    if values.dtype.is_numeric():
        return values.clone().scatter(list(at), polars.Series(answers, dtype=values.dtype))
    return polars.Series(
        values.name, _of_sequence(values.to_list(), at, answers), dtype=values.dtype
    )


def _arrow_replaced(values: Any, at: Any, answers: Any) -> Any:
    pyarrow = sys.modules["pyarrow"]
    if numbers(values) is not None:
        mask = sys.modules["numpy"].zeros(len(values), bool)
        mask[at] = True
        return import_module("pyarrow.compute").replace_with_mask(
            values, pyarrow.array(mask), pyarrow.array(answers, values.type)
        )
    cells = _of_sequence(values.to_pylist(), at, [_plain(answer) for answer in answers])
    if is_a(values, "pyarrow", "ChunkedArray"):
        return pyarrow.chunked_array([cells], type=values.type)
    return pyarrow.array(cells, type=values.type)


def _plain(answer: Any) -> Any:
    return answer.item() if is_a(answer, "numpy", "generic") else answer


def load_numpy() -> ModuleType:
    """Import numpy, for a batch of a host that has not."""
    return import_module("numpy")
