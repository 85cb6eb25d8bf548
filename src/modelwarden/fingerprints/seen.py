"""What a fingerprint is, and what was seen of one file: values only (LN-1, LN-5, LN-6).

Nothing here reads a file, apart from `StatKey.of`, which asks the file system for one stat.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from modelwarden.errors import FingerprintInvalid
from modelwarden.values.ids import HEX_DIGEST, FingerprintText

if TYPE_CHECKING:
    import os
    from pathlib import Path


class Algorithm(StrEnum):
    """The ids of LN's section 2. A definition never changes; a change is a new id (LN-3)."""

    SHA256 = "sha256"
    TREE = "mw-tree-v1"
    DIRECTORY = "mw-dir-v1"
    PREFIX = "mw-prefix-v1"
    FRAME = "mw-frame-v1"


class Comparison(StrEnum):
    """What two fingerprints say; a check reads `incomparable` as unknown (LN-1)."""

    EQUAL = "equal"
    DIFFERENT = "different"
    INCOMPARABLE = "incomparable"


class Trust(StrEnum):
    """How far a stored fingerprint is trusted (LN-5)."""

    ASSERTED = "asserted"
    """Computed on a client."""
    VERIFIED = "verified"
    """Computed by the server, or by a process that it trusts as itself, from bytes it read."""
    REFERENCE = "reference"
    """A pinned version id; nothing was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """The digest of some content under one algorithm; `str()` gives its text form (LN-1)."""

    algorithm: Algorithm
    hex: str

    def __post_init__(self) -> None:
        if HEX_DIGEST.fullmatch(self.hex) is None:
            raise FingerprintInvalid(f"{self.hex!r} is not 64 lowercase hex digits")

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """Return the fingerprint that `str()` wrote. Raises FingerprintInvalid."""
        algorithm, colon, digits = text.partition(":")
        if not colon or algorithm not in set(Algorithm):
            known = ", ".join(Algorithm)
            raise FingerprintInvalid(f"{text!r} is not <algorithm>:<64 hex>, algorithm of {known}")
        return cls(algorithm=Algorithm(algorithm), hex=digits)

    def __str__(self) -> FingerprintText:
        return FingerprintText(f"{self.algorithm}:{self.hex}")


def compare(a: Fingerprint, b: Fingerprint) -> Comparison:
    """Say whether the content is equal; two algorithms can't be compared (LN-1)."""
    if a.algorithm is not b.algorithm:
        return Comparison.INCOMPARABLE
    return Comparison.EQUAL if a.hex == b.hex else Comparison.DIFFERENT


@dataclass(frozen=True, slots=True, kw_only=True)
class StatKey:
    """What changes when a file is replaced or written to (LN-6).

    The change time can't be set back by the file's owner. Blind spots: whoever sets the clock back,
    and a writer that had the file mapped into memory, and written to, before the first look.
    """

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, path: Path) -> StatKey:
        """Look at the path itself: a symlink is not followed. Raises OSError."""
        return cls.of_result(path.lstat())

    @classmethod
    def of_result(cls, result: os.stat_result) -> StatKey:
        """Take the fields from what `os.stat` gave."""
        return cls(
            device=result.st_dev,
            inode=result.st_ino,
            size_bytes=result.st_size,
            mtime_ns=result.st_mtime_ns,
            ctime_ns=result.st_ctime_ns,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSeen:
    """A file that was read from its first byte to its last.

    `path` is absolute, with every link resolved: where the bytes really came from. `sha256` is the
    plain digest; None when only a tree was asked for (LN-8).
    """

    path: Path
    size_bytes: int
    sha256: Fingerprint | None
    fingerprint: Fingerprint
    stat: StatKey
