"""What is the same each time, and that tests therefore do once a process: a fifth of what opening a warden takes.

Nothing of ours is replaced: a variable that OpenSSL and httpx read, dialects that SQLAlchemy looks up by name, and the
commands that Typer's runner for tests builds.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer.main
import typer.testing
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

ROOT: Final = Path(__file__).with_name("nobodys_root.pem")
"""A certificate whose key was thrown away."""
COMPILED: Final[dict[object, object]] = {}


def take() -> None:
    """Take them all, before anything opens a database or makes a client."""
    # Each run of a command would build all two hundred.
    typer.testing._get_command = cache(typer.main.get_command)
    registry.register("sqlite", __name__, OneSqlite.__name__)
    registry.register("postgresql.psycopg", __name__, OnePostgres.__name__)
    # Each client by httpx loads the roots of the machine, for twenty milliseconds; no test calls further than it.
    os.environ.setdefault("SSL_CERT_FILE", str(ROOT))


def outside() -> Mapping[str, str]:
    """Return the environment for a program that does call further, to build another."""
    return {k: v for k, v in os.environ.items() if (k, v) != ("SSL_CERT_FILE", str(ROOT))}


class _Compiling:
    """Engines of one dialect compile alike, so that all of a process may share what was compiled."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        """Share; SQLAlchemy calls this for each engine."""
        engine.update_execution_options(compiled_cache=COMPILED)


class OneSqlite(_Compiling, SQLiteDialect_pysqlite):
    """SQLite."""

    supports_statement_cache = True


class OnePostgres(_Compiling, PGDialect_psycopg):
    """PostgreSQL."""

    supports_statement_cache = True
