"""A SQLite database that has its tables and no rows, to be copied: making them takes longer than most tests."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from modelwarden.store.database import Database
from modelwarden.store.migrate import migrate


def fresh(folder: Path, name: str = "warden.db") -> str:
    """Put one into a folder, unless one is there, and return its URL; a new one has no ledger and no keys yet."""
    if not (folder / name).exists():
        (folder / name).write_bytes(_file())
    return f"sqlite:///{folder / name}"


@cache
def _file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warden.db"
        database = Database(f"sqlite:///{path}")
        migrate(database)
        database.close()
        return path.read_bytes()
