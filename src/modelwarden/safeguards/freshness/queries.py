"""The SQL of datasets whose freshness is checked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, select

from modelwarden.safeguards.freshness.gate import Dataset, Freshness
from modelwarden.store.schema.triggers import datasets
from modelwarden.values.clock import moment

if TYPE_CHECKING:
    from sqlalchemy import Row

    from modelwarden.store.change import View

_ONE: Final = select(datasets).where(datasets.c.name == bindparam("name"))
_LOCKED: Final = _ONE.with_for_update()
_AFTER: Final = (
    select(datasets)
    .where(datasets.c.name > bindparam("after"))
    .order_by(datasets.c.name)
    .limit(bindparam("limit"))
)


def find_dataset(view: View, name: str, *, lock: bool = False) -> Dataset | None:
    """Return a dataset, or None."""
    row = view.row(_LOCKED if lock else _ONE, {"name": name})
    return None if row is None else _dataset(row)


def datasets_after(view: View, after: str, *, limit: int) -> list[Dataset]:
    """Return datasets by name, behind one."""
    return [_dataset(row) for row in view.rows(_AFTER, {"after": after, "limit": limit})]


def _dataset(row: Row[Any]) -> Dataset:
    values = row._asdict() | {
        "set_at": moment(row.set_at),
        "as_of": None if row.as_of is None else moment(row.as_of),
        "checked_at": None if row.checked_at is None else moment(row.checked_at),
        "verdict": None if row.verdict is None else Freshness(row.verdict),
        "reasons": tuple(json.loads(row.reasons)),
    }
    return Dataset(**values)
