"""Reads server-sent events out of bytes as they come (WHATWG HTML §9.2.6). Pure.

What a stream says is judged elsewhere; here it is cut into events, whatever the pieces in which it arrives.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from modelwarden.errors import SnapshotRejected
from modelwarden.guard.wire import MAX_WIRE_BYTES, Reason

MOST_BYTES: Final = MAX_WIRE_BYTES + 64 * 1024
"""Of one event: more is no snapshot, and is not kept in memory."""

MOST_SPREAD_S: Final = 5.0
_DIGITS: Final = 9
_BOM: Final = b"\xef\xbb\xbf"
_DATA: Final = b"data:"


class Event(NamedTuple):
    """One event: its kind, its data with LF between lines, and the last id that the stream named."""

    kind: str
    data: bytes
    last_id: str


class EventReader:
    """Cuts a stream into events. Not for several threads.

    Attributes:
        lines: how many whole lines came, comments included; a beat is one.
        spread_s: over how long those who hear the same should spread what they answer; our own field `spread`, in
            milliseconds, which other readers ignore.
    """

    def __init__(self) -> None:
        self.lines = 0
        self._begun = False
        self._waiting = bytearray()
        self._searched = 0
        self._after_cr = False
        self.spread_s = 0.0
        self._kind = ""
        self._data: list[bytes] = []
        self._size = 0
        self._last_id = ""

    def feed(self, piece: bytes) -> list[Event]:
        """Take in more bytes; return the events that they complete. Raises SnapshotRejected for one too large."""
        self._waiting += self._with_lf(piece)
        if not self._begun:
            if len(self._waiting) < len(_BOM) and _BOM.startswith(self._waiting):
                return []
            self._begun = True
            if self._waiting.startswith(_BOM):
                del self._waiting[: len(_BOM)]
        found: list[Event] = []
        self._take_lines(found)
        if self._size + len(self._waiting) > MOST_BYTES:
            raise SnapshotRejected(Reason.TOO_LARGE, "an event of the stream is too large")
        return found

    def _take_lines(self, found: list[Event]) -> None:
        """Take whole lines out of what waits, looking at no byte twice, and copying those of data once."""
        waiting, start = self._waiting, 0
        end = waiting.find(b"\n", self._searched)
        with memoryview(waiting) as view:
            while end >= 0:
                self.lines += 1
                if waiting.startswith(_DATA, start):
                    begin = start + len(_DATA)
                    self._add(bytes(view[begin + waiting.startswith(b" ", begin, end) : end]))
                else:
                    event = self._line(bytes(view[start:end]))
                    if event is not None:
                        found.append(event)
                start = end + 1
                end = waiting.find(b"\n", start)
        if start:
            del waiting[:start]
        self._searched = len(waiting)

    def _with_lf(self, piece: bytes) -> bytes:
        """Return the bytes with LF at the end of each line, where CR, or CR and LF in two pieces, may stand."""
        if not piece:
            return piece
        after_cr, self._after_cr = self._after_cr, piece.endswith(b"\r")
        if after_cr:
            piece = piece.removeprefix(b"\n")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in piece else piece

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._kind = value.decode(errors="replace")
        elif name == b"data":
            self._add(value)
        elif name == b"spread" and value.isdigit():
            self.spread_s = min(int(value[:_DIGITS]) / 1e3, MOST_SPREAD_S)
        elif name == b"id" and b"\0" not in value:
            self._last_id = value.decode(errors="replace")
        return None  # a comment, or a field that says nothing here

    def _add(self, value: bytes) -> None:
        self._data.append(value)
        self._size += len(value) + 1

    def _dispatch(self) -> Event | None:
        kind, data = self._kind or "message", self._data
        self._kind, self._data, self._size = "", [], 0
        return Event(kind, b"\n".join(data), self._last_id) if data else None
