"""Where a static log lies: files in a folder, or objects in a bucket. What is put there is whole or not there at all.

Most paths hold the same bytes for ever, so writing them again, after a crash or by two processes, does no harm; the one
path that moves, the checkpoint, is compared before it is replaced.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from modelwarden.errors import SettingInvalid, SinkDiffers, SinkUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from modelwarden.sinks.address import SinkAddress

FRESH: Final = ".new"
LOCK: Final = ".lock"


class Shelf(Protocol):
    """What a static log needs of its place. Raises SinkUnusable throughout when that does not answer."""

    def get(self, path: str, *, most: int) -> bytes | None:
        """Return what lies at a path, or None; at most so many bytes and one more are read."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Put bytes where the same bytes may lie already. Raises SinkDiffers where others do."""
        ...

    def flush(self) -> None:
        """Return once all that was put is there for good."""
        ...

    def replace(self, path: str, data: bytes, *, was: bytes | None) -> bool:
        """Put bytes in the place of `was`, for good; False if something else lies there by now."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Keep other processes from writing meanwhile, where the place can do that; reading goes on."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return the names of the files right in a folder."""
        ...

    def remove(self, path: str) -> None:
        """Remove what lies at a path and below it, if anything does."""
        ...

    def probe(self) -> str:
        """Try to write, and say in a few words what the place is."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class FolderShelf:
    """A folder, which a web server may serve as it is."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unsynced: set[Path] = set()

    def get(self, path: str, *, most: int) -> bytes | None:
        """Return what lies at a path. A link or device is nothing of ours."""
        with _told("to be read", self._root):
            try:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                with open(os.open(self._root / path, flags), "rb") as file:  # noqa: PTH123  # of a descriptor
                    is_plain = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
                    return file.read(most + 1) if is_plain else None
            except (FileNotFoundError, NotADirectoryError):
                return None

    def put(self, path: str, data: bytes) -> None:
        """Put a file in its place, whole; its name is there for good after `flush`."""
        found = self.get(path, most=len(data))
        if found == data:
            return
        if found is not None:
            raise SinkDiffers(
                f"{self._root / path} holds other bytes than this ledger: another one wrote there, or it was damaged."
                " Look at it with `modelwarden audit verify`; a new copy takes another place and name="
            )
        with _told("to be written", self._root):
            self._write(self._root / path, data)

    def flush(self) -> None:
        """Make the names durable too: the bytes are already."""
        with _told("to be synced", self._root):
            for folder in sorted(self._unsynced):
                sync_folder(folder)
            self._unsynced.clear()

    def replace(self, path: str, data: bytes, *, was: bytes | None) -> bool:
        """Compare and replace; without `alone` another process could come between."""
        if self.get(path, most=len(was or b"")) != was:
            return False
        with _told("to be written", self._root):
            self._write(self._root / path, data)
        self.flush()
        return True

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder's lock."""
        with contextlib.ExitStack() as held:
            with _told("to be locked", self._root):
                self._make(self._root)
                lock = held.enter_context((self._root / LOCK).open("ab"))
                fcntl.flock(lock, fcntl.LOCK_EX)
                # A child that was forked meanwhile has a copy, which closing leaves locked.
                held.callback(fcntl.flock, lock, fcntl.LOCK_UN)
            yield

    def names(self, folder: str) -> list[str]:
        """Return the names of what lies right in a folder and is no folder."""
        with _told("to be listed", self._root):
            try:
                with os.scandir(self._root / folder) as found:
                    return sorted(
                        each.name for each in found if not each.is_dir(follow_symlinks=False)
                    )
            except (FileNotFoundError, NotADirectoryError):
                return []

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with all in it."""
        target = self._root / path
        with _told("to be tidied", self._root), contextlib.suppress(FileNotFoundError):
            if target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink()

    def probe(self) -> str:
        """Write a file and take it away again."""
        with _told("to be written", self._root):
            self._write(self._root / ".probe", b"")
            (self._root / ".probe").unlink()
        return f"folder {self._root}"

    def close(self) -> None:
        """Nothing is open between calls."""

    def _write(self, target: Path, data: bytes) -> None:
        self._make(target.parent)
        fresh = target.with_name(target.name + FRESH)
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fdatasync(file.fileno())
        fresh.replace(target)
        self._unsynced.add(target.parent)

    def _make(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make(folder.parent)
            folder.mkdir(exist_ok=True)
            self._unsynced.add(folder.parent)


def open_shelf(address: SinkAddress) -> Shelf:
    """Return the place that an address names; nothing is written yet. Raises SettingInvalid."""
    if address.kind == "tiles+s3":
        from modelwarden.sinks.s3_shelf import open_s3_shelf  # noqa: PLC0415  # needs an extra

        return open_s3_shelf(address)
    address.known(())
    return FolderShelf(folder_of(address))


def folder_of(address: SinkAddress) -> Path:
    """Return the folder that an address names. Raises SettingInvalid."""
    if address.place or not address.path.startswith("/") or address.path == "/":
        raise SettingInvalid(
            f"sink {address.name}: name a folder from the root on, as {address.kind}:///srv/{address.kind}"
        )
    return Path(address.path)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextlib.contextmanager
def _told(what: str, place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SinkUnusable(f"the folder {place} refuses {what}: {error.strerror}") from error
