"""SQL stands in `store/` and `queries.py`; its text, and the word commit, in `store/` alone."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.house.source import PACKAGE, imported, parse, relative

if TYPE_CHECKING:
    from collections.abc import Iterator

DRIVERS: Final = frozenset({"alembic", "psycopg", "psycopg_pool", "sqlite3"})
OWN_FILES: Final = frozenset({"guard/sqlite_store.py"})
"""SQL of a file that is no part of the product's database: a guard's, on the host's disk, by the standard library."""
STATEMENT: Final = re.compile(
    r"\s*(SELECT\s.+\sFROM\s|SELECT\s+1\b|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s"
    r"|(CREATE|DROP|ALTER)\s+(TABLE|INDEX|UNIQUE|TRIGGER|VIEW)\s|PRAGMA\s|BEGIN\s+IMMEDIATE"
    r"|SAVEPOINT\s|WITH\s+\w+\s+AS\s*\()",
    re.DOTALL,
)


def breaches(place: str, tree: ast.Module) -> Iterator[str]:
    """Yield each piece of SQL that stands where it may not; `place` is relative to the package."""
    if place.startswith("store/") or place in OWN_FILES:
        return
    for name, line in imported(tree):
        if not may_import(place, name):
            yield f"{line}: imports {name}"
    yield from statements(tree)
    yield from calls(tree)


def may_import(place: str, name: str) -> bool:
    """Say whether a file outside `store/` may import the name."""
    if place.endswith("/queries.py"):
        return name.partition(".")[0] not in DRIVERS and name != "sqlalchemy.text"
    return name.partition(".")[0] not in {*DRIVERS, "sqlalchemy"}


def statements(tree: ast.Module) -> Iterator[str]:
    """Yield each text that reads like SQL, docstrings aside."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in prose else None
        if isinstance(text, str) and STATEMENT.match(text):
            yield f"{node.lineno}: {text[:40]!r}"


def calls(tree: ast.Module) -> Iterator[str]:
    """Yield each call that only the store may make."""
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr in {"commit", "exec_driver_sql"}:
            yield f"{called.lineno}: .{called.attr}()"


def test_sql_stands_where_it_belongs() -> None:
    paths = sorted(PACKAGE.rglob("*.py"))
    assert [
        f"{relative(p)}:{line}"
        for p in paths
        for line in breaches(p.relative_to(PACKAGE).as_posix(), parse(p))
    ] == []


@pytest.mark.parametrize(
    ("place", "sample"),
    [
        ("registry/actions.py", "from sqlalchemy import select"),
        ("warden.py", "def f():\n    import sqlalchemy.exc"),
        ("registry/queries.py", "import sqlite3"),
        ("guard/guard.py", "import sqlite3"),
        ("registry/queries.py", "from sqlalchemy import text"),
        ("registry/queries.py", "connection.exec_driver_sql(x)"),
        ("registry/actions.py", "connection.commit()"),
        ("cli/main.py", "x = 'SELECT id\\nFROM models '"),
        ("cli/main.py", "x = f'DELETE FROM {name}'"),
    ],
)
def test_a_breach_is_seen(place: str, sample: str) -> None:
    assert list(breaches(place, ast.parse(sample))) != []


@pytest.mark.parametrize(
    ("place", "sample"),
    [
        ("registry/queries.py", "from sqlalchemy import bindparam, select"),
        ("guard/sqlite_store.py", "import sqlite3"),
        ("store/schema.py", "x = 'CREATE TABLE t (id TEXT)'\nimport sqlite3"),
        ("cli/main.py", '"""SELECT a FROM b is what this does not do."""'),
        ("lineage/run.py", "x = environment.commit"),
        ("cli/main.py", "x = 'Select a model from the list'"),
    ],
)
def test_what_is_allowed_passes(place: str, sample: str) -> None:
    assert list(breaches(place, ast.parse(sample))) == []
