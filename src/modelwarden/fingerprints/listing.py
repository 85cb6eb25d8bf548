"""What a folder holds, looked at without following a link or leaving it (LN-10, LN-11).

A listing can be repeated and compared: two equal ones with the reading between them show a folder
at rest (LN-6).
"""

from __future__ import annotations

import os
import posixpath
import stat
import unicodedata
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, TypeAlias, get_args

from modelwarden.errors import PathNotPortable, SpecialFile, SymlinkEscapes, ValueInvalid
from modelwarden.fingerprints.seen import StatKey
from modelwarden.fingerprints.source import FOLDER, closing, open_below, readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Symlinks: TypeAlias = Literal["refuse", "record"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a folder is read; both stand in the header of its manifest."""

    ignore: tuple[str, ...] = ()
    symlinks: Symlinks = "refuse"

    def __post_init__(self) -> None:
        if self.symlinks not in get_args(Symlinks):
            raise ValueInvalid("symlinks", "refuse or record")
        if not all(map(_is_utf8, self.ignore)):
            raise ValueInvalid("ignore", "patterns in UTF-8")

    @classmethod
    def of(cls, *, ignore: Sequence[str], symlinks: Symlinks) -> Self:
        """Return the rules with unique patterns, sorted by their bytes."""
        return cls(ignore=tuple(sorted(set(ignore), key=_as_bytes)), symlinks=symlinks)

    def ignores(self, path: str) -> bool:
        """Say whether a pattern matches the whole path, or any single name in it."""
        parts = (path, *path.split("/"))
        return any(fnmatchcase(part, pattern) for pattern in self.ignore for part in parts)

    def prunes(self, name: str) -> bool:
        """Say whether all below a folder of this name is ignored: it need not be opened."""
        return any(fnmatchcase(name, pattern) for pattern in self.ignore)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A regular file, or a symlink with its target, at a path relative to the folder."""

    path: str
    stat: StatKey
    target: str | None = None


def entries(root: int, *, place: Path, rules: Rules) -> list[Entry]:
    """Return every file and recorded symlink below an open folder, sorted by path bytes.

    Args:
        root: A descriptor of the folder.
        place: Its resolved path, to see where symlinks lead.
        rules: What is ignored, and whether symlinks are recorded.

    Raises:
        ChangedWhileHashing, PathNotPortable, SpecialFile, SymlinkEscapes, Unreadable.
    """
    found = sorted(_found(root, rules), key=lambda item: _as_bytes(item[0]))
    return [_entry(root, path, result, place=place, rules=rules) for path, result in found]


def case_twins(paths: Iterable[str]) -> list[str]:
    """Return a warning for each set of sibling names that are equal when case-folded."""
    siblings = {prefix for path in paths for prefix in _prefixes(path)}
    folded: dict[tuple[str, str], list[str]] = {}
    for path in sorted(siblings):
        parent, name = posixpath.split(path)
        folded.setdefault((parent, name.casefold()), []).append(path)
    return [
        f"names that differ in case only: {', '.join(map(repr, twins))}"
        for twins in folded.values()
        if len(twins) > 1
    ]


def _found(root: int, rules: Rules) -> Iterator[tuple[str, os.stat_result]]:
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with (
            readable(folder or "."),
            closing(open_below(root, folder or ".", FOLDER)) as opened,
            os.scandir(opened) as children,
        ):
            looked_at = [(child.name, child.stat(follow_symlinks=False)) for child in children]
        for name, result in looked_at:
            path = posixpath.join(folder, name)
            if stat.S_ISDIR(result.st_mode):
                if not rules.prunes(name):
                    waiting.append(path)
            elif not rules.ignores(path):
                yield path, result


def _entry(root: int, path: str, result: os.stat_result, *, place: Path, rules: Rules) -> Entry:
    is_link = stat.S_ISLNK(result.st_mode) and rules.symlinks == "record"
    if not is_link and not stat.S_ISREG(result.st_mode):
        kind = stat.filemode(result.st_mode)[0]
        raise SpecialFile(f"{path!r} is neither a file nor a folder (type {kind!r} in ls -l)")
    if not _is_utf8(path) or not unicodedata.is_normalized("NFC", path):
        raise PathNotPortable(f"{path!r} is not UTF-8 in normal form C; rename it")
    target = _target(root, path, place=place) if is_link else None
    return Entry(path=path, stat=StatKey.of_result(result), target=target)


def _target(root: int, path: str, *, place: Path) -> str:
    folder, name = posixpath.split(path)
    with readable(path), closing(open_below(root, folder or ".", FOLDER)) as opened:
        target = os.readlink(name, dir_fd=opened)
    if not _is_utf8(target):
        raise PathNotPortable(f"the target of {path!r} is not UTF-8")
    written = posixpath.normpath(posixpath.join(folder, target))
    if posixpath.isabs(target) or written == ".." or written.startswith("../"):
        raise SymlinkEscapes(f"{path!r} leads to {target!r}, out of the folder")
    if not Path(os.path.realpath(place / path)).is_relative_to(place):
        raise SymlinkEscapes(f"{path!r} leads out of the folder by way of other links")
    return target


def _prefixes(path: str) -> Iterator[str]:
    while path:
        yield path
        path = posixpath.dirname(path)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes that are not UTF-8 become lone surrogates (PEP 383)
        return False
    return True


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
