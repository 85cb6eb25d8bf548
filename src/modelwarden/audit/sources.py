"""Where an export's files are read from: a folder or a zip. Nothing outside of it is ever opened.

What is dangerous is refused before anything is read: links, names that lead out, two members of one name. What is large
is read in bounded pieces.
"""

from __future__ import annotations

import contextlib
import io
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Final, NamedTuple, Protocol

from modelwarden.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_FILES: Final = 250_000
CHUNK: Final = 1024 * 1024
_HEADER_BYTES: Final = 30
"""Of a member's own header, without name and extra field, whose lengths stand at bytes 26 and 28."""


class Place(NamedTuple):
    """Where the bytes of a file lie on the disk as they are."""

    path: Path
    begin: int
    size: int


class Source(Protocol):
    """The files of an export."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Return each file's name, with slashes, and its size in bytes."""
        ...

    def open(self, name: str) -> IO[bytes]:
        """Open one of `sizes`."""
        ...

    def place(self, name: str) -> Place | None:
        """Return where one of `sizes` lies, or None if it is packed."""
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

    def place(self, name: str) -> Place:
        """Return where a file lies."""
        return Place(self._folder / name, 0, self.sizes[name])


class ZipSource:
    """A zip file. What is stored in it unpacked is read as it lies there: digests say more than its CRC."""

    def __init__(self, path: Path, packed: zipfile.ZipFile) -> None:
        self._path, self._packed = path, packed
        self.sizes: dict[str, int] = {}
        for member in packed.infolist():
            _check_member(member)
            if member.filename in self.sizes:
                raise Unreadable(f"{member.filename} stands in the zip twice")
            self.sizes[member.filename] = member.file_size
            _check_count(len(self.sizes))

    def open(self, name: str) -> IO[bytes]:
        """Open a member; it gives no more bytes than its size says."""
        place = self.place(name)
        return self._packed.open(name) if place is None else io.BufferedReader(_Part(place))

    def place(self, name: str) -> Place | None:
        """Return where a member lies, or None if it is packed. Raises BadZipFile if its own header says otherwise."""
        member = self._packed.getinfo(name)
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            return None
        self._packed.open(name).close()  # compares the member's own header with the directory
        with self._path.open("rb") as file:
            file.seek(member.header_offset)
            header = file.read(_HEADER_BYTES)
        lengths = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        begin = member.header_offset + _HEADER_BYTES + sum(lengths)
        return Place(self._path, begin, member.file_size)


class _Part(io.RawIOBase):
    """The bytes of a place, as a file."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._file = place.path.open("rb", buffering=0)
        self._file.seek(place.begin)
        self._left = place.size

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader hands in
        """Fill the buffer as far as the part goes."""
        count = self._file.readinto(buffer[: self._left])
        self._left -= count
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Open an export. Raises Unreadable for what is neither a folder nor a zip, or is not safe to read."""
    try:
        if path.is_dir():
            yield FolderSource(path)
            return
        with zipfile.ZipFile(path) as packed:
            yield ZipSource(path, packed)
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
