"""A version whose features have edges, what guards tell of it, and counts that have drifted or not."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

import modelwarden as mw
from modelwarden.guard.drift_edges import read_reference
from modelwarden.guard.drift_flush import DriftCounts, DriftFlush

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.guard.drift_edges import DriftReference

TABLE: Final[dict[str, Any]] = {
    "age": [float(at % 100) for at in range(2_000)],
    "plan": ["basic", "plus", "pro", "free"] * 500,
}
REFERENCE: Final[dict[str, Any]] = mw.drift_reference(TABLE)


def reference() -> DriftReference:
    return read_reference(REFERENCE)


def counts(by: Mapping[str | None, Mapping[str, Sequence[int]]]) -> DriftCounts:
    cells = {
        (value, feature): row for value, features in by.items() for feature, row in features.items()
    }
    return DriftCounts.of(reference().edges.sha256, cells)


def like_before(rows: int = 1_000) -> dict[str, tuple[int, ...]]:
    """Return cells of so many rows that lie as the reference's do."""
    return {"age": (rows // 10,) * 10 + (0, 0, 0), "plan": (rows // 4,) * 4 + (0,)}


def elsewhere(rows: int = 1_000) -> dict[str, tuple[int, ...]]:
    """Return cells of so many rows that lie where the reference has few."""
    return {"age": (rows,) + (0,) * 12, "plan": (0, 0, 0, 0, rows)}


def flush(
    by: Mapping[str | None, Mapping[str, Sequence[int]]], *, minute: int, sequence: int = 1, instance: str = ""
) -> DriftFlush:  # fmt: skip
    return DriftFlush(
        instance=instance or os.urandom(8).hex(),
        sequence=sequence,
        minute=minute,
        counts=counts(by),
    )


def body(told: DriftFlush, **fields: object) -> dict[str, Any]:
    """Return what a guard posts."""
    return {
        "model": "churn",
        "environment": "production",
        "version": "2",
        "dimension": "region",
        "flush": json.loads(told.encode()),
    } | fields
