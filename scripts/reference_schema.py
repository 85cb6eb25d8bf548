"""The page of the database schema, from the one metadata that the program runs with. Used by reference.py."""

# ruff: noqa: INP001  # stands beside a script, in no package

from __future__ import annotations

import ast
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from reference_text import code, page, sentence, table
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from modelwarden.store import schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Column, Index

PACKAGE: Final = Path(schema.__file__).parents[2]


def database() -> str:
    """Return all tables with their class, columns and indexes."""
    groups = {
        module.name: [
            item
            for item in vars(import_module(f"{schema.__name__}.{module.name}")).values()
            if isinstance(item, Table)
        ]
        for module in iter_modules(schema.__path__)
    }
    every = [(name, each) for name, tables in groups.items() for each in tables]
    summary = [
        [f"[{each.name}](#{each.name})", each.info["class"], each.info.get("kind", ""), name]
        for name, each in every
    ]
    return page(
        "Database schema",
        "One database holds all. Column types are those of PostgreSQL; on SQLite the tables are `STRICT` with the "
        "nearest type. Times are text in UTC, lists and mappings are canonical JSON text.",
        "The class says what a table is to the ledger. `governed`: no row moves without an entry that holds the "
        "digest of its new state. `attached`: its rows are pinned by a digest in a governed row or an entry. "
        "`text`: encrypted words that can be erased. `telemetry`: proves nothing. `plumbing`: the ledger itself, "
        "what is derived from it, and what the program needs to run.",
        table(["table", "class", "kind in entries", "room"], summary),
        *(one_table(each) for _, each in every),
    )


def one_table(each: Table) -> str:
    """Return one table: what a row is, its columns, its indexes."""
    value = each.info.get("value")
    says = class_docstrings().get(value, "") if value else ""
    dialect = postgresql.dialect()
    columns = [
        [
            code(c.name),
            c.type.compile(dialect=dialect).lower(),
            "" if c.nullable else "yes",
            key_of(c),
        ]
        for c in each.columns
    ]
    indexes = [
        index_line(index) for index in sorted(each.indexes, key=lambda index: str(index.name))
    ]
    parts = [f"## {each.name}", f"Class `{each.info['class']}`. {sentence(says)}".strip()]
    parts.append(table(["column", "type", "not null", "key"], columns).strip())
    if indexes:
        parts.append("Indexes:\n\n" + "\n".join(f"- {line}" for line in indexes))
    return "\n\n".join(parts)


def key_of(column: Column[Any]) -> str:
    """Return how a column identifies its row."""
    return "primary" if column.primary_key else "unique" if column.unique else ""


def index_line(index: Index) -> str:
    """Return an index in words."""
    where = index.dialect_options["postgresql"]["where"]
    on = ", ".join(code(column.name) for column in index.columns)
    only = (
        ""
        if where is None
        else f", where `{where.compile(compile_kwargs={'literal_binds': True})}`"
    )
    return f"{code(index.name)} on {on}{', unique' if index.unique else ''}{only}"


@cache
def class_docstrings() -> Mapping[str, str]:
    """Return the docstring of each class in the package, by its name; a guard's are in no table."""
    return MappingProxyType(
        {
            node.name: ast.get_docstring(node) or ""
            for path in sorted(PACKAGE.rglob("*.py"))
            if path.parent.name != "guard"
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.ClassDef)
        }
    )
