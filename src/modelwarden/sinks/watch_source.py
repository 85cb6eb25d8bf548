"""Where a monitor reads a ledger from: a tile folder, tiles over HTTP, or our API (LG-52).

Nothing that is read here is believed: `watch` checks it against a pinned key and what it remembers. All is bounded.
"""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from modelwarden.errors import ProofInvalid, Unreachable
from modelwarden.ledger.checkpoint import MAX_NOTE_BYTES, parse_consistency_file
from modelwarden.ledger.merkle import (
    HASH_SIZE,
    TILE_WIDTH,
    consistency_proof,
    frontier_at,
    leaf_hash,
    tree_root,
)
from modelwarden.sinks.fetching import Calls, checked_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelwarden.ledger.merkle import Frontier, Node

HEIGHT: Final = 8
MOST_BUNDLE: Final = TILE_WIDTH * (2 + 64 * 1024)
ROOT: Final = "/api/governance"
_OK: Final = 200


class Source(Protocol):
    """A ledger, seen from outside."""

    def checkpoint(self) -> tuple[bytes, datetime | None]:
        """Return the newest note, and when it was put there, if the place says so. Raises Unreachable."""
        ...

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Return the proof that the tree of `new` begins with that of `old`. Raises Unreachable, ProofInvalid."""
        ...

    def frontier(self, size: int) -> Frontier | None:
        """Return the tree of a size as the place has it; None where it shows none. Raises Unreachable, ProofInvalid."""
        ...

    def leaves(self, first: int, size: int) -> Iterator[list[bytes]] | None:
        """Yield the leaf hashes of entries from `first` to the end of a tree, computed from their bodies.

        None where the place shows no entries. Raises Unreachable, ProofInvalid.
        """
        ...


class Files(Protocol):
    """Files by name, wherever they lie."""

    def read(self, name: str, most: int) -> bytes:
        """Return a file. Raises Unreachable."""
        ...

    def put_at(self, name: str) -> datetime | None:
        """Return when a file was last written, if that is known."""
        ...


class TileSource:
    """A ledger as tiles (C2SP tlog-tiles)."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def checkpoint(self) -> tuple[bytes, datetime | None]:
        """Return the newest note and when it was put there. Raises Unreachable."""
        return self._files.read("checkpoint", MAX_NOTE_BYTES), self._files.put_at("checkpoint")

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Compute the proof from hash tiles. Raises Unreachable, ProofInvalid."""
        return consistency_proof(old, new, TileNodes(self._files, new))

    def frontier(self, size: int) -> Frontier | None:
        """Compute the tree of a size from hash tiles. Raises Unreachable, ProofInvalid."""
        return frontier_at(size, TileNodes(self._files, size))

    def leaves(self, first: int, size: int) -> Iterator[list[bytes]] | None:
        """Yield the leaf hashes of the bodies in entry bundles, bundle by bundle. Raises Unreachable, ProofInvalid."""
        return self._bundles(first, size)

    def _bundles(self, first: int, size: int) -> Iterator[list[bytes]]:
        for number in range(first // TILE_WIDTH, -(-size // TILE_WIDTH)):
            begin = number * TILE_WIDTH
            width = min(TILE_WIDTH, size - begin)
            data = _tile(self._files, "entries", number, width, MOST_BUNDLE)
            found = [leaf_hash(body) for body in bodies(data)]
            if len(found) < width:
                raise ProofInvalid(f"the bundle of entries {begin} to {begin + width - 1} is short")
            yield found[max(0, first - begin) : width]


class TileNodes:
    """Reads hashes of perfect subtrees from the tiles of a tree of some size."""

    def __init__(self, files: Files, size: int) -> None:
        self._files, self._size = files, size

    def __call__(self, wanted: Sequence[Node]) -> list[bytes]:
        """Return the hash at each (tree level, index). Raises Unreachable, ProofInvalid."""
        read: dict[tuple[int, int], list[bytes]] = {}
        return [self._node(level, index, read) for level, index in wanted]

    def _node(self, level: int, index: int, read: dict[tuple[int, int], list[bytes]]) -> bytes:
        tile_level, above = divmod(level, HEIGHT)
        tile, offset = divmod(index << above, TILE_WIDTH)
        if (tile_level, tile) not in read:
            read[tile_level, tile] = self._hashes(tile_level, tile)
        return tree_root(read[tile_level, tile][offset : offset + (1 << above)])

    def _hashes(self, level: int, number: int) -> list[bytes]:
        count = self._size >> HEIGHT * level
        width = min(TILE_WIDTH, count - number * TILE_WIDTH)
        data = _tile(self._files, str(level), number, width, TILE_WIDTH * HASH_SIZE)
        if len(data) < width * HASH_SIZE:
            raise ProofInvalid(f"the tile {number} of level {level} is short")
        return [data[at : at + HASH_SIZE] for at in range(0, width * HASH_SIZE, HASH_SIZE)]


class FolderFiles:
    """Files below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str, most: int) -> bytes:
        """Return a file. Raises Unreachable."""
        try:
            with (self._folder / name).open("rb") as file:
                data = file.read(most + 1)
        except OSError as error:
            raise Unreachable(f"{self._folder / name} can't be read") from error
        if len(data) > most:
            raise Unreachable(f"{self._folder / name} is longer than {most:,} bytes")
        return data

    def put_at(self, name: str) -> datetime | None:
        """Return when a file was last written."""
        try:
            return datetime.fromtimestamp((self._folder / name).stat().st_mtime, UTC)
        except OSError:
            return None


