"""The fingerprint of a folder: `mw-dir-v1` and its manifest (LN-10, LN-11).

The manifest lists every file with its own fingerprint, one canonical JSON object a line; its plain
SHA-256 is what `sha256sum` prints, and the in-toto subject.
"""

from __future__ import annotations

import hashlib
import stat
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelwarden.errors import ChangedWhileHashing, Unreadable, WardenError
from modelwarden.fingerprints.hashing import Digests, Hashing, Order, Progress, algorithm_for
from modelwarden.fingerprints.listing import Entry, Rules, Symlinks, case_twins, entries
from modelwarden.fingerprints.seen import Algorithm, FileSeen, Fingerprint, StatKey
from modelwarden.fingerprints.source import Source, looked_at, opened_root, resolved, settle
from modelwarden.ledger.merkle import leaf_hash, tree_root
from modelwarden.values.canonical import encode_any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSeen:
    """A folder of which every file was read, and which was at rest meanwhile.

    `path` is absolute, with every link resolved. `files` and `stats` are sorted by the bytes of
    their paths; `stats` names recorded symlinks too. `warnings` tell of names that some file
    systems can't hold side by side.
    """

    path: Path
    size_bytes: int
    fingerprint: Fingerprint
    manifest: bytes
    manifest_sha256: Fingerprint
    files: tuple[FileSeen, ...]
    warnings: tuple[str, ...]
    stats: tuple[tuple[str, StatKey], ...]
    rules: Rules


def fingerprint_folder(
    path: Path,
    *,
    ignore: Sequence[str] = (),
    symlinks: Symlinks = "refuse",
    sha256_too: bool = False,
    progress: Progress | None = None,
) -> FolderSeen:
    """Read every file below a folder and return its fingerprint; a link to it is resolved first.

    Args:
        path: The folder.
        ignore: Patterns of `fnmatchcase`, tried on whole paths and on single names; part of the
            fingerprint.
        symlinks: Whether a symlink is an error or an entry; it is never followed.
        sha256_too: Whether each large file also gets its plain digest, from the same read.
        progress: Called with bytes done and in all, from the hashing threads, one call at a time.

    Raises:
        ChangedWhileHashing, PathNotPortable, SpecialFile, SymlinkEscapes, Unreadable.
    """
    rules = Rules.of(ignore=ignore, symlinks=symlinks)
    return resolved_folder(resolved(path), rules=rules, sha256_too=sha256_too, progress=progress)


def resolved_folder(
    path: Path, *, rules: Rules, sha256_too: bool = False, progress: Progress | None = None
) -> FolderSeen:
    """Do the same at an absolute path that was resolved before: no link is followed any more."""
    if not stat.S_ISDIR(looked_at(path).st_mode):
        raise Unreadable(f"can't read {str(path)!r}: not a folder")
    with opened_root(path) as root:
        listed = entries(root, place=path, rules=rules)
        settle(entry.stat for entry in listed)
        digests = _digests(root, listed, sha256_too=sha256_too, progress=progress)
        look_again(listed, path=path, rules=rules)
    lines = _lines(listed, digests, rules=rules)
    manifest = b"".join(line + b"\n" for line in lines)
    files = tuple(
        digests[entry.path].seen_at(path / entry.path, entry.stat)
        for entry in listed
        if entry.target is None
    )
    return FolderSeen(
        path=path,
        size_bytes=sum(file.size_bytes for file in files),
        fingerprint=_fingerprint(lines),
        manifest=manifest,
        manifest_sha256=Fingerprint(
            algorithm=Algorithm.SHA256, hex=hashlib.sha256(manifest).hexdigest()
        ),
        files=files,
        warnings=tuple(case_twins(entry.path for entry in listed)),
        stats=tuple((entry.path, entry.stat) for entry in listed),
        rules=rules,
    )


def entries_at(path: Path, *, rules: Rules) -> list[Entry]:
    """Return what the folder at a resolved path holds now. Raises as `fingerprint_folder`."""
    with opened_root(path) as root:
        return entries(root, place=path, rules=rules)


def _digests(
    root: int, listed: Sequence[Entry], *, sha256_too: bool, progress: Progress | None
) -> Mapping[str, Digests]:
    orders = [
        Order(
            source=Source(root=root, path=entry.path, stat=entry.stat),
            algorithm=algorithm_for(entry.stat.size_bytes),
            sha256_too=sha256_too,
        )
        for entry in listed
        if entry.target is None
    ]
    orders.sort(key=lambda order: order.source.stat.size_bytes, reverse=True)  # LN-9
    total_bytes = sum(order.source.stat.size_bytes for order in orders)
    with Hashing(total_bytes=total_bytes, progress=progress) as hashing:
        paths = (order.source.path for order in orders)
        return dict(zip(paths, hashing.digests(orders), strict=True))


def look_again(listed: Sequence[Entry], *, path: Path, rules: Rules) -> None:
    """See whether the folder holds what it held before the reading (LN-6). Raises ChangedWhileHashing."""
    try:
        again = entries_at(path, rules=rules)
    except WardenError as error:  # a pipe, say, that was not there before
        raise ChangedWhileHashing(str(path)) from error
    if listed != again:
        changed = {entry.path for entry in set(listed) ^ set(again)}
        raise ChangedWhileHashing(min(changed))


def _lines(listed: Sequence[Entry], digests: Mapping[str, Digests], *, rules: Rules) -> list[bytes]:
    header = {"ignore": list(rules.ignore), "symlinks": rules.symlinks, "v": 1}
    return [encode_any(header), *(_line(entry, digests.get(entry.path)) for entry in listed)]


def _line(entry: Entry, digests: Digests | None) -> bytes:
    if digests is None:
        return encode_any({"path": entry.path, "target": entry.target, "type": "symlink"})
    return encode_any(
        {
            "digest": str(digests.fingerprint),
            "path": entry.path,
            "size": entry.stat.size_bytes,
            "type": "file",
        }
    )


def _fingerprint(lines: Sequence[bytes]) -> Fingerprint:
    root = tree_root([leaf_hash(line) for line in lines])
    count = struct.pack("<Q", len(lines) - 1)  # the header is no entry
    digest = hashlib.sha256(b"mw-dir-v1\x00" + count + root)
    return Fingerprint(algorithm=Algorithm.DIRECTORY, hex=digest.hexdigest())
