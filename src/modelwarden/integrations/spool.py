"""Batches of records on disk until the server has them: written whole, synced, sent again after a crash.

Each process writes files under a name of its own, which it holds by a lock. Whoever finds files of a name that nobody
holds sends them; refs make a record that arrives twice count once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

REFUSED: Final = "refused.txt"
_NAME: Final = re.compile(r"([0-9a-f]{16})-[0-9]{10}\.jsonl")


class Spool:
    """One process's files in a folder, oldest first, and those that dead processes left there."""

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._most_bytes = folder, most_bytes
        self._name = secrets.token_hex(8)
        self._locks: dict[str, BinaryIO] = {}
        self._number = 0
        self._hold(self._name)

    def keep(self, lines: Sequence[bytes]) -> Path:
        """Write a batch and sync it. Raises OSError, also when the spool is full."""
        data = b"\n".join(lines)
        if self.size() + len(data) > self._most_bytes:
            raise OSError(f"the spool holds {self._most_bytes:,} bytes already")
        place = self._folder / f"{self._name}-{self._number:010d}.jsonl"
        self._number += 1
        part = place.with_suffix(".part")
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(place)
        self._sync()
        return place

    def read(self, place: Path) -> list[bytes]:
        """Return the lines of a batch."""
        return [line for line in place.read_bytes().split(b"\n") if line]

    def drop(self, place: Path) -> None:
        """Remove a batch that has arrived."""
        place.unlink(missing_ok=True)

    def keep_refused(self, line: bytes) -> None:
        """Put a record aside that the ledger refuses, for people to look at."""
        with (self._folder / REFUSED).open("ab") as file:
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def left(self) -> list[Path]:
        """Return the batches that dead processes left, and hold them from now on."""
        names = {
            found[1] for path in self._folder.iterdir() if (found := _NAME.fullmatch(path.name))
        }
        free = {name for name in names if name not in self._locks and self._hold(name)}
        return sorted(path for path in self._folder.glob("*.jsonl") if path.name[:16] in free)

    def size(self) -> int:
        """Return how many bytes lie here."""
        total = 0
        for path in self._folder.glob("*.jsonl"):
            with contextlib.suppress(FileNotFoundError):  # another process sent it
                total += path.stat().st_size
        return total

    def close(self) -> None:
        """Let go of the names; another process may send what still lies here."""
        for name, lock in self._locks.items():
            if not any(self._folder.glob(f"{name}-*.jsonl")):
                self._lock(name).unlink(missing_ok=True)
            lock.close()
        self._locks.clear()

    def _hold(self, name: str) -> bool:
        file = self._lock(name).open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._locks[name] = file
        return True

    def _lock(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    def _sync(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
