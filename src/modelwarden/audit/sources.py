"""Where an export's files are read from: a folder or a zip. Nothing outside of it is ever opened.

What is dangerous is refused before anything is read: links, names that lead out, two members of one name. What is large
is read in bounded pieces.
"""

from __future__ import annotations

import contextlib
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Final, Protocol

from modelwarden.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_FILES: Final = 250_000
CHUNK: Final = 1024 * 1024


class Source(Protocol):
    """The files of an export."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Return each file's name, with slashes, and its size in bytes."""
        ...

    def open(self, name: str) -> IO[bytes]:
        """Open one of `sizes`."""
        ...


class FolderSource:
    """A folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.sizes: dict[str, int] = {}
        for path in sorted(folder.rglob("*")):
            found = path.lstat()
            name = path.relative_to(folder).as_posix()
            if stat.S_ISDIR(found.st_mode):
                continue
            if not stat.S_ISREG(found.st_mode):
                raise Unreadable(f"{name} is a link or no ordinary file; an export holds neither")
            self.sizes[name] = found.st_size
            _check_count(len(self.sizes))

    def open(self, name: str) -> IO[bytes]:
        """Open a file."""
        return (self._folder / name).open("rb")


class ZipSource:
    """A zip file."""

    def __init__(self, packed: zipfile.ZipFile) -> None:
        self._packed = packed
        self.sizes: dict[str, int] = {}
        for member in packed.infolist():
            _check_member(member)
            if member.filename in self.sizes:
                raise Unreadable(f"{member.filename} stands in the zip twice")
            self.sizes[member.filename] = member.file_size
            _check_count(len(self.sizes))

    def open(self, name: str) -> IO[bytes]:
        """Open a member; it gives no more bytes than its size says."""
        return self._packed.open(name)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Open an export. Raises Unreadable for what is neither a folder nor a zip, or is not safe to read."""
    try:
        if path.is_dir():
            yield FolderSource(path)
            return
        with zipfile.ZipFile(path) as packed:
            yield ZipSource(packed)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise Unreadable(f"{path} is not an export that can be read: {error}") from error


def read_whole(source: Source, name: str, *, most: int) -> bytes:
    """Return a small file. Raises Unreadable when it is missing or longer than `most` bytes."""
    if source.sizes.get(name, most + 1) > most:
        raise Unreadable(f"{name} is missing, or longer than {most:,} bytes")
    with source.open(name) as file:
        return file.read(most)


def _check_member(member: zipfile.ZipInfo) -> None:
    name = PurePosixPath(member.filename)
    mode = member.external_attr >> 16
    is_plain = stat.S_ISREG(mode) or stat.S_IFMT(mode) == 0
    leads_out = name.is_absolute() or ".." in name.parts or "\\" in member.filename
    if leads_out or not is_plain or member.is_dir() or str(name) != member.filename:
        raise Unreadable(f"the zip holds {member.filename!r}, which no export does")
    if member.flag_bits & 0x1:
        raise Unreadable(f"{member.filename} is encrypted")


def _check_count(count: int) -> None:
    if count > MOST_FILES:
        raise Unreadable(f"there are more than {MOST_FILES:,} files")
