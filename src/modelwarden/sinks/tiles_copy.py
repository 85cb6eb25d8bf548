"""A static log, read back: every entry, and every tile held against the entries below it (LG-52).

It holds no chain. The lines that it gives have one that was computed here, from the leaves that its tiles hold; so
they can be laid beside another copy, and say nothing about step 5. Which ledger it is of its checkpoint says.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from modelwarden.errors import KeyInvalid, NoteInvalid, PathUnknown, Unreadable
from modelwarden.ledger.checkpoint import MAX_NOTE_BYTES, note_signers, unverified_checkpoint
from modelwarden.ledger.elsewhere import Held
from modelwarden.ledger.entry import Stored, chain, chain_start, line
from modelwarden.ledger.keys import parse_vkey
from modelwarden.ledger.merkle import HASH_SIZE, TILE_WIDTH, leaf_hash, tree_root
from modelwarden.ledger.result import Findings
from modelwarden.ledger.tile_paths import (
    CHECKPOINT,
    CHECKPOINTS,
    ENTRIES,
    MOST_BUNDLE_BYTES,
    MOST_TILE_BYTES,
    VKEY,
    TilePath,
    bundle,
    bundled,
    checkpoint_path,
    parse_checkpoint_path,
    parse_tile_path,
)
from modelwarden.sinks.sink import MOST_LOOKED_AT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.ledger.result import Problem
    from modelwarden.sinks.shelf import Shelf
    from modelwarden.sinks.sink import Looking

MISMATCH: Final = "tile_mismatch"
LOST: Final = b"{}"
"""Stands for a body that can't be read: it has another hash than any entry."""
MOST_NOTES: Final = 100_000
TRIES: Final = 3
"""A log that grows removes a narrow bundle once a wider one stands: perhaps while we look."""
MOST_KEY_BYTES: Final = 65_536


