"""The fingerprint of one file: `sha256` or, when it is large, `mw-tree-v1` (LN-8).

There is no cache of digests (LN-7 allows one outside the gate): every call reads every byte.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from modelwarden.errors import ChangedWhileHashing, FingerprintInvalid, Unreadable
from modelwarden.fingerprints.hashing import Hashing, Order, Progress, algorithm_for
from modelwarden.fingerprints.seen import (
    Algorithm,
    Comparison,
    FileSeen,
    Fingerprint,
    StatKey,
    Trust,
    compare,
)
from modelwarden.fingerprints.source import (
    Source,
    looked_at,
    opened_root,
    readable,
    resolved,
    settle,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Algorithm",
    "Comparison",
    "FileSeen",
    "Fingerprint",
    "Progress",
    "StatKey",
    "Trust",
    "compare",
    "fingerprint_file",
    "resolved_file",
]


def fingerprint_file(
    path: Path,
    *,
    algorithm: Algorithm | None = None,
    sha256_too: bool = False,
    progress: Progress | None = None,
    threads: int | None = None,
) -> FileSeen:
    """Read a file once and return its fingerprint; a link to it is resolved first.

    Args:
        path: The file.
        algorithm: `sha256` or `mw-tree-v1`; by size when None (LN-8).
        sha256_too: Whether the plain digest is wanted beside a tree, from the same read.
        progress: Called with bytes done and in all, from the hashing threads, one call at a time.
        threads: How many; all processors of this process when None, 16 at most (LN-9).

    Raises:
        ChangedWhileHashing, FingerprintInvalid, Unreadable.
    """
    return resolved_file(
        resolved(path),
        algorithm=algorithm,
        sha256_too=sha256_too,
        progress=progress,
        threads=threads,
    )


def resolved_file(
    path: Path,
    *,
    algorithm: Algorithm | None = None,
    sha256_too: bool = False,
    progress: Progress | None = None,
    threads: int | None = None,
) -> FileSeen:
    """Do the same at an absolute path that was resolved before: no link is followed any more."""
    listed = looked_at(path)
    if not stat.S_ISREG(listed.st_mode):
        raise Unreadable(f"can't read {str(path)!r}: not a regular file")
    key = StatKey.of_result(listed)
    chosen = algorithm or algorithm_for(key.size_bytes)
    if chosen not in {Algorithm.SHA256, Algorithm.TREE}:
        raise FingerprintInvalid(f"{chosen} is not for files; sha256 and mw-tree-v1 are")
    settle([key])
    with (
        opened_root(path.parent) as folder,
        Hashing(total_bytes=key.size_bytes, progress=progress, threads=threads) as hashing,
    ):
        source = Source(root=folder, path=path.name, stat=key)
        order = Order(source=source, algorithm=chosen, sha256_too=sha256_too)
        (digests,) = hashing.digests([order])
    with readable(str(path)):
        if StatKey.of(path) != key:  # LN-6: still the same file under the same name
            raise ChangedWhileHashing(str(path))
    return digests.seen_at(path, key)
