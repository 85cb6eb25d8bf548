"""The guard file: what was signed last, kept outside the database (LG-24).

Written and fsynced before a checkpoint is signed, so that a database put back to an older state is noticed. Several
processes may share it: each holds a lock while it compares and writes.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modelwarden.errors import RollbackSuspected

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Signed:
    """The largest size that was signed, and its root."""

    origin: str
    epoch: int
    size: int
    root: str


@contextmanager
def held(path: Path) -> Iterator[Signed | None]:
    """Hold the guard file's lock and give what it says; None before anything was signed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield read(path)
        finally:  # a child that was forked meanwhile has a copy, which closing leaves locked
            fcntl.flock(lock, fcntl.LOCK_UN)


def read(path: Path) -> Signed | None:
    """Return what the guard file says, or None when there is none. Raises RollbackSuspected when it can't be read."""
    try:
        found = Signed(**json.loads(path.read_text("utf-8")))
        return replace(found, size=int(found.size), root=bytes.fromhex(found.root).hex())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RollbackSuspected(
            f"the guard file can't be read ({error}); restore it from a copy"
        ) from error


def write(path: Path, signed: Signed) -> None:
    """Replace the guard file, durably. The caller holds its lock."""
    fresh = path.with_suffix(".new")
    fields = {
        "origin": signed.origin,
        "epoch": signed.epoch,
        "size": signed.size,
        "root": signed.root,
    }
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(fields, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
