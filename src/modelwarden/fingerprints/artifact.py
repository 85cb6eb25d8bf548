"""A model artifact, file or folder: what is kept of it, and where it may lie (LN-8, RL-4)."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeAlias

from modelwarden.errors import FingerprintInvalid, Unreadable, WardenError
from modelwarden.fingerprints.file import resolved_file
from modelwarden.fingerprints.folder import FolderSeen, entries_at, resolved_folder
from modelwarden.fingerprints.listing import Rules, Symlinks
from modelwarden.fingerprints.seen import FileSeen, Fingerprint, StatKey
from modelwarden.fingerprints.source import looked_at, resolved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.fingerprints.hashing import Progress

Seen: TypeAlias = FileSeen | FolderSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What the registry needs of a file or folder that was read.

    `subject_sha256` is the in-toto subject, 64 hex digits: plain SHA-256 of the file, or of the
    folder's manifest. `fingerprints` begins with the one of LN-8 or LN-10; the plain one of a large
    file follows.
    """

    seen: Seen
    subject_sha256: str
    fingerprints: tuple[Fingerprint, ...]

    @classmethod
    def of(cls, seen: Seen) -> Self:
        """View what was read as an artifact. Raises FingerprintInvalid without plain SHA-256."""
        if isinstance(seen, FolderSeen):
            subject, unique = seen.manifest_sha256, {seen.fingerprint: None}
        elif seen.sha256 is None:
            raise FingerprintInvalid(f"{str(seen.path)!r} was read without plain SHA-256 (LN-8)")
        else:
            subject, unique = seen.sha256, {seen.fingerprint: None, seen.sha256: None}
        return cls(seen=seen, subject_sha256=subject.hex, fingerprints=tuple(unique))

    @property
    def path(self) -> Path:
        """Return where it was read, absolute, with every link resolved."""
        return self.seen.path

    @property
    def size_bytes(self) -> int:
        """Return the size of the file, or of all files of the folder."""
        return self.seen.size_bytes

    @property
    def manifest(self) -> bytes | None:
        """Return the manifest of a folder (LN-10)."""
        return self.seen.manifest if isinstance(self.seen, FolderSeen) else None

    @property
    def stats(self) -> tuple[tuple[str, StatKey], ...]:
        """Return each path as in the manifest (a lone file: its name) with its stat when read."""
        if isinstance(self.seen, FolderSeen):
            return self.seen.stats
        return ((self.seen.path.name, self.seen.stat),)


def fingerprint(
    path: Path,
    *,
    roots: Sequence[Path] | None = None,
    ignore: Sequence[str] = (),
    symlinks: Symlinks = "refuse",
    sha256_too: bool = False,
    progress: Progress | None = None,
) -> Seen:
    """Read a file or folder and return its fingerprint; `ignore` and `symlinks` are about folders.

    With `roots`, what does not lie below one of them is not touched (RL-4): the path is resolved
    once, and from then on no link is followed, so that swapping one afterwards leads nowhere.

    Raises:
        ChangedWhileHashing, PathNotPortable, SpecialFile, SymlinkEscapes, Unreadable.
    """
    place = resolved(path) if roots is None else within(path, roots)
    if place is None:
        raise Unreadable(f"{str(path)!r} is not below a folder that may be read (artifacts.roots)")
    if stat.S_ISDIR(looked_at(place).st_mode):
        rules = Rules.of(ignore=ignore, symlinks=symlinks)
        return resolved_folder(place, rules=rules, sha256_too=sha256_too, progress=progress)
    return resolved_file(place, sha256_too=sha256_too, progress=progress)


def unchanged(seen: Seen) -> bool:
    """Say, without reading a byte, whether every file is as it was when it was read (LN-6).

    True says that nobody wrote since, as far as the file system's times tell (see `StatKey`).
    """
    try:
        if isinstance(seen, FolderSeen):
            listed = entries_at(seen.path, rules=seen.rules)
            return tuple((entry.path, entry.stat) for entry in listed) == seen.stats
        return StatKey.of(seen.path) == seen.stat
    except (OSError, WardenError):
        return False


def within(path: Path, roots: Sequence[Path]) -> Path | None:
    """Return the path with its links resolved if it lies at or below a root (RL-4).

    It need not exist. None says no, alike for what exists outside and for what does not.
    """
    try:
        place = Path(os.path.realpath(path))
        below = any(place.is_relative_to(os.path.realpath(root)) for root in roots)
    except (OSError, ValueError):  # ValueError: a zero byte in the path
        return None
    return place if below else None
