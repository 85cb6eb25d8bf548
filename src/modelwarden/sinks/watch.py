"""A monitor: follows a ledger from outside and says when it forks, shrinks, stalls or is not signed (`audit watch`).

It believes one pinned key and its own memory. What it finds is a `Sighting`; both notes of a fork are kept in its
folder. It needs no right on the ledger beyond reading. What it leaves out: asking anybody else; witnesses do.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from modelwarden.errors import NoteInvalid, ProofInvalid, SettingInvalid, Unreachable
from modelwarden.ledger.checkpoint import Checkpoint, open_note, unverified_checkpoint
from modelwarden.ledger.merkle import Frontier, verify_consistency
from modelwarden.values.clock import moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.sinks.watch_source import Source
    from modelwarden.values.clock import Clock

OK: Final = "ok"
FORK: Final = "fork"
SHRINK: Final = "shrink"
STALL: Final = "stall"
ALTERED: Final = "entry_altered"
BAD_SIGNATURE: Final = "bad_signature"
UNREACHABLE: Final = "unreachable"
FINAL: Final = frozenset({FORK, SHRINK, ALTERED, BAD_SIGNATURE})
"""What no later round can take back."""
MOST_KEPT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one round found: a word, the size and root that were seen, and a sentence."""

    found: str
    origin: str
    size: int
    root: str
    entries_checked: int
    at: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered from round to round: the largest note, and when it grew. `frontier` is the tree before."""

    note: bytes
    grew_at: datetime
    frontier: Frontier | None

    @property
    def checkpoint(self) -> Checkpoint:
        """Return what the note says; its signature was checked before it was remembered."""
        return unverified_checkpoint(self.note)


class Watch:
    """Follows one ledger. `look` is one round."""

    def __init__(
        self,
        source: Source,
        keys: Sequence[VerifierKey],
        folder: Path,
        *,
        clock: Clock,
        stall: timedelta | None = None,
    ) -> None:
        """Go on from what the folder remembers. Raises SettingInvalid if that can't be read."""
        self._source, self._keys, self._folder = source, tuple(keys), folder
        self._clock, self._stall = clock, stall
        folder.mkdir(parents=True, exist_ok=True)
        self._memory = _read(folder / "state.json")
        if self._memory is not None:
            _opened(self._memory.note, self._keys, folder)

    def look(self) -> Sighting:
        """Read the newest checkpoint, and hold it against the key and what is remembered."""
        try:
            note, put_at = self._source.checkpoint()
        except Unreachable as error:
            return self._saw(UNREACHABLE, self._known(), str(error))
        try:
            seen = open_note(note, self._keys)
        except NoteInvalid as error:
            self._keep("unsigned", note)
            return self._saw(BAD_SIGNATURE, self._known(), str(error))
        try:
            if self._memory is None:
                return self._first(note, seen)
            return self._compared(note, seen, self._memory, put_at)
        except Unreachable as error:
            return self._saw(UNREACHABLE, seen, str(error))

    def _first(self, note: bytes, seen: Checkpoint) -> Sighting:
        """Take the first checkpoint as it is, by its signature alone; its tiles have to give its root."""
        try:
            tree = self._source.frontier(seen.size)
        except ProofInvalid as error:
            return self._altered(note, seen, str(error))
        if tree is not None and tree.root() != seen.root:
            return self._altered(note, seen, "its tiles do not give the root that was signed")
        self._remember(note, tree)
        return self._saw(OK, seen, "first sight")

    def _compared(
        self, note: bytes, seen: Checkpoint, memory: Memory, put_at: datetime | None
    ) -> Sighting:
        known = memory.checkpoint
        if seen.size == known.size:
            if seen.root != known.root:
                return self._forked(note, seen, f"two roots of size {seen.size}, both signed")
            return self._standing_still(seen, memory, put_at)
        if seen.size < known.size:
            return self._smaller(note, seen, known)
        try:
            proof = self._source.consistency(known.size, seen.size)
            verify_consistency(known.size, known.root, seen.size, seen.root, proof)
        except (ProofInvalid, NoteInvalid, IndexError) as error:
            return self._forked(note, seen, str(error))
        return self._grown(note, seen, memory)

    def _grown(self, note: bytes, seen: Checkpoint, memory: Memory) -> Sighting:
        """Hash the new entries, where they can be read: they have to give the root that was signed."""
        first = memory.checkpoint.size
        tree = None if memory.frontier is None else memory.frontier.copy()
        parts = None if tree is None else self._source.leaves(first, seen.size)
        if tree is not None and parts is not None:
            try:
                for part in parts:
                    tree.extend(part)
            except ProofInvalid as error:
                return self._altered(note, seen, str(error))
            if (tree.size, tree.root()) != (seen.size, seen.root):
                detail = f"entries {first} to {seen.size - 1} are not those that were signed"
                return self._altered(note, seen, detail)
        self._remember(note, tree)
        count = 0 if parts is None else seen.size - first
        return self._saw(OK, seen, f"grew from {first}", entries_checked=count)

    def _smaller(self, note: bytes, seen: Checkpoint, known: Checkpoint) -> Sighting:
        """Tell a smaller size; where it is not even a beginning of what was seen, a fork."""
        try:
            proof = self._source.consistency(seen.size, known.size)
            verify_consistency(seen.size, seen.root, known.size, known.root, proof)
        except (ProofInvalid, NoteInvalid, IndexError, Unreachable):
            self._keep("forks", note, self._note())
        self._keep("smaller", note, self._note())
        return self._saw(SHRINK, seen, f"{known.size} entries were signed before")

    def _standing_still(
        self, seen: Checkpoint, memory: Memory, put_at: datetime | None
    ) -> Sighting:
        since = max(memory.grew_at, put_at or memory.grew_at)
        quiet = self._clock.now() - since
        if self._stall is not None and quiet > self._stall:
            detail = f"nothing new since {timestamp(since)}"
            return self._saw(STALL, seen, detail)
        return self._saw(OK, seen, "no new entries")

    def _forked(self, note: bytes, seen: Checkpoint, detail: str) -> Sighting:
        self._keep("forks", note, self._note())
        return self._saw(FORK, seen, f"{detail}; both notes are in {self._folder / 'forks'}")

    def _altered(self, note: bytes, seen: Checkpoint, detail: str) -> Sighting:
        self._keep("altered", note, self._note())
        return self._saw(ALTERED, seen, detail)

    def _note(self) -> bytes:
        return b"" if self._memory is None else self._memory.note

    def _known(self) -> Checkpoint | None:
        return None if self._memory is None else self._memory.checkpoint

    def _saw(
        self, found: str, seen: Checkpoint | None, detail: str, *, entries_checked: int = 0
    ) -> Sighting:
        return Sighting(
            found=found,
            origin=self._keys[0].name if seen is None else seen.origin,
            size=0 if seen is None else seen.size,
            root="" if seen is None else seen.root.hex(),
            entries_checked=entries_checked,
            at=timestamp(self._clock.now()),
            detail=detail,
        )

    def _remember(self, note: bytes, frontier: Frontier | None) -> None:
        memory = Memory(note=note, grew_at=self._clock.now(), frontier=frontier)
        _replace(self._folder / "state.json", _document(memory))
        self._memory = memory

    def _keep(self, kind: str, *notes: bytes) -> None:
        """Keep notes as evidence, once each, up to a bound."""
        folder = self._folder / kind
        folder.mkdir(exist_ok=True)
        for note in notes:
            place = folder / f"{sha256(note).hexdigest()[:16]}.note"
            if note and not place.exists() and len(list(folder.iterdir())) < MOST_KEPT:
                _replace(place, note)


def _opened(note: bytes, keys: Sequence[VerifierKey], folder: Path) -> None:
    try:
        open_note(note, keys)
    except NoteInvalid as error:
        raise SettingInvalid(
            f"{folder} remembers a ledger that these keys did not sign: use another --state"
        ) from error


def _read(path: Path) -> Memory | None:
    try:
        found = json.loads(path.read_bytes())
        note, tree = str(found["note"]).encode(), found["frontier"]
        size = unverified_checkpoint(note).size
        return Memory(
            note=note,
            grew_at=moment(found["grew_at"]).astimezone(UTC),
            frontier=None if tree is None else Frontier.from_bytes(size, bytes.fromhex(tree)),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, NoteInvalid, ProofInvalid) as error:
        raise SettingInvalid(f"{path} can't be read: {type(error).__name__}") from error


def _document(memory: Memory) -> bytes:
    tree = None if memory.frontier is None else memory.frontier.to_bytes().hex()
    fields = {"note": memory.note.decode(), "grew_at": timestamp(memory.grew_at), "frontier": tree}
    return json.dumps(fields, indent=1).encode() + b"\n"


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
