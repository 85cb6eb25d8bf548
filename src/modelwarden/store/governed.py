"""Governed values as rows: the fields are the columns, and one digest pins them all (LG-7)."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from sqlalchemy import Table, bindparam, insert, update

from modelwarden.store.schema.columns import METADATA
from modelwarden.values.canonical import encode
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from sqlalchemy.sql.dml import Insert, Update


class Governed(Protocol):
    """A governed value: a frozen dataclass that knows its revision, 0 before it is stored."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def revision(self) -> int:
        """Return the number of changes that this value went through."""
        ...


class Place(NamedTuple):
    """Where values of one class are kept, with the statements that keep them, built once."""

    table: Table
    kind: str
    key: str
    fields: tuple[str, ...]
    insert: Insert
    update: Update


@lru_cache(maxsize=256)
def place_of(value_class: type[Any]) -> Place:
    """Return where values of this class are kept. Raises LookupError for a class without a table."""
    for table in METADATA.tables.values():
        if table.info.get("value") == value_class.__name__:
            return _place(table, value_class)
    raise LookupError(f"no governed table keeps {value_class.__name__}")


def _place(table: Table, value_class: type[Any]) -> Place:
    fields = tuple(field.name for field in dataclasses.fields(value_class))
    columns = {column.name for column in table.columns}
    if columns != set(fields):
        raise LookupError(
            f"{table.name} and {value_class.__name__} differ in {sorted(columns ^ set(fields))}"
        )
    (key,) = (column.name for column in table.primary_key)
    change = (
        update(table)
        .where(
            table.c[key] == bindparam("kept_key"), table.c.revision == bindparam("kept_revision")
        )
        .values({name: bindparam(name) for name in fields if name != key})
    )
    return Place(table, table.info["kind"], key, fields, insert(table), change)


def as_stored(value: object, fields: tuple[str, ...]) -> dict[str, str | int | bool | None]:
    """Return a value's fields as its row keeps them."""
    return {name: stored(getattr(value, name)) for name in fields}


def stored(value: object) -> str | int | bool | None:
    """Return one field as its column keeps it: enums and times as text, collections as canonical JSON text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value.value if isinstance(value, StrEnum) else value
    if isinstance(value, datetime):
        return timestamp(value)
    return json.dumps(_bare(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _bare(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _bare(item) for key, item in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        items = sorted(value) if isinstance(value, frozenset | set) else value
        return [_bare(item) for item in items]
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, StrEnum):
        return value.value
    if value is None or isinstance(value, str | bool | int):
        return value
    raise TypeError(f"{type(value).__name__} can't stand in a governed value")


def state_digest(row: Mapping[str, Any]) -> str:
    """Return what entries carry as `after`: SHA-256 of the canonical row, without its empty columns."""
    present = {name: item for name, item in row.items() if item is not None}
    return hashlib.sha256(encode(present)).hexdigest()
