"""One open segment of a WORM folder: appended, synced, found again after a crash (LG-51)."""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from modelwarden.errors import LineInvalid, SinkDiffers, SinkUnusable
from modelwarden.ledger.entry import parse_line
from modelwarden.ledger.merkle import leaf_hash
from modelwarden.sinks.shelf import sync_folder
from modelwarden.sinks.worm_folder import MOST_SEAL_BYTES, READ, Segment, read_seal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from modelwarden.ledger.entry import Line, Stored

LINE_BYTES: Final = 64 * 1024
"""No line is longer: a body has at most 32 KiB."""
APPEND: Final = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
MODE: Final = 0o644


class End(NamedTuple):
    """The last entry that is written; before the first it is -1, with the hash that begins the chain."""

    seq: int
    entry_hash: bytes


class Found(NamedTuple):
    """Where a folder ends: its last entry, the segment to go on in, and whether that one is closed."""

    end: End
    open: OpenSegment | None
    sealed: bool


class OpenSegment:
    """A segment that lines are appended to. Raises SinkUnusable for what the disk refuses."""

    def __init__(self, folder: Path, segment: Segment, before: bytes, opened: int) -> None:
        self.segment, self.before = segment, before
        self.end = End(segment.first - 1, before)
        self.bytes = 0
        self._path, self._opened = segment.lines(folder), opened
        self._hash = sha256()
        self._waiting: list[bytes] = []

    @classmethod
    def create(cls, folder: Path, segment: Segment, before: bytes) -> Self:
        """Make a new file; its name is there for good."""
        path = segment.lines(folder)
        fresh = [each for each in (path.parent.parent, path.parent) if not each.is_dir()]
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(path, APPEND | os.O_CREAT | os.O_EXCL, MODE)
        for each in (path.parent, *(made.parent for made in fresh)):
            sync_folder(each)
        return cls(folder, segment, before, opened)

    @classmethod
    def resume(cls, folder: Path, segment: Segment, before: bytes) -> Self:
        """Read what is there, end a torn line, and go on behind it. Raises SinkDiffers for what is no beginning."""
        path = segment.lines(folder)
        found = cls(folder, segment, before, os.open(path, APPEND))
        try:
            is_torn = found._read()
            if is_torn:
                found._write(b"\n")
            os.fsync(found._opened)  # what a killed process wrote may not be on the disk yet
        except BaseException:
            found.release()
            raise
        return found

    @property
    def digest(self) -> str:
        """The hex SHA-256 of all that was written."""
        return self._hash.hexdigest()

    def append(self, stored: Stored, data: bytes) -> None:
        """Take a line; `flush` writes it."""
        self._waiting.append(data)
        self.bytes += len(data)
        self.end = End(stored.seq, stored.entry_hash)

    def flush(self) -> None:
        """Write what waits, and return when the disk has it."""
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            self.bytes -= len(data)
            self._write(data)
            os.fdatasync(self._opened)

    def finish(self) -> None:
        """Write what waits, and let go of the file."""
        self.flush()
        os.fsync(self._opened)
        self.release()

    def release(self) -> None:
        """Let go of the file, whatever waits."""
        opened, self._opened = self._opened, -1
        if opened >= 0:
            os.close(opened)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._opened, left) :]
        self._hash.update(data)
        self.bytes += len(data)

    def _read(self) -> bool:
        """Take the lines that are there; return whether the last one was torn."""
        is_torn = False
        for data in raw_lines(self._path):
            self._hash.update(data)
            self.bytes += len(data)
            is_torn = not data.endswith(b"\n")
            found = whole(data)
            if found is None or found.stored.entry_hash == self.end.entry_hash:
                continue  # torn by a crash, or written twice; the one that follows tells
            stored, wanted = found.stored, self.end.seq + 1
            if (stored.seq, found.previous_hash) != (wanted, self.end.entry_hash):
                raise SinkDiffers(
                    f"{self._path} has entry {stored.seq} where {wanted} has to be: it was changed. Put the file back"
                    " from another copy, or give a new copy another folder and name="
                )
            self.end = End(stored.seq, stored.entry_hash)
        return is_torn


def end_of(folder: Path, known: Sequence[Segment], start: bytes) -> Found:
    """Return where a folder ends, with its last segment open again unless it is sealed. Raises SinkDiffers."""
    if not known:
        return Found(End(-1, start), None, sealed=False)
    *older, newest = known
    end = sealed_end(folder, newest)
    if end is not None:
        return Found(end, None, sealed=True)
    before = sealed_end(folder, older[-1]) if older else End(-1, start)
    if before is None or before.seq != newest.first - 1:  # the seal before stood when this began
        raise SinkDiffers(
            f"{newest.lines(folder)} begins with entry {newest.first}, and no sealed segment ends right before it: a"
            " segment or its seal is gone. Put it back from another copy"
        )
    found = OpenSegment.resume(folder, newest, before.entry_hash)
    return Found(found.end, found, sealed=False)


def sealed_end(folder: Path, segment: Segment) -> End | None:
    """Return the last entry that a segment's seal names, or None if it has none."""
    path = segment.seal(folder)
    if not path.exists():
        return None
    seal = read_seal(read_small(path, most=MOST_SEAL_BYTES) or b"")
    if seal is None or seal.first != segment.first:
        raise SinkDiffers(f"the seal {path} is damaged. Put it back from another copy")
    return End(seal.last, bytes.fromhex(seal.entry_hash))


def raw_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of an ordinary file, each up to 64 KiB; links and devices are not followed."""
    with open(os.open(path, READ), "rb") as file:  # noqa: PTH123  # of a descriptor
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise SinkUnusable(f"{path} is no ordinary file")
        while data := file.readline(LINE_BYTES):
            yield data


def last_whole(path: Path) -> Line | None:
    """Return the last line of an ordinary file that is whole, among its last few; None if there is none."""
    try:
        with open(os.open(path, READ), "rb") as file:  # noqa: PTH123  # of a descriptor
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4 * LINE_BYTES))
            lines = file.read(4 * LINE_BYTES).split(b"\n")[:-1]
    except OSError:
        return None
    return next((found for data in reversed(lines) if (found := whole(data + b"\n"))), None)


def read_small(path: Path, *, most: int) -> bytes | None:
    """Return a small ordinary file; None if it is missing, another thing, or longer."""
    try:
        with open(os.open(path, READ), "rb") as file:  # noqa: PTH123  # of a descriptor
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            data = file.read(most + 1)
            return data if len(data) <= most else None
    except OSError:
        return None


def whole(data: bytes) -> Line | None:
    """Return what a line says if it is whole: one that was torn can parse too, but not with the right hash."""
    try:
        found = parse_line(data)
    except LineInvalid:
        return None
    return found if leaf_hash(found.stored.body) == found.stored.leaf else None
