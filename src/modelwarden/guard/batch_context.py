"""The context of a batch: columns, and values that are the same for all rows (SG-28). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.guard import columns
from modelwarden.guard.remembered import key_text
from modelwarden.guard.scope import plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping


KEY: Final = "key"


class BatchContext(NamedTuple):
    """The context of a batch.

    Attributes:
        columns: as they came.
        fixed: what is the same for all rows.
        keys: the callers' keys row by row, where they are given as a column.
        rows: how many the columns have; None without one.
    """

    columns: Mapping[str, Any]
    fixed: Mapping[str, object]
    keys: list[object] | None
    rows: int | None

    def rows_of(self, name: str) -> list[object]:
        """Return a column row by row."""
        return columns.rows(self.columns[name])


NO_CONTEXT: Final = BatchContext({}, {}, None, None)


def batch_context(context: Mapping[str, Any], keys: Any) -> BatchContext:
    """Read the context of a batch. Raises ValueInvalid for columns of different lengths."""
    if keys is None and not context:
        return NO_CONTEXT
    named = {**context, **({} if keys is None else {KEY: keys})}
    several = {n: v for n, v in named.items() if is_column(v)}
    lengths = {len(column) for column in several.values()}
    if len(lengths) > 1:
        raise ValueInvalid("context", "columns of one number of rows")
    fixed = {n: v for n, v in named.items() if n not in several}
    found = [plain_value(key) for key in columns.rows(several[KEY])] if KEY in several else None
    return BatchContext(several, fixed, found, lengths.pop() if lengths else None)


def is_column(value: object) -> bool:
    """Say whether a value is one of each row."""
    return (
        isinstance(value, list | tuple)
        or (columns.is_a(value, "numpy", "ndarray") and bool(getattr(value, "ndim", 0)))
        or columns.is_a(value, "pandas", "Series", "Index")
        or columns.is_a(value, "polars", "Series")
        or columns.is_a(value, "pyarrow", "Array", "ChunkedArray")
    )


def text_of(key: object) -> str | None:
    """Return a key as text, or None for one that is none."""
    try:
        return key_text(plain_value(key))
    except ValueInvalid:
        return None


def plain_value(value: Any) -> Any:
    """Return a single number or text of numpy as Python's own."""
    return value.item() if columns.is_a(value, "numpy", "generic") else value


def hashable(value: Any) -> Any:
    """Return a value as the matcher takes it; what is neither text nor a whole number counts as missing."""
    return value if type(value) is str else plain_text(plain_value(value))
