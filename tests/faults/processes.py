"""Children that write, and what has to hold of a ledger after whatever happened to them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from modelwarden.store.schema.ledger import entries
from modelwarden.warden.warden import Warden, open_warden
from tests.store.deeds import define, stored_roles, submitted, verified

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT: Final = Path(__file__).parents[2]


def started(
    url: str, keys: Path, name: str, *, count: int, threads: int = 4
) -> subprocess.Popen[str]:
    """Start a child that writes `count` entries from each of its threads."""
    command = [sys.executable, "-m", "tests.faults.child", url, str(keys), name]
    return subprocess.Popen(  # noqa: S603  # our own program
        [*command, str(count), str(threads)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def receipts(lines: Iterable[str]) -> dict[int, tuple[str, str]]:
    """Return seq → (entry hash, role) of the whole lines that a child printed."""
    found = {}
    for line in lines:
        words = line.split()
        if line.endswith("\n") and len(words) == 3:
            found[int(words[0])] = (words[1], words[2])
    return found


def check(url: str, keys: Path, answered: dict[int, tuple[str, str]]) -> int:
    """Open the database anew: everything that was answered is there, all of it verifies, and writing goes on."""
    with open_warden(url, keys_folder=keys) as warden:
        stored = _stored(warden)
        names = stored_roles(warden)
        for seq, (entry_hash, role) in answered.items():
            assert stored[seq] == entry_hash
            assert role in names
        assert list(stored) == list(range(len(stored)))
        submitted(warden, define(f"after.{len(stored)}"))
        result = verified(warden, state=True)
        assert result.problems == ()
        return result.size


def _stored(warden: Warden) -> dict[int, str]:
    query = select(entries.c.seq, entries.c.entry_hash).order_by(entries.c.seq)
    with warden.store.database.reading() as connection:
        return {row.seq: row.entry_hash.hex() for row in connection.execute(query)}
