"""How tables are declared: one metadata, and what each table is to the ledger (LG-6).

`governed` rows never move without a fact; `attached` rows are pinned by a digest in their owner's row or fact; `text`
rows hold erasable words; `telemetry` proves nothing until sealed; `plumbing` serves the program itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Boolean, MetaData, Table
from sqlalchemy.ext.compiler import compiles

if TYPE_CHECKING:
    from sqlalchemy.sql.schema import SchemaItem

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


@compiles(BigInteger, "sqlite")
@compiles(Boolean, "sqlite")
def _strict_integer(*_: object, **__: object) -> str:
    """Name the one type of whole numbers that a STRICT table of SQLite knows."""
    return "INTEGER"


def governed(name: str, *items: SchemaItem, kind: str, value: str) -> Table:
    """Declare a table of governed values: `value` names the class whose fields are its columns."""
    info = {"class": "governed", "kind": kind, "value": value}
    return Table(name, METADATA, *items, info=info, sqlite_strict=True)


def attached(name: str, *items: SchemaItem) -> Table:
    """Declare a table whose rows are pinned by a digest in another row or fact."""
    return Table(name, METADATA, *items, info={"class": "attached"}, sqlite_strict=True)


def other(name: str, *items: SchemaItem, role: str, kept: tuple[str, str] | None = None) -> Table:
    """Declare a table of class `text`, `telemetry` or `plumbing`.

    `kept` says by which kind of retention its rows are deleted, and which column tells since when they are old (AC-84).
    """
    info: dict[str, object] = {"class": role}
    if kept is not None:
        info["kept"] = kept
    return Table(name, METADATA, *items, info=info, sqlite_strict=True)
