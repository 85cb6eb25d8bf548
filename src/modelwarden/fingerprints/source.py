"""Opening what is to be hashed: no link is followed, a change is noticed (LN-6, LN-11).

A path is resolved once; from then on every part of it is opened by name below the directory before
it, refusing links. Whoever swaps a folder for a link after it was looked at gets an error, not
another place read.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelwarden.errors import ChangedWhileHashing, Unreadable
from modelwarden.fingerprints.seen import StatKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TICK_NS: Final = 20_000_000
"""No file system clock that we know ticks slower than this; Linux takes 1 to 10 ms."""

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY
FILE: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY  # a pipe put in its place must not block

_STRICT: Final = os.O_NOFOLLOW | os.O_CLOEXEC
_PASSING: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | _STRICT
_GONE: Final = frozenset({errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ESTALE, errno.ENXIO})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One regular file to read: its path below an open folder, its stat when it was listed."""

    root: int
    path: str
    stat: StatKey

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Give a descriptor of the very file that was listed. Raises as `readable`."""
        with readable(self.path):
            file = open_below(self.root, self.path, FILE)
        with closing(file):
            with readable(self.path):
                if StatKey.of_result(os.fstat(file)) != self.stat:
                    raise ChangedWhileHashing(self.path)
                if os.pread(file, 1, self.stat.size_bytes):  # as /proc: bytes that no stat tells of
                    raise ChangedWhileHashing(self.path)
            yield file

    def fill(self, file: int, buffer: memoryview, *, offset: int) -> None:
        """Read as many bytes as the buffer holds. Raises as `readable`, also at an early end."""
        filled = 0
        with readable(self.path):
            while filled < len(buffer):
                count = os.preadv(file, [buffer[filled:]], offset + filled)
                if count == 0:
                    raise ChangedWhileHashing(self.path)
                filled += count


def resolved(path: Path) -> Path:
    """Return the absolute path with every link resolved. Raises Unreadable."""
    try:
        return Path(os.path.realpath(path, strict=True))
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise _unreadable(str(path), error) from error


def looked_at(path: Path) -> os.stat_result:
    """Return the stat of the path itself: a link is not followed. Raises Unreadable."""
    try:
        return path.lstat()
    except OSError as error:
        raise _unreadable(str(path), error) from error


@contextmanager
def opened_root(path: Path) -> Iterator[int]:
    """Give a descriptor of the folder at a resolved path. Raises as `readable`."""
    with readable(str(path)), closing(os.open("/", _PASSING)) as slash:
        folder = open_below(slash, str(path).lstrip("/") or ".", FOLDER)
    with closing(folder):
        yield folder


def open_below(root: int, path: str, flags: int) -> int:
    """Open a relative path below a directory; a link in any part of it fails. Raises OSError."""
    *folders, name = path.split("/")
    at = root
    try:
        for folder in folders:
            deeper = os.open(folder, _PASSING, dir_fd=at)
            if at != root:
                os.close(at)
            at = deeper
        return os.open(name, flags | _STRICT, dir_fd=at)
    finally:
        if at != root:
            os.close(at)


@contextmanager
def readable(path: str) -> Iterator[None]:
    """Make errors about a path that was there just now ours: ChangedWhileHashing, Unreadable."""
    try:
        yield
    except OSError as error:
        if error.errno in _GONE:
            raise ChangedWhileHashing(path) from error
        raise _unreadable(path, error) from error


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Close the descriptor at the end."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def settle(stats: Iterable[StatKey]) -> None:
    """Wait, at most one tick, until a write would give a newer change time than these.

    Before Linux 6.13, two writes within one tick of the file system's clock leave the same times:
    without the wait, the second one could come after reading and not be noticed. Call it between
    looking and reading.
    """
    newest = max((stat.ctime_ns for stat in stats), default=0)
    age = time.time_ns() - newest
    if age < TICK_NS:
        time.sleep(min(TICK_NS - age, TICK_NS) / 1e9)


def _unreadable(path: str, error: Exception) -> Unreadable:
    return Unreadable(f"can't read {path!r}: {getattr(error, 'strerror', None) or error}")
