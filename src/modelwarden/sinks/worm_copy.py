"""A WORM folder, read back: its lines over all segments, and each closed segment held against its seal (LG-51).

What a crash tore is left out; what was changed is not, and verification names it. Nothing in the folder is believed:
it may come from anybody.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from modelwarden.errors import SinkUnusable, Unreadable
from modelwarden.ledger.checkpoint import MAX_NOTE_BYTES
from modelwarden.ledger.elsewhere import Held, Last
from modelwarden.ledger.result import Findings
from modelwarden.sinks.sink import MOST_LOOKED_AT
from modelwarden.sinks.worm_folder import (
    CHECKPOINT,
    MOST_SEAL_BYTES,
    WRITERS,
    folder_of,
    is_frozen,
    origins,
    read_seal,
    segments,
)
from modelwarden.sinks.worm_segment import last_whole, raw_lines, read_small, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from modelwarden.ledger.result import Problem
    from modelwarden.sinks.sink import Looking
    from modelwarden.sinks.worm_folder import Seal, Segment

CODE: Final = "seal_invalid"
MOST_TORN: Final = 1_000
"""Lines in a row that can be torn; more are passed on, and named."""


class WormCopy:
    """One ledger's folder. `problems` tells of the segments that `lines` read to their end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._segments = segments(folder)
        self._findings = Findings()
        self._torn = self._writable = self._thawed = 0

    def lines(self, first: int = 0) -> Iterator[bytes]:
        """Yield the lines of entries from `first` on, beginning in the segment that holds it."""
        known = self._segments
        start = max((n for n, segment in enumerate(known) if segment.first <= first), default=0)
        stream = _Stream(known[start].first if known else 0)
        for segment in known[start:]:
            seal = self._seal(segment)  # before its lines: the newest may be closed while we read
            reading, is_open = _Reading(segment), seal is None and segment == known[-1]
            yield from stream.after(reading.lines(self._folder), first)
            if is_open:
                stream.held.clear()  # the line under way, or torn just now: it will be written again
            yield from stream.released()
            if not is_open:
                self._check(reading, seal)
        self._torn = stream.torn

    def notes(self) -> Iterator[bytes]:
        """Yield the checkpoints of the seals, and the newest."""
        for segment in self._segments:
            seal = self._seal(segment)
            if seal is not None and seal.checkpoint is not None:
                yield seal.checkpoint.encode()
        note = read_small(self._folder / CHECKPOINT, most=MAX_NOTE_BYTES)
        if note is not None:
            yield note

    def end(self, looking: Looking) -> Held:
        """Return the newest checkpoint, those of the newest seals down to one that is ours, and the last line."""
        note = read_small(self._folder / CHECKPOINT, most=MAX_NOTE_BYTES)
        found = [] if note is None else [note]
        for segment in self._segments[: -MOST_LOOKED_AT - 1 : -1]:
            seal = self._seal(segment)
            if seal is not None and seal.checkpoint is not None:
                found.append(seal.checkpoint.encode())
                if looking.is_ours(found[-1]):
                    break
        return Held(tuple(found), self._last())

    def problems(self) -> Iterable[Problem]:
        """Return which seals do not fit, and which have lost their segment."""
        for segment in segments(self._folder, "seal.json"):
            if not segment.lines(self._folder).exists():
                detail = f"{self._named(segment)}: its lines are gone"
                self._findings.add(CODE, segment.first, detail)
            elif self._seal(segment) is None:
                detail = f"{self._named(segment)}: the seal is damaged"
                self._findings.add(CODE, segment.first, detail)
        return tuple(self._findings.problems)

    def not_checked(self) -> Iterable[str]:
        """Return what the file system no longer keeps from being changed."""
        told = (
            (self._writable, "closed files that can be written again: their mode was changed"),
            (self._thawed, "closed files without the immutable flag: their owner can change them"),
            (self._torn, "lines that a crash tore, left out: each of them was written again"),
        )
        return tuple(f"{count} {words}" for count, words in told if count)

    def close(self) -> None:
        """Nothing is open between calls."""

    def _last(self) -> Last | None:
        """Return the last entry whose line is whole, in the newest segments: a crash may have torn the last one."""
        for segment in self._segments[:-3:-1]:
            found = last_whole(segment.lines(self._folder))
            if found is not None:
                return Last(found.stored.seq, found.stored.entry_hash)
        return None

    def _check(self, reading: _Reading, seal: Seal | None) -> None:
        """Compare a closed segment that was read with its seal."""
        segment = reading.segment
        if seal is None:
            detail = f"{self._named(segment)}: the seal is missing"
            self._findings.add(CODE, segment.first, detail)
            return
        if (seal.first, seal.size, seal.sha256) != (segment.first, reading.bytes, reading.digest):
            detail = f"{self._named(segment)}: its lines are not those that were sealed"
            self._findings.add(CODE, segment.first, detail)
        elif reading.ends != (seal.last, seal.previous_hash, seal.entry_hash):
            detail = f"{self._named(segment)}: the seal tells of other entries"
            self._findings.add(CODE, segment.first, detail)
        for path in (segment.lines(self._folder), segment.seal(self._folder)):
            self._writable += bool(path.lstat().st_mode & WRITERS)
            self._thawed += not is_frozen(path)

    def _seal(self, segment: Segment) -> Seal | None:
        data = read_small(segment.seal(self._folder), most=MOST_SEAL_BYTES)
        return None if data is None else read_seal(data)

    def _named(self, segment: Segment) -> str:
        return str(segment.lines(self._folder).relative_to(self._folder))


