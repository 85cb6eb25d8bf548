"""Parts on disk until they arrive, so that a killed process loses what it did not yet count up, and no more (SL-16).

Each recorder writes files under its instance, which it holds by a lock; whoever finds files that nobody holds sends
them under the name that they were counted by, so that nothing counts twice. A file is there whole or not at all. It is
not forced to the disk: what a machine loses that goes down is told by the silence.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 64 * 1_048_576
_PART: Final = re.compile(r"([0-9a-f]{16})-[0-9]{12}\.part")


class Spool:
    """The files of one instance, and those that dead ones left. One thread at a time uses it."""

    def __init__(self, folder: Path, instance: str) -> None:
        """Hold the instance's name. Raises OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._instance = folder, instance
        self._number = 0
        self._locks: dict[str, int] = {}
        self._hold(instance)

    def keep(self, data: bytes) -> Path:
        """Write a part. Raises OSError."""
        self._number += 1
        path = self._folder / f"{self._instance}-{self._number:012d}.part"
        half = path.with_suffix(".half")
        handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        half.replace(path)
        return path

    def left(self) -> list[tuple[str, Path]]:
        """Return instance and file of what dead recorders left, oldest first of each; they are held from now on."""
        found = []
        for path in sorted(self._folder.glob("*.part")):
            named = _PART.fullmatch(path.name)
            if named and named[1] != self._instance and self._hold(named[1]):
                found.append((named[1], path))
        return found

    def close(self) -> None:
        """Let go of all names; who left nothing leaves no lock behind."""
        for instance, handle in self._locks.items():
            if not any(self._folder.glob(f"{instance}-*.part")):
                with contextlib.suppress(OSError):
                    self._lock(instance).unlink(missing_ok=True)
            os.close(handle)
        self._locks.clear()

    def after_fork(self) -> None:
        """Leave the names to the parent."""
        for handle in self._locks.values():
            os.close(handle)
        self._locks.clear()

    def _hold(self, instance: str) -> bool:
        if instance in self._locks:
            return True
        try:
            import fcntl  # noqa: PLC0415 - not on Windows, where nobody takes over
        except ImportError:
            return False
        handle = os.open(self._lock(instance), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self._locks[instance] = handle
        return True

    def _lock(self, instance: str) -> Path:
        return self._folder / f"{instance}.lock"
