"""How a WORM folder is laid out: segments of lines below year and month, a seal beside each closed one.

`<root>/<origin>/2026/11/2026-11-20.<first seq>.jsonl` and `….seal.json`; the newest checkpoint over what is written
lies at `<root>/<origin>/checkpoint`. Here are the rules of names and seals, and how a file is kept as it is.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, unquote

from modelwarden.errors import NotCanonical
from modelwarden.values.canonical import encode_any, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHECKPOINT: Final = "checkpoint"
LOCK: Final = ".lock"
SEALED_MODE: Final = 0o444
WRITERS: Final = 0o222
READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
"""Links are not followed, and nobody waits for a pipe."""
MOST_SEAL_BYTES: Final = 4_000_000

_SEGMENT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.([0-9]{20})", re.ASCII)
_LONG: Final = struct.calcsize("l") << 16
_GET_FLAGS: Final = 2 << 30 | _LONG | ord("f") << 8 | 1
_SET_FLAGS: Final = 1 << 30 | _LONG | ord("f") << 8 | 2
_IMMUTABLE: Final = 0x10


class Segment(NamedTuple):
    """One file of lines: the UTC date that it is of, and its first entry."""

    date: str
    first: int

    def lines(self, folder: Path) -> Path:
        """Return where its lines are."""
        return self._beside(folder, "jsonl")

    def seal(self, folder: Path) -> Path:
        """Return where its seal is, once it is closed."""
        return self._beside(folder, "seal.json")

    def _beside(self, folder: Path, kind: str) -> Path:
        year, month, _ = self.date.split("-")
        return folder / year / month / f"{self.date}.{self.first:020d}.{kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a closed segment holds. `checkpoint` is the newest note that covers no entry behind it."""

    first: int
    last: int
    size: int
    sha256: str
    previous_hash: str
    entry_hash: str
    checkpoint: str | None

    def to_bytes(self) -> bytes:
        """Return the seal as it is written, with a digest of itself: no byte of it changes unnoticed."""
        fields = {key: value for key, value in asdict(self).items() if value is not None}
        return encode_any(fields | {"digest": sha256(encode_any(fields)).hexdigest()}) + b"\n"


def read_seal(data: bytes) -> Seal | None:
    """Return what `to_bytes` wrote; None for anything else."""
    try:
        fields: Any = parse(data.removesuffix(b"\n"))
        fields.pop("digest")
        found = Seal(**{"checkpoint": None} | fields)
        return found if found.to_bytes() == data else None
    except (NotCanonical, TypeError, AttributeError, KeyError):
        return None


def folder_of(root: Path, origin: str) -> Path:
    """Return a ledger's own folder: one word, whatever stands in its name."""
    word = quote(origin, safe="")
    return root / (word.replace(".", "%2E") if set(word) == {"."} else word)


def origins(root: Path) -> list[str]:
    """Return the names of the ledgers that have a folder."""
    try:
        return sorted(unquote(each.name) for each in root.iterdir() if each.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def segments(folder: Path, kind: str = "jsonl") -> list[Segment]:
    """Return the segments that have a file of this kind, in the order of their first entries."""
    return sorted(_segments(folder, kind), key=lambda segment: segment.first)


def _segments(folder: Path, kind: str) -> Iterator[Segment]:
    for path in folder.glob(f"[0-9][0-9][0-9][0-9]/[0-9][0-9]/*.{kind}"):
        found = _SEGMENT.fullmatch(path.name.removesuffix(f".{kind}"))
        if found is None:
            continue
        segment = Segment(found[1], int(found[2]))
        if segment.lines(folder).parent == path.parent:
            yield segment


def freeze(path: Path) -> bool:
    """Keep everybody, its owner too, from changing a file; False where the file system or our rights don't allow it."""
    return _with_flags(path, lambda flags: flags | _IMMUTABLE)


def thaw(path: Path) -> bool:
    """Let a file be changed again."""
    return _with_flags(path, lambda flags: flags & ~_IMMUTABLE)


def is_frozen(path: Path) -> bool:
    """Tell whether a file has the immutable flag."""
    try:
        opened = os.open(path, READ)
    except OSError:
        return False
    try:
        return bool(_flags(opened) & _IMMUTABLE)
    except OSError:
        return False
    finally:
        os.close(opened)


def _with_flags(path: Path, change: Any) -> bool:  # noqa: ANN401  # of an integer
    opened = os.open(path, READ)
    try:
        flags = _flags(opened)
        fcntl.ioctl(opened, _SET_FLAGS, struct.pack("l", change(flags)))
    except OSError:
        return False
    finally:
        os.close(opened)
    return True


def _flags(opened: int) -> int:
    found: int = struct.unpack("l", fcntl.ioctl(opened, _GET_FLAGS, bytes(struct.calcsize("l"))))[0]
    return found
