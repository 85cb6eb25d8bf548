"""A drift reference from a reference table: read where the rows are, so that only edges and counts leave (SG-49)."""

from __future__ import annotations

from collections import Counter
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

from modelwarden.errors import DriftInvalid
from modelwarden.guard import columns
from modelwarden.guard.drift import (
    ROWS_A_CELL,
    TOP,
    Categories,
    Edges,
    FrozenEdges,
    category_name,
    items_of,
)
from modelwarden.guard.drift_edges import DriftReference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modelwarden.guard.drift import Column, Feature

LEAST_NAMED: Final = 5
"""A category of fewer rows has no name of its own: what is rare may be a person's."""


def drift_reference(frame: Any, *, columns: Iterable[str] | None = None) -> dict[str, object]:  # noqa: ANN401
    """Return what a version is registered with as its `drift_reference`: edges and counts of features, as JSON.

    `frame` is a table of pandas, Polars or Arrow, or a mapping of names to columns; it is read here, and no row is in
    what is returned. Numbers are cut at their deciles; of categories the most frequent are named, if five rows have
    them. `columns` are the features; all of the table unless given.

    Raises:
        DriftInvalid: a column is missing, holds neither numbers nor categories, or too few rows: 650 always do.
    """
    return reference_of(frame, wanted=columns).encode()


def reference_of(frame: Any, *, wanted: Iterable[str] | None = None) -> DriftReference:  # noqa: ANN401 - any table
    """Return the reference of a table. Raises DriftInvalid."""
    found = columns_of(frame)
    chosen = sorted(set(found) if wanted is None else set(wanted))
    missing = [name for name in chosen if name not in found]
    if missing:
        raise DriftInvalid("columns", f"columns of the table, which has no {missing[0]!r}")
    features = [(name, _feature(name, found[name])) for name in chosen]
    counts = tuple(tuple(feature.count(found[name])) for name, feature in features)
    return DriftReference(FrozenEdges(tuple(features)), counts)


def columns_of(frame: Any) -> Mapping[str, Any]:  # noqa: ANN401 - any table
    """Return the columns of a table by name. Raises DriftInvalid for what is no table."""
    if not columns.is_frame(frame):
        raise DriftInvalid("frame", "a table, or a mapping of names to columns")
    names = columns.names(frame)
    return {str(name): _plain(columns.column(frame, at)) for at, name in enumerate(names)}


def _plain(column: Any) -> Any:  # noqa: ANN401 - any column
    """Return a column that has no array of its own as one."""
    if columns.is_a(column, "pyarrow", "Array"):
        return column.to_numpy(zero_copy_only=False)
    return column


def _feature(name: str, column: Column) -> Feature:
    items = items_of(column)
    if any(isinstance(value, str | bytes) for value in items):
        return _categories(items)
    if any(isinstance(value, Real) for value in items):
        return Edges.of(column)
    raise DriftInvalid("columns", f"numbers or categories in {name!r}")


def _categories(items: Sequence[object]) -> Categories:
    """Return the categories that are frequent enough to be named, and few enough for the rows to tell of drift."""
    counted = Counter(map(category_name, items))
    counted.pop(None, None)
    frequent = [
        name for name, count in counted.items() if name is not None and count >= LEAST_NAMED
    ]
    frequent.sort(key=lambda name: (-counted[name], name))
    most = max(1, min(TOP, len(items) // ROWS_A_CELL - 1))
    return Categories(tuple(frequent[:most]))
