"""The files of a model, each by its plain SHA-256, as OpenSSF `model_signing` lists and signs them.

A lone file is called ".". Paths to ignore are exact, with all below them; links are an error, or stand for the bytes
that they lead to. Unlike there, no link may leave the folder or lead to a folder: what it leads to could change and the
signature would still hold.
"""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelwarden.errors import SpecialFile, ValueInvalid
from modelwarden.fingerprints.file import resolved_file
from modelwarden.fingerprints.folder import look_again
from modelwarden.fingerprints.hashing import Hashing, Order
from modelwarden.fingerprints.listing import Rules, entries
from modelwarden.fingerprints.seen import Algorithm
from modelwarden.fingerprints.source import Source, looked_at, opened_root, resolved, settle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modelwarden.fingerprints.hashing import Progress
    from modelwarden.fingerprints.listing import Entry

ALONE: Final = "."


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What was read: the name of the file or folder, and each path in it with its digest of 64 hex digits."""

    name: str
    digests: Mapping[str, str]


def read_resources(
    path: Path,
    *,
    ignore: Sequence[str] = (),
    follow_links: bool = False,
    progress: Progress | None = None,
) -> Resources:
    """Read every file and return its digest.

    Args:
        path: a file or folder; a link to it is resolved first.
        ignore: paths relative to the folder; what lies below them is ignored too.
        follow_links: whether a link stands for the file it leads to; else it is an error.
        progress: called with bytes done and in all, from the hashing threads.

    Raises:
        ChangedWhileHashing, PathNotPortable, SpecialFile, SymlinkEscapes, Unreadable, ValueInvalid.
    """
    place = resolved(path)
    if not stat.S_ISDIR(looked_at(place).st_mode):
        seen = resolved_file(place, algorithm=Algorithm.SHA256, progress=progress)
        return Resources(name=place.name, digests={ALONE: seen.fingerprint.hex})
    rules = Rules.of(ignore=(), symlinks="record")
    left_out = tuple(_relative(each) for each in ignore)
    with opened_root(place) as root:
        listed = entries(root, place=place, rules=rules)
        wanted = _wanted(listed, left_out, place=place, follow_links=follow_links)
        files = {entry.path: entry for entry in listed if entry.path in set(wanted.values())}
        settle(entry.stat for entry in files.values())
        digests = _hashed(root, files, progress=progress)
        look_again(listed, path=place, rules=rules)
    return Resources(
        name=place.name, digests={path: digests[file] for path, file in wanted.items()}
    )


def _relative(path: str) -> str:
    """Return a path to ignore in its one form. Raises ValueInvalid for what leads out of the folder."""
    plain = posixpath.normpath(path)
    if not path or posixpath.isabs(plain) or plain == ".." or plain.startswith("../"):
        raise ValueInvalid("ignore", "paths below the folder, such as README.md or .git")
    return plain


def _wanted(
    listed: Iterable[Entry], ignore: Sequence[str], *, place: Path, follow_links: bool
) -> dict[str, str]:
    """Return each path to sign with the path of the file whose bytes it stands for."""
    every = list(listed)
    plain = {entry.path for entry in every if entry.target is None}
    wanted: dict[str, str] = {}
    for entry in sorted(every, key=lambda each: each.path.split("/")):
        if any(entry.path == each or entry.path.startswith(f"{each}/") for each in ignore):
            continue
        if ALONE in ignore:
            continue
        file = entry.path if entry.target is None else _led_to(entry.path, place)
        if entry.target is not None and not follow_links:
            raise SpecialFile(f"{entry.path!r} is a link; sign with --follow-links, or ignore it")
        if file not in plain:
            raise SpecialFile(f"{entry.path!r} leads to no file in the folder; ignore it")
        wanted[entry.path] = file
    return wanted


def _led_to(path: str, place: Path) -> str:
    """Return where a link inside the folder ends; `entries` has seen that it stays inside."""
    return Path(os.path.relpath(os.path.realpath(place / path), place)).as_posix()


def _hashed(root: int, files: Mapping[str, Entry], *, progress: Progress | None) -> dict[str, str]:
    sources = [Source(root=root, path=path, stat=entry.stat) for path, entry in files.items()]
    sources.sort(key=lambda source: source.stat.size_bytes, reverse=True)  # LN-9
    total_bytes = sum(source.stat.size_bytes for source in sources)
    with Hashing(total_bytes=total_bytes, progress=progress) as hashing:
        orders = [Order(source=source, algorithm=Algorithm.SHA256) for source in sources]
        found = list(hashing.digests(orders))
    return {source.path: each.fingerprint.hex for source, each in zip(sources, found, strict=True)}