def open_folder(root: Path, origin: str | None) -> WormCopy:
    """Return a ledger's copy; the only one there, unless `origin` says which. Raises Unreadable."""
    if origin is None:
        found = origins(root)
        if len(found) != 1:
            what = f"{len(found)} ledgers lie" if found else "no ledger lies"
            raise Unreadable(f"{what} at {root}: --checkpoint-key says which one is meant")
        origin = found[0]
    folder = folder_of(root, origin)
    if not folder.is_dir():
        raise Unreadable(f"there is no copy of {origin} at {root}")
    return WormCopy(folder)


class _Reading:
    """One segment while it is read: how much of it, its digest, and the entries at its ends."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.bytes = 0
        self._hash = sha256()
        self._last, self._before, self._end = segment.first - 1, "", ""

    def lines(self, folder: Path) -> Iterator[tuple[int | None, bytes]]:
        """Yield each line with its number; None for one that is not whole. Raises Unreadable."""
        path = self.segment.lines(folder)
        try:
            for data in raw_lines(path):
                self._hash.update(data)
                self.bytes += len(data)
                found = whole(data)
                if found is not None:
                    stored = found.stored
                    self._before = self._before or found.previous_hash.hex()
                    self._last, self._end = stored.seq, stored.entry_hash.hex()
                yield (None if found is None else found.stored.seq), data
        except (OSError, SinkUnusable) as error:
            raise Unreadable(f"{path} can't be read: {error}") from error

    @property
    def digest(self) -> str:
        """The hex SHA-256 of what was read."""
        return self._hash.hexdigest()

    @property
    def ends(self) -> tuple[int, str, str]:
        """The last entry, the hash before the first, and the hash of the last."""
        return self._last, self._before, self._end


class _Stream:
    """The lines of all segments, one after the other, without those that a crash tore."""

    def __init__(self, expected: int) -> None:
        self.held: list[bytes] = []
        self.torn = 0
        self._expected, self._last = expected, b""

    def after(self, lines: Iterable[tuple[int | None, bytes]], first: int) -> Iterator[bytes]:
        """Yield lines from `first` on. One that is not whole is held until the next shows whether it was torn."""
        for seq, data in lines:
            if seq is None:
                self.held.append(data)
                if len(self.held) > MOST_TORN:
                    yield from self.released()
                continue
            if seq == self._expected:  # what was held is the same entry, torn before
                self.torn += len(self.held)
                self.held.clear()
            changed = list(self.released())
            yield from changed if seq > first else ()
            if data != self._last and seq >= first:
                yield data
            self._expected, self._last = seq + 1, data

    def released(self) -> Iterator[bytes]:
        """Give back what was held: it was not torn, but changed."""
        held, self.held = self.held, []
        yield from held
