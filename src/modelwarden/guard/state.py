"""What a guard keeps on disk between runs: its snapshot, the newest seen, keys, carried stops (SG-17, SG-18).

Files are 0600 in a folder that is 0700, replaced whole and flushed. A file that others may write, or that belongs to
somebody else, is not read: whoever can write a pinned key can forge a snapshot. Several workers share a folder, so a
floor is only ever raised, under a lock of the file system.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Final

from modelwarden.guard.body import read_json
from modelwarden.guard.loading import LOADING
from modelwarden.guard.snapshot import Floor
from modelwarden.guard.stops import nameable, readable, rule_digest
from modelwarden.guard.wire import MAX_WIRE_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from modelwarden.guard.stops import Rule

MOST_KEYS_BYTES: Final = 256 * 1024
MOST_CARRIED_BYTES: Final = 16 * 1024 * 1024
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class StateFolder:
    """The files of one guard: of one model in one environment, from one source.

    Every method raises OSError where the disk does, and reads nothing as absent that is there.
    """

    def __init__(self, folder: Path, *, source: str, environment: str, model: str) -> None:
        named = sha256(f"{source}\0{environment}\0{model}".encode()).hexdigest()[:16]
        issuer = sha256(source.encode()).hexdigest()[:16]
        readable = "".join(c if c.isalnum() or c in "-_" else "_" for c in f"{model}-{environment}")
        self.folder: Final = folder
        stem = f"{readable[:60]}-{named}"
        self._snapshot = folder / f"{stem}.snapshot.json"
        self._floor = folder / f"{stem}.floor.json"
        self._carried = folder / f"{stem}.carried.json"
        self._keys = folder / f"keys-{issuer}.json"
        self._lock = folder / f"{stem}.lock"
        self._locking: int | None = None

    def snapshot(self) -> bytes | None:
        """Return the snapshot that was kept, as it was sent."""
        return read_private(self._snapshot, MAX_WIRE_BYTES)

    def floor(self) -> Floor:
        """Return the newest that was ever seen. A floor that can't be read lets nothing older through: ValueError."""
        data = read_private(self._floor, 1_024)
        if data is None:
            return Floor()
        match read_json(data):
            case {"epoch": int(epoch), "generation": int(generation)}:
                return Floor(epoch, generation)
            case _:
                raise ValueError(f"{self._floor} is no floor")

    def keep(self, wire: bytes, at: Floor) -> None:
        """Keep a snapshot and raise the floor to it, unless another worker has kept a newer one."""
        self._make_folder()
        with self._locked():
            floor = self._floor_or_none()
            if floor is not None and floor > at:
                return
            if (
                floor != at
            ):  # the floor first: after a crash between both, an older snapshot is refused
                value = {"epoch": at.epoch, "generation": at.generation}
                replace_private(self._floor, json.dumps(value).encode())
            replace_private(self._snapshot, wire)

    def carried(self) -> dict[str, Any] | None:
        """Return the switches that are carried on, or None. Raises ValueError for a file that holds none."""
        data = read_private(self._carried, MOST_CARRIED_BYTES)
        if data is None:
            return None
        match read_json(data):
            case {"rules": list(rules), "dimensions": list(dimensions)}:
                return {"rules": rules, "dimensions": dimensions}
            case _:
                raise ValueError(f"{self._carried} holds no switches")

    def keep_carried(
        self, rules: Mapping[str, Rule], dimensions: Sequence[str], *, without: Collection[str]
    ) -> None:
        """Keep the switches that are carried on, beside those of other workers, without those that were let go.

        Both go by the digests of their rules.
        """
        self._make_folder()
        with self._locked():
            try:
                before = self.carried() or {"rules": [], "dimensions": []}
            except ValueError:
                before = {"rules": [], "dimensions": []}
            names = nameable((*before["dimensions"], *dimensions))
            known = {rule_digest(rule): rule for rule in readable(before["rules"], names)}
            known |= dict(rules)
            value = {
                "rules": [rule for digest, rule in known.items() if digest not in without],
                "dimensions": names,
            }
            replace_private(self._carried, json.dumps(value).encode())

    def keys(self) -> dict[str, object] | None:
        """Return the pinned keys and handovers, or None. Raises ValueError for a file that is neither."""
        data = read_private(self._keys, MOST_KEYS_BYTES)
        if data is None:
            return None
        value = read_json(data)
        if not isinstance(value, dict):
            raise TypeError(f"{self._keys} holds no keys")
        return value

    def keep_keys(self, pems: Sequence[str], handovers: Sequence[object]) -> None:
        """Keep the pinned keys."""
        self._make_folder()
        value = {"keys": list(pems), "handovers": list(handovers)}
        replace_private(self._keys, json.dumps(value).encode())

    def _floor_or_none(self) -> Floor | None:
        """Return the floor to compare with; one that is damaged is written anew by the newer snapshot."""
        try:
            return self.floor()
        except ValueError:
            return None

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one worker at a time compare and replace; where the system has no such lock, each replace is whole."""
        try:
            LOADING.load("fcntl")
            import fcntl  # noqa: PLC0415 - not on Windows
        except ImportError:
            yield
            return
        self._locking = handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:  # closing alone lets go of nothing while a child that was forked meanwhile has its copy
            fcntl.flock(handle, fcntl.LOCK_UN)
            self._locking = None
            os.close(handle)

    def after_fork(self) -> None:
        """Leave the lock to the parent, which may die before it lets go."""
        handle, self._locking = self._locking, None
        if handle is not None:
            os.close(handle)


def read_private(path: Path, most: int) -> bytes | None:
    """Return a file's bytes, or None if there is none.

    Raises:
        PermissionError: others may write it, it is a link, or it belongs to another user.
        ValueError: it is larger than `most`.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        mine = not hasattr(os, "geteuid") or found.st_uid in {os.geteuid(), 0}
        if os.name == "posix" and (not mine or found.st_mode & _OTHERS_WRITE):
            raise PermissionError(f"{path} may be written by others; it is not read")
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{path} is larger than {most:,} bytes")
    return data


def replace_private(path: Path, data: bytes) -> None:
    """Replace a file whole, readable and writable by its owner alone, and flush it to the disk."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:  # made with 0600
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
