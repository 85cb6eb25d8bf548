"""The ledger as a static log that third-party tools verify: C2SP tlog-tiles in a folder or bucket (LG-52).

`tiles:///srv/log` or `tiles+s3://bucket/prefix`. It follows signed checkpoints: what one needs is written before it,
what none covers yet waits. Whatever moment a crash takes, the checkpoint that stands has all its tiles, and the next
start writes the same bytes again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.errors import NoteInvalid, SinkDiffers, SinkUnusable
from modelwarden.ledger.checkpoint import MAX_NOTE_BYTES, unverified_checkpoint
from modelwarden.ledger.merkle import TILE_WIDTH
from modelwarden.ledger.tile_paths import (
    CHECKPOINT,
    ENTRIES,
    VKEY,
    TilePath,
    checkpoint_path,
    filled,
)
from modelwarden.sinks.shelf import open_shelf
from modelwarden.sinks.tiles_copy import TilesCopy
from modelwarden.store.follower import Position
from modelwarden.store.static_log import StaticLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.ledger.entry import Stored
    from modelwarden.sinks.address import SinkAddress
    from modelwarden.sinks.shelf import Shelf
    from modelwarden.store.opening import Store

STRIDE: Final = 16_384
"""Entries between two checkpoints that are published while the sink catches up."""
LONGEST_VKEYS: Final = 65_536


def open_sink(address: SinkAddress, store: Store) -> TilesSink:
    """Return the sink; nothing is written yet. Raises SettingInvalid."""
    return TilesSink(open_shelf(address), store)


def open_copy(address: SinkAddress, *, origin: str | None) -> TilesCopy:
    """Return what lies there. Raises Unreadable, SettingInvalid."""
    return TilesCopy(open_shelf(address), origin)


class TilesSink:
    """A follower's step that writes what newer checkpoints need, then the newest of them."""

    def __init__(self, shelf: Shelf, store: Store) -> None:
        self._shelf, self._log = shelf, StaticLog(store.database)
        self._vkey = store.around.keyring.log_key.vkey
        self._done = Position(0, b"")
        self._note: bytes | None = None  # what is published
        self._size = self._have = 0
        self._older_bundle: str | None = None

    def begin(self, at: Position, /) -> None:
        """Compare the published checkpoint with the ledger. Raises SinkDiffers, SinkUnusable."""
        note = self._shelf.get(CHECKPOINT, most=MAX_NOTE_BYTES)
        size = 0 if note is None else self._compared(note)
        if size < at.next_seq:
            raise SinkDiffers(
                f"the static log ends at size {size}, but covered {at.next_seq} entries before: it was emptied or put"
                " back. Put the newer files back, or give a new log another place and name="
            )
        self._note, self._size, self._have, self._done = note, size, at.next_seq, at
        self._older_bundle = None
        with self._shelf.alone():
            self._publish_key()

    def __call__(self, batch: Sequence[Stored], _before: bytes, /) -> Position | None:
        """Take note of how far entries go, and publish what a checkpoint covers."""
        self._have = batch[-1].seq + 1
        return self._advance(patient=True)

    def idle(self) -> Position | None:
        """Publish the checkpoint that was signed meanwhile."""
        return self._advance(patient=False)

    def probe(self) -> str:
        """Try to write. Raises SinkUnusable."""
        return self._shelf.probe()

    def close(self) -> None:
        """Let go of the place."""
        self._shelf.close()

    def _compared(self, note: bytes) -> int:
        """Return the published size, if the ledger signed the same root at it."""
        try:
            theirs = unverified_checkpoint(note)
        except NoteInvalid as error:
            raise SinkDiffers(f"the published checkpoint does not parse: {error}") from error
        ours = self._log.signed_at(theirs.size)
        if ours is None or unverified_checkpoint(ours) != theirs:
            raise SinkDiffers(
                f"the published checkpoint, of {theirs.origin} at size {theirs.size}, is none that this ledger signed"
            )
        return theirs.size

    def _advance(self, *, patient: bool) -> Position:
        """Publish the newest checkpoint over what was handed in, and say how far that is."""
        found = self._log.signed_to(self._have)
        if found is not None and self._is_due(*found, patient=patient):
            with self._shelf.alone():
                self._publish(*found)
        end = min(self._size, self._have)
        if end > self._done.next_seq:
            self._done = self._log.position(end) or self._done
        return self._done

    def _is_due(self, size: int, note: bytes, *, patient: bool) -> bool:
        """Tell whether a checkpoint is new; while catching up, most of them are passed over."""
        if size < self._size or note == self._note:
            return False
        head = self._log.size if patient else 0
        return head <= self._have + STRIDE or size - self._size >= STRIDE

    def _publish(self, size: int, note: bytes) -> None:
        for path, data in self._log.files(size, since=self._size):
            if data is None:
                raise SinkUnusable(f"the database has not all of {path} for the size {size}")
            self._shelf.put(str(path), data)
        self._shelf.flush()
        self._replace(checkpoint_path(size), note)
        if not self._shelf.replace(CHECKPOINT, note, was=self._note):
            raise SinkUnusable("another process published a checkpoint meanwhile; looking again")
        self._tidy(size)
        self._note, self._size = note, size

    def _replace(self, path: str, data: bytes) -> None:
        """Put what gains signatures in time."""
        was = self._shelf.get(path, most=MAX_NOTE_BYTES)
        if was != data and not self._shelf.replace(path, data, was=was):
            raise SinkUnusable(f"another process wrote {path} meanwhile; looking again")

    def _tidy(self, size: int) -> None:
        """Remove narrower tiles where the full one stands, and all but the two newest narrower bundles."""
        for path in filled(size, since=self._size):
            self._shelf.remove(path.partials)
        if self._older_bundle is not None:
            self._shelf.remove(self._older_bundle)
        self._older_bundle = _partial_bundle(self._size)

    def _publish_key(self) -> None:
        """Keep the log's key beside it, and those before it: checkpoints that they signed stay."""
        found = (self._shelf.get(VKEY, most=LONGEST_VKEYS) or b"").decode("utf-8", "replace")
        if self._vkey not in found.splitlines():
            self._replace(VKEY, f"{self._vkey}\n{found}".encode())


def _partial_bundle(size: int) -> str | None:
    width = size % TILE_WIDTH
    return str(TilePath(ENTRIES, size // TILE_WIDTH, width)) if width else None