class TilesCopy:
    """What lies at a place, up to its checkpoint."""

    def __init__(self, shelf: Shelf, origin: str | None) -> None:
        self._shelf = shelf
        self._findings = Findings()
        self._left: list[str] = []
        self._note = shelf.get(CHECKPOINT, most=MAX_NOTE_BYTES)
        self._size, said = self._newest()
        self._origin = origin or said

    def lines(self, first: int = 0) -> Iterator[bytes]:
        """Yield the lines of entries from `first` on; tiles are compared on the way."""
        tree = _Tree(self._shelf, self._findings) if first == 0 else None
        before = self._chain_to(first)
        for index in range(first // TILE_WIDTH, -(-self._size // TILE_WIDTH)):
            width = min(TILE_WIDTH, self._size - index * TILE_WIDTH)
            bodies, leaves = self._bodies(index, width), self._leaves(index, width)
            if before is None or (leaves is None and bodies is None):
                return  # what follows can't be linked to what came before; the walk says what is missing
            leaves = leaves or [leaf_hash(body) for body in bodies or ()]
            for place, leaf in enumerate(leaves):
                seq, entry_hash = index * TILE_WIDTH + place, chain(before, leaf)
                if seq >= first and bodies is not None:
                    body = bodies[place] if place < len(bodies) else LOST
                    yield line(Stored(seq, _shown(body), leaf, entry_hash), before)
                before = entry_hash
            if tree is not None:
                tree.add(leaves)
        if tree is not None:
            tree.finish()

    def notes(self) -> Iterable[bytes]:
        """Yield the checkpoints that lie there, oldest first, and the newest at its own place last."""
        for size in self._sizes:
            note = self._shelf.get(checkpoint_path(size), most=MAX_NOTE_BYTES)
            if note is not None:
                yield note
        if self._note is not None:
            yield self._note

    def end(self, looking: Looking) -> Held:
        """Return the checkpoint; if it is none of ours, older ones too, the largest first."""
        found = [] if self._note is None else [self._note]
        if not any(map(looking.is_ours, found)):
            for size in self._sizes[: -MOST_LOOKED_AT - 1 : -1]:
                note = self._older(size)
                found.extend(() if note is None else (note,))
                if note is not None and looking.is_ours(note):
                    break
        return Held(tuple(found))

    def problems(self) -> Iterable[Problem]:
        """Return what is wrong with tiles, bundles, checkpoints and the key beside them."""
        self._check_notes()
        return tuple(self._findings.problems)

    def not_checked(self) -> Iterable[str]:
        """Return what a static log can't show."""
        return ("the chain of entry hashes (step 5): a static log holds none", *self._left)

    def close(self) -> None:
        """Let go of the place."""
        self._shelf.close()

    @cached_property
    def _sizes(self) -> list[int]:
        found = []
        for name in self._shelf.names(CHECKPOINTS):
            try:
                found.append(parse_checkpoint_path(f"{CHECKPOINTS}/{name}"))
            except PathUnknown:
                continue
        if len(found) > MOST_NOTES:
            self._left.append(f"older checkpoints: {len(found) - MOST_NOTES}")
        return sorted(found)[-MOST_NOTES:]

    def _newest(self) -> tuple[int, str]:
        """Return size and origin of the newest checkpoint that parses. Raises Unreadable."""
        for note in (self._note, *(self._older(size) for size in reversed(self._sizes))):
            try:
                found = None if note is None else unverified_checkpoint(note)
            except NoteInvalid:
                continue  # whoever verifies names it
            if found is not None:
                return found.size, found.origin
        raise Unreadable("there is no static log at this address: it has no checkpoint")

    def _older(self, size: int) -> bytes | None:
        return self._shelf.get(checkpoint_path(size), most=MAX_NOTE_BYTES)

    def _chain_to(self, first: int) -> bytes | None:
        """Return the entry hash before the tile that holds `first`; all leaves before it are read for that."""
        before = chain_start(self._origin)
        for index in range(first // TILE_WIDTH):
            leaves = self._leaves(index, TILE_WIDTH)
            if leaves is None:
                return None
            for leaf in leaves:
                before = chain(before, leaf)
        return before

    def _leaves(self, index: int, width: int) -> list[bytes] | None:
        """Return the stored leaf hashes of a tile, or None where they are missing or not so many."""
        path = TilePath(0, index, width)
        data = _found(self._shelf, path, most=MOST_TILE_BYTES)
        hashes = _split(data or b"")[:width]
        if len(hashes) != width:
            self._findings.add(MISMATCH, path.first, f"{path} is missing or too short")
            return None
        return hashes

    def _bodies(self, index: int, width: int) -> list[bytes] | None:
        path = TilePath(ENTRIES, index, width)
        data = _found(self._shelf, path, most=MOST_BUNDLE_BYTES)
        if data is None:
            self._findings.add(MISMATCH, path.first, f"{path} is missing")
            return None
        bodies = bundled(data)
        if bundle(bodies) != data or len(bodies) < width:
            at = path.first + min(len(bodies), width - 1)
            self._findings.add(MISMATCH, at, f"{path}: the lengths in it do not fit")
        _compare_partials(self._shelf, path, data, self._findings)
        return bodies[:width]

    def _check_notes(self) -> None:
        """Check the signatures of all checkpoints by the keys that lie beside them; whose those are others say."""
        keys = self._keys()
        for size in self._sizes:
            note = self._older(size) or b""
            detail = _wrong(note, size, keys)
            if detail is None and size == self._size and note != self._note:
                detail = f"it is not the one at {CHECKPOINT}"
            if detail is not None:
                self._findings.add(
                    "checkpoint_invalid", size - 1, f"{checkpoint_path(size)}: {detail}"
                )
        detail = _wrong(self._note or b"", self._size, keys)
        if detail is not None:
            self._findings.add("checkpoint_invalid", self._size - 1, f"{CHECKPOINT}: {detail}")

    def _keys(self) -> list[VerifierKey]:
        found = []
        data = self._shelf.get(VKEY, most=MOST_KEY_BYTES) or b""
        for text in data.decode("utf-8", "replace").split("\n")[:-1] or [""]:
            try:
                found.append(parse_vkey(text))
            except KeyInvalid as error:
                self._findings.add("checkpoint_invalid", self._size - 1, f"{VKEY}: {error}")
        return found


class _Tree:
    """The tiles above the leaves, as the leaves make them, beside those that are stored."""

    def __init__(self, shelf: Shelf, findings: Findings) -> None:
        self._shelf, self._findings = shelf, findings
        self._rows: list[list[bytes]] = []
        self._done: list[int] = []

    def add(self, leaves: Sequence[bytes]) -> None:
        """Take the leaves of the next tile; only the last may have fewer than 256."""
        self._row(0).extend(leaves)
        level = 0
        while len(self._row(level)) == TILE_WIDTH:
            self._compare(level)
            self._row(level + 1).append(tree_root(self._rows[level]))
            self._rows[level] = []
            self._done[level] += 1
            level += 1

    def finish(self) -> None:
        """Compare the tiles that are not full."""
        for level, row in enumerate(self._rows):
            if row:
                self._compare(level)

    def _row(self, level: int) -> list[bytes]:
        if level == len(self._rows):
            self._rows.append([])
            self._done.append(0)
        return self._rows[level]

    def _compare(self, level: int) -> None:
        row = self._rows[level]
        path = TilePath(level, self._done[level], len(row))
        data = _found(self._shelf, path, most=MOST_TILE_BYTES)
        expected = b"".join(row)
        if data is None or not data.startswith(expected):
            what = "is missing" if data is None else "is not what the tiles below it give"
            self._findings.add(MISMATCH, min(path.needs, 2**62) - 1, f"{path} {what}")
        elif len(data) != len(expected) and _lies_at(self._shelf, path):
            self._findings.add(MISMATCH, path.needs - 1, f"{path} is longer than it says")
        _compare_partials(self._shelf, path, expected, self._findings)


def _compare_partials(shelf: Shelf, path: TilePath, data: bytes, findings: Findings) -> None:
    """Compare the narrower tiles of a place, left from older checkpoints: each has to be a beginning of this one."""
    for name in shelf.names(path.partials):
        try:
            narrower = parse_tile_path(f"{path.partials}/{name}")
        except PathUnknown:
            continue  # no tile of a log: nobody reads it
        expected = _beginning(data, narrower)
        if narrower.width > path.width or expected is None:
            continue  # written for a checkpoint that is not published yet
        if shelf.get(str(narrower), most=len(data)) != expected:
            detail = f"{narrower} is not the beginning of {path}"
            findings.add(MISMATCH, narrower.first + narrower.width - 1, detail)


def _beginning(data: bytes, path: TilePath) -> bytes | None:
    if path.level == ENTRIES:
        bodies = bundled(data)
        return bundle(bodies[: path.width]) if len(bodies) >= path.width else None
    return data[: path.width * HASH_SIZE]


def _found(shelf: Shelf, path: TilePath, *, most: int) -> bytes | None:
    """Return a tile; in the place of a narrow one the full one, or a wider one of a later checkpoint."""
    data = shelf.get(str(path), most=most)
    for _ in range(TRIES):
        if data is not None or path.is_full:
            break
        data = shelf.get(str(path.full), most=most)
        wider = [w for w in map(_width, shelf.names(path.partials)) if w > path.width]
        if data is None and wider:
            data = shelf.get(f"{path.partials}/{max(wider)}", most=most)
    return data


def _width(name: str) -> int:
    return int(name) if name.isascii() and name.isdigit() and len(name) <= 3 else 0  # noqa: PLR2004


def _lies_at(shelf: Shelf, path: TilePath) -> bool:
    return shelf.get(str(path), most=0) is not None


def _split(data: bytes) -> list[bytes]:
    whole = len(data) - len(data) % HASH_SIZE
    return [data[at : at + HASH_SIZE] for at in range(0, whole, HASH_SIZE)]


def _shown(body: bytes) -> bytes:
    """Return a body as a line can hold it."""
    is_plain = body.startswith(b"{") and body.endswith(b"}") and b"\n" not in body
    return body if is_plain else LOST


def _wrong(note: bytes, size: int, keys: Sequence[VerifierKey]) -> str | None:
    try:
        found = unverified_checkpoint(note)
        note_signers(note, keys)
    except NoteInvalid as error:
        return str(error)
    return None if found.size == size else f"it is of size {found.size}"
