"""The ledger as daily files that are closed, sealed and made read-only: write once, read many (LG-51).

`worm:///srv/worm?segment_mb=64`: one line an entry (LG-43), in segments that end with a UTC day or a size. A line that
a crash tore is ended, and its entry written again; readers drop it. Root can undo all of this: the folder is a copy for
other eyes and other disks, and what proves it is the checkpoint in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from typing import TYPE_CHECKING, Final

import orjson

from modelwarden.errors import SettingInvalid, SinkDiffers, SinkUnusable
from modelwarden.ledger.entry import chain_start, line
from modelwarden.sinks.comparing import compare
from modelwarden.sinks.shelf import folder_of as place_of
from modelwarden.sinks.shelf import sync_folder
from modelwarden.sinks.worm_copy import WormCopy, open_folder
from modelwarden.sinks.worm_folder import (
    CHECKPOINT,
    LOCK,
    SEALED_MODE,
    Seal,
    Segment,
    folder_of,
    freeze,
    segments,
    thaw,
)
from modelwarden.sinks.worm_segment import OpenSegment, end_of
from modelwarden.store import entries
from modelwarden.store.static_log import StaticLog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from modelwarden.ledger.entry import Stored
    from modelwarden.sinks.address import SinkAddress
    from modelwarden.sinks.worm_segment import End
    from modelwarden.store.follower import Position
    from modelwarden.store.opening import Store

OPTIONS: Final = frozenset({"segment_mb", "immutable"})
MIB: Final = 1024 * 1024
MOST_MIB: Final = 4_096
DATE: Final = 10
"""Characters of a time that are its date."""


def open_sink(address: SinkAddress, store: Store) -> WormSink:
    """Return the sink; nothing is written yet. Raises SettingInvalid."""
    options = address.known(OPTIONS)
    size, flag = options.get("segment_mb", "64"), options.get("immutable", "true")
    if not (size.isascii() and size.isdigit() and len(size) <= 4 and 1 <= int(size) <= MOST_MIB):  # noqa: PLR2004
        raise SettingInvalid(f"sink {address.name}: segment_mb is a number from 1 to {MOST_MIB}")
    if flag not in {"true", "false"}:
        raise SettingInvalid(f"sink {address.name}: immutable is true or false, not {flag!r}")
    return WormSink(place_of(address), store, most_bytes=int(size) * MIB, immutable=flag == "true")


def open_copy(address: SinkAddress, *, origin: str | None) -> WormCopy:
    """Return what lies in the folder. Raises Unreadable, SettingInvalid."""
    address.known(OPTIONS)
    return open_folder(place_of(address), origin)


class WormSink:
    """A follower's step that appends lines; a batch counts once the disk has it."""

    def __init__(self, root: Path, store: Store, *, most_bytes: int, immutable: bool) -> None:
        self._log, self._most, self._immutable = StaticLog(store.database), most_bytes, immutable
        self._database = store.database
        self._origin = store.around.keyring.origin
        self._folder = folder_of(root, self._origin)
        self._token = b""
        self._open: OpenSegment | None = None
        self._date = ""
        self._next = 0
        self._ahead: End | None = None
        self._note: bytes | None = None

    def begin(self, at: Position, /) -> None:
        """Find the end of what is written, and compare it with the position. Raises SinkDiffers, SinkUnusable."""
        self._forget()
        self._token = secrets.token_hex(8).encode()
        with self._alone(taking=True):
            end = self._resumed()
        size = self._log.size
        if end.seq >= size:
            raise SinkDiffers(
                f"the folder holds entry {end.seq}, and the ledger ends before it: the database was put back to an"
                " older state. Restore the newest backup"
            )
        if end.seq < at.next_seq - 1:
            raise SinkDiffers(
                f"the folder ends with entry {end.seq}, but held {at.next_seq - 1} before: it lost lines. Put its files"
                " back, or give a new copy another folder and name="
            )
        if end.seq >= at.next_seq:
            self._check_ahead(at.next_seq, end.seq)
        elif end.entry_hash != at.entry_hash:
            raise SinkDiffers(f"the folder's entry {end.seq} is not the ledger's")
        self._ahead = end if end.seq >= at.next_seq else None
        self._next = max(end.seq + 1, at.next_seq)

    def _check_ahead(self, first: int, last: int) -> None:
        """Compare what is written beyond the position with the ledger, line by line: anybody could append one."""
        with self._database.reading() as connection:
            ours = entries.lines(connection, self._origin, first, last)
            copy = WormCopy(self._folder)
            found = compare(ours, copy, name="the folder", first=first, last=last)
        if found:
            raise SinkDiffers(f"{found[0].detail}: entry {found[0].seq}")

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> Position | None:
        """Append the lines of a batch, and return when the disk has them. Raises SinkUnusable, SinkDiffers."""
        with self._alone():
            for stored in batch:
                if self._is_new(stored):
                    self._append(stored, before)
                before = stored.entry_hash
            if self._open is not None:
                self._open.flush()
        self._next = max(self._next, batch[-1].seq + 1)
        return None

    def idle(self) -> Position | None:
        """Lay the newest checkpoint over what is written beside it."""
        note = self._newest_note(self._next)
        if note is not None and note != self._note:
            with self._alone():
                _write(self._folder / CHECKPOINT, note)
            self._note = note
        return None

    def probe(self) -> str:
        """Write a file, try the immutable flag on it, take it away again. Raises SinkUnusable."""
        trial = self._folder / ".probe"
        with _told(self._folder):
            _make(self._folder)
            _write(trial, b"")
            is_kept = self._immutable and freeze(trial)
            thaw(trial)
            trial.unlink()
        kept = "closed files get the immutable flag" if is_kept else "no immutable flag here"
        return f"folder {self._folder}, {kept}"

    def close(self) -> None:
        """Let go of the open segment: the next start goes on in it."""
        self._forget()

    def _is_new(self, stored: Stored) -> bool:
        """Tell whether the folder lacks an entry; the last that it holds already has to be the same."""
        ahead = self._ahead
        if ahead is None:
            return True
        if stored.seq == ahead.seq:
            self._ahead = None
            if stored.entry_hash != ahead.entry_hash:
                raise SinkDiffers(f"the folder's entry {stored.seq} is not the ledger's")
        return False

    def _append(self, stored: Stored, before: bytes) -> None:
        date = max(self._date, orjson.loads(stored.body)["at"][:DATE])
        segment = self._open
        if segment is not None and (date > self._date or segment.bytes >= self._most):
            self._close(segment)
            segment = None
        if segment is None:
            segment = OpenSegment.create(self._folder, Segment(date, stored.seq), before)
        self._open, self._date = segment, date
        segment.append(stored, line(stored, before))

    def _close(self, segment: OpenSegment) -> None:
        """Seal a segment, and let nobody write to it any more."""
        segment.finish()
        note = self._newest_note(segment.end.seq + 1)
        seal = Seal(
            first=segment.segment.first,
            last=segment.end.seq,
            size=segment.bytes,
            sha256=segment.digest,
            previous_hash=segment.before.hex(),
            entry_hash=segment.end.entry_hash.hex(),
            checkpoint=None if note is None else note.decode(),
        )
        with _told(self._folder):
            _write(segment.segment.seal(self._folder), seal.to_bytes())
            self._keep(segment.segment)

    def _keep(self, segment: Segment) -> None:
        """Make a closed segment and its seal read-only, and immutable where that is allowed."""
        for path in (segment.lines(self._folder), segment.seal(self._folder)):
            with contextlib.suppress(PermissionError):  # it has the flag already
                path.chmod(SEALED_MODE)
            if self._immutable:
                freeze(path)

    def _resumed(self) -> End:
        """Return the last entry that is written, and open its segment again if it is not closed."""
        known = segments(self._folder)
        found = end_of(self._folder, known, chain_start(self._origin))
        if known and found.sealed:
            self._keep(known[-1])
        self._date = known[-1].date if known else ""
        self._open = found.open
        return found.end

    def _newest_note(self, size: int) -> bytes | None:
        found = self._log.signed_to(size)
        return None if found is None else found[1]

    @contextlib.contextmanager
    def _alone(self, *, taking: bool = False) -> Iterator[None]:
        """Hold the folder's lock. Its file says who wrote last: another one makes us look at the end again."""
        with _told(self._folder), contextlib.ExitStack() as held:
            _make(self._folder)
            lock = held.enter_context((self._folder / LOCK).open("a+b", buffering=0))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SinkUnusable(
                    f"another process is writing to {self._folder} just now"
                ) from None
            # A child that was forked meanwhile has a copy, which closing leaves locked.
            held.callback(fcntl.flock, lock, fcntl.LOCK_UN)
            if taking:
                lock.truncate(0)
                if lock.write(self._token) != len(self._token):
                    raise SinkUnusable(f"the folder {self._folder} is full")
            lock.seek(0)
            if lock.read() != self._token:
                raise SinkUnusable(f"another process wrote to {self._folder} meanwhile")
            yield

    def _forget(self) -> None:
        if self._open is not None:
            self._open.release()
        self._open = self._ahead = self._note = None


def _make(folder: Path) -> None:
    """Make a folder, so that it is there after a power cut too."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def _write(path: Path, data: bytes) -> None:
    """Put a file in its place, whole and for good."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SinkUnusable(f"the folder {folder} can't be written: {error.strerror}") from error
