"""What a Kafka topic holds of the ledger, read from its first message to the last that is there now."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from modelwarden.errors import LineInvalid, SinkUnusable, Unreadable
from modelwarden.ledger.elsewhere import Held, Last
from modelwarden.ledger.entry import parse_line
from modelwarden.ledger.result import Findings
from modelwarden.sinks.kafka_client import Reading, end_of, partitions, reader, watermarks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modelwarden.ledger.entry import Stored
    from modelwarden.ledger.result import Problem
    from modelwarden.sinks.sink import Looking

REMEMBERED: Final = 20_000
"""Entries of which a repeat is compared: a batch that came again stands close to its first coming."""


class KafkaCopy:
    """The lines of one ledger in a topic's partition; repeats are dropped, and compared while they are close."""

    def __init__(self, settings: dict[str, Any], topic: str, origin: str | None) -> None:
        self._settings, self._topic, self._origin = settings, topic, origin
        self._findings = Findings()
        self._far_repeats = self._others = self._gone = 0

    def lines(self, first: int = 0) -> Iterator[bytes]:
        """Yield the lines of entries from `first` on. Raises Unreadable."""
        self._findings, self._far_repeats, self._others = Findings(), 0, 0
        seen: OrderedDict[int, bytes] = OrderedDict()
        newest = -1
        for data in self._messages(first):
            stored = _stored(data)
            if stored is None or stored.seq > newest:
                if stored is not None:
                    newest = stored.seq
                    seen[newest] = stored.entry_hash
                    if len(seen) > REMEMBERED:
                        seen.popitem(last=False)
                if stored is None or stored.seq >= first:
                    yield data + b"\n"
            else:
                self._compare(stored, seen.get(stored.seq))

    def notes(self) -> Iterable[bytes]:
        """Return nothing: a topic holds entries alone."""
        return ()

    def end(self, looking: Looking) -> Held:  # noqa: ARG002  # a topic holds no checkpoints
        """Return the last message as an entry; none where retention removed all, or nothing was sent yet."""
        entry = end_of(self._settings, self._topic).entry
        return Held(last=None if entry is None else Last(*entry))

    def problems(self) -> Iterable[Problem]:
        """Return repeats that are not what came first."""
        return tuple(self._findings.problems)

    def not_checked(self) -> Iterable[str]:
        """Return what a topic can't show."""
        if self._gone:
            yield f"the topic's first {self._gone} offsets: its retention removed them"
        if self._far_repeats:
            yield f"repeats far from their first coming: {self._far_repeats}"
        if self._others:
            yield f"messages under another key: {self._others}"

    def close(self) -> None:
        """Do nothing: a reading closes itself."""

    def _messages(self, first: int) -> Iterator[bytes]:
        """Yield the values under our key, from offset `first` on: no entry has an offset below its number."""
        try:
            with reader(self._settings) as consumer:
                if not partitions(consumer, self._topic):
                    raise Unreadable(f"there is no topic {self._topic}")
                low, high = watermarks(consumer, self._topic)
                self._gone = low
                for message in Reading(consumer, self._topic, max(low, first), high):
                    key = message.key()
                    if self._origin is not None and key != self._origin.encode():
                        self._others += 1
                    else:
                        yield message.value() or b""
        except SinkUnusable as error:
            raise Unreadable(str(error)) from error

    def _compare(self, again: Stored, known: bytes | None) -> None:
        if known is None:
            self._far_repeats += 1
        elif known != again.entry_hash:
            detail = f"entry {again.seq} came again, and is another"
            self._findings.add("sink_differs", again.seq, detail)


def _stored(data: bytes) -> Stored | None:
    try:
        return parse_line(data).stored
    except LineInvalid:
        return None  # it is passed on, and named
