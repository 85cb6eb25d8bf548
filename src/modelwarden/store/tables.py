"""Every table of the schema, whichever rooms were imported so far."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from modelwarden.store import schema
from modelwarden.store.schema.columns import METADATA

if TYPE_CHECKING:
    from sqlalchemy import Table


@cache
def all_tables() -> tuple[Table, ...]:
    """Return every table of the schema, whichever rooms were imported so far."""
    for module in pkgutil.iter_modules(schema.__path__, f"{schema.__name__}."):
        importlib.import_module(module.name)
    return tuple(METADATA.sorted_tables)


def governed_tables() -> tuple[Table, ...]:
    """Return the tables whose rows never move without a fact (LG-6)."""
    return tuple(table for table in all_tables() if table.info["class"] == "governed")