class HttpFiles:
    """Files below an address."""

    def __init__(self, url: str, *, token: str | None) -> None:
        self._url, self._calls = checked_url(url, "the address to watch"), Calls()
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}
        self._put_at: dict[str, datetime | None] = {}

    def read(self, name: str, most: int) -> bytes:
        """Return a file. Raises Unreachable."""
        url = f"{self._url}/{name}"
        answer = self._calls.fetch("GET", url, most=most, headers=self._headers)
        if answer.status != _OK:
            raise Unreachable(f"{url} answers {answer.status}")
        self._put_at[name] = _moment(answer.headers.get("last-modified"))
        return answer.body

    def is_there(self, name: str) -> bool:
        """Tell whether a signed note lies under this name. Raises Unreachable when nothing answers."""
        url = f"{self._url}/{name}"
        answer = self._calls.fetch("GET", url, most=MAX_NOTE_BYTES, headers=self._headers)
        return answer.status == _OK and b"\n\n" in answer.body and b"<" not in answer.body[:1]

    def put_at(self, name: str) -> datetime | None:
        """Return when a file was last written, as the answer to its reading said."""
        return self._put_at.get(name)


class ApiSource:
    """A ledger behind our API, which shows no entries here."""

    def __init__(self, url: str, *, token: str | None) -> None:
        self._files = HttpFiles(
            f"{url.rstrip('/').removesuffix(ROOT)}{ROOT}/audit-log", token=token
        )

    def checkpoint(self) -> tuple[bytes, datetime | None]:
        """Return the newest note. Raises Unreachable."""
        try:
            note = json.loads(self._files.read("checkpoint", 2 * MAX_NOTE_BYTES))["note"]
            return str(note).encode(), None
        except (ValueError, KeyError, TypeError) as error:
            raise Unreachable("the server answers with no checkpoint") from error

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Ask for the proof. Raises Unreachable, ProofInvalid."""
        body = self._files.read(f"consistency?from={old}&to={new}", 2 * MAX_NOTE_BYTES)
        return parse_consistency_file(body)[1]

    def frontier(self, size: int) -> Frontier | None:  # noqa: ARG002  # the seam's
        """Show no tree."""
        return None

    def leaves(self, first: int, size: int) -> Iterator[list[bytes]] | None:  # noqa: ARG002  # the seam's
        """Show no entries."""
        return None


def open_source(place: str, *, token: str | None = None) -> Source:
    """Return what reads a place: a folder, an address of tiles, or the address of a server.

    An address is of tiles when a checkpoint lies right below it. Raises SettingInvalid, Unreachable.
    """
    if not place.startswith(("http://", "https://")):
        return TileSource(FolderFiles(Path(place)))
    files = HttpFiles(
        place, token=token if ROOT in place else None
    )  # it is for a server of ours alone
    return TileSource(files) if files.is_there("checkpoint") else ApiSource(place, token=token)


def bodies(bundle: bytes) -> Iterator[bytes]:
    """Yield the bodies of an entry bundle: two bytes of length before each. Raises ProofInvalid."""
    at = 0
    while at < len(bundle):
        if at + 2 > len(bundle):
            raise ProofInvalid("an entry bundle ends within a length")
        (length,) = struct.unpack_from(">H", bundle, at)
        if at + 2 + length > len(bundle):
            raise ProofInvalid("an entry bundle ends within an entry")
        yield bundle[at + 2 : at + 2 + length]
        at += 2 + length


def tile_path(kind: str, number: int, width: int) -> str:
    """Return where a tile lies: `tile/0/x001/x234/067`, with `.p/<width>` when it is not full."""
    parts = [f"{number % 1000:03}"]
    while number := number // 1000:
        parts.insert(0, f"x{number % 1000:03}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{kind}/{'/'.join(parts)}{partial}"


def _tile(files: Files, kind: str, number: int, width: int, most: int) -> bytes:
    """Return a tile of at least a width: partial ones may go once the full one stands. Raises Unreachable."""
    try:
        return files.read(tile_path(kind, number, width), most)
    except Unreachable:
        if width == TILE_WIDTH:
            raise
        return files.read(tile_path(kind, number, TILE_WIDTH), most)


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else parsedate_to_datetime(text)
    except ValueError:
        return None
