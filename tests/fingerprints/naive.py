"""The algorithms of LN-4, LN-8, LN-10 and LN-11 once more, slow and short, written from the page.

It shares no line with the package: `rfc8785` writes the JSON, the tree is split by recursion, files
are read whole, and folders are walked with `os.walk`. Only folders without errors are its business.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import rfc8785

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAF = 4_194_304


def tree(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return sha256(b"\x01" + tree(hashes[:split]) + tree(hashes[split:])).digest()


def plain(data: bytes) -> str:
    return "sha256:" + sha256(data).hexdigest()


def mw_tree(data: bytes) -> str:
    pieces = [data[start : start + LEAF] for start in range(0, len(data), LEAF)]
    root = tree([sha256(b"\x00" + piece).digest() for piece in pieces])
    sizes = len(data).to_bytes(8, "little") + LEAF.to_bytes(4, "little")
    return "mw-tree-v1:" + sha256(b"mw-tree-v1\x00" + sizes + root).hexdigest()


def by_size(data: bytes) -> str:
    return plain(data) if len(data) <= 64 * 2**20 else mw_tree(data)


def lines(folder: Path, *, ignore: Sequence[str], symlinks: str) -> list[bytes]:
    found: dict[str, dict[str, str | int]] = {}
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            full = Path(place) / name
            path = str(full.relative_to(folder))
            if any(fnmatchcase(p, g) for g in ignore for p in [path, *path.split("/")]):
                continue
            if full.is_symlink():
                found[path] = {"path": path, "target": str(full.readlink()), "type": "symlink"}
            elif full.is_file():
                data = full.read_bytes()
                found[path] = {"digest": by_size(data), "path": path, "size": len(data)}
                found[path]["type"] = "file"
    header = {"ignore": sorted(set(ignore), key=str.encode), "symlinks": symlinks, "v": 1}
    return [rfc8785.dumps(x) for x in [header, *(found[p] for p in sorted(found, key=str.encode))]]


def mw_dir(folder: Path, *, ignore: Sequence[str] = (), symlinks: str = "refuse") -> str:
    written = lines(folder, ignore=ignore, symlinks=symlinks)
    root = tree([sha256(b"\x00" + line).digest() for line in written])
    count = (len(written) - 1).to_bytes(8, "little")
    return "mw-dir-v1:" + sha256(b"mw-dir-v1\x00" + count + root).hexdigest()


def manifest(folder: Path, *, ignore: Sequence[str] = (), symlinks: str = "refuse") -> bytes:
    return b"".join(x + b"\n" for x in lines(folder, ignore=ignore, symlinks=symlinks))
