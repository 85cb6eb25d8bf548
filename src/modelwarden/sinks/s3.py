"""Entries to a bucket with Object Lock: segments that are written once, read back, and locked for years (LG-51).

`s3://bucket/prefix?region=eu-west-1`: the lines of LG-43 in `seg/<first>-<last>.jsonl`, signed checkpoints in
`checkpoint/<size>`. A segment's range is kept in the database before it is sent: a retry repeats key and bytes, and the
store refuses a second object of that name. An entry counts as done once its segment was found there, locked as asked:
at once for the first segment, then for several together while catching up.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from modelwarden.errors import RetentionShortened, SinkDiffers
from modelwarden.ledger.entry import line
from modelwarden.sinks.opening import follower_name
from modelwarden.sinks.s3_bucket import open_bucket
from modelwarden.sinks.s3_copy import S3Copy
from modelwarden.sinks.s3_sending import Sending
from modelwarden.sinks.segment import (
    COMPLIANCE,
    MOST_ENTRIES,
    SEGMENTS,
    Lock,
    Span,
    checkpoint_key,
    key_before,
    plan_of,
    span_of,
)
from modelwarden.store import entries, segments
from modelwarden.store.follower import Position
from modelwarden.values.clock import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from modelwarden.ledger.entry import Stored
    from modelwarden.sinks.address import SinkAddress
    from modelwarden.sinks.s3_bucket import Bucket, Kept
    from modelwarden.sinks.segment import Plan
    from modelwarden.store.opening import Store

LATEST_S: Final = 5.0
"""What was sent is looked for at the latest so long after, however little it is."""
PAUSE_S: Final = 0.05
"""It is looked for if nothing waits, and nothing came for so long: a follower that catches up hands on faster."""


def open_sink(address: SinkAddress, store: Store) -> S3Sink:
    """Return the sink; the bucket is not asked yet. Raises SettingInvalid."""
    return S3Sink(open_bucket(address), plan_of(address), store, address.name)


def open_copy(address: SinkAddress, *, origin: str | None) -> S3Copy:  # noqa: ARG001  # a prefix holds one ledger
    """Return what lies below the prefix. Raises SettingInvalid."""
    return S3Copy(open_bucket(address), plan_of(address))


class Gathered(NamedTuple):
    """An entry that waits for its segment."""

    line: bytes
    entry_hash: bytes
    at: str


class S3Sink:
    """A follower's step that gathers entries into segments; memory holds one segment."""

    def __init__(self, bucket: Bucket, plan: Plan, store: Store, name: str) -> None:
        self._bucket, self._plan, self._store, self._name = bucket, plan, store, name
        self._sending = Sending(bucket)
        self._done = self._sent = Position(0, b"")  # what was found there, what was sent
        self._unfound = 0  # segments that were sent and not looked for
        self._width = 1  # how many may be
        self._waiting: list[Gathered] = []
        self._bytes, self._since, self._handed = 0, 0.0, 0.0
        self._there: Iterator[Span] = iter(())  # what the far end holds beyond the position
        self._ahead: Span | None = None  # the next of it
        self._end: int | None = None  # where the segment that is gathered has to end

    def begin(self, at: Position, /) -> None:
        """Look what the bucket holds around the position. Raises SinkUnusable, BucketNotLocked, SinkDiffers."""
        self._done = self._sent = at
        self._waiting, self._bytes = [], 0
        self._sending.forget()
        self._unfound, self._width = 0, 1
        self._bucket.require_locked()
        self._there, self._ahead = self._beyond(at), None
        self._end = self._known_end(at.next_seq)

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> Position | None:
        """Gather entries, and write each segment that is full. Raises as `begin`, and RetentionShortened."""
        for stored in batch:
            data = line(stored, before)
            before = stored.entry_hash
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting.append(Gathered(data, before, orjson.loads(stored.body)["at"]))
            self._bytes += len(data)
            if self._is_full():
                self._write(stored.seq)
        self._handed = time.monotonic()
        return self._done

    def idle(self) -> Position | None:
        """Write what has waited for long enough, up to the newest signed size, and find all that was sent."""
        passed = time.monotonic() - self._since
        is_due = bool(self._waiting) and passed >= self._plan.seconds and self._end is None
        if is_due:
            self._write(self._signed_end())
        is_still = not self._waiting and time.monotonic() - self._handed >= PAUSE_S
        if self._unfound and (is_still or passed >= min(LATEST_S, self._plan.seconds)):
            self._find()
        return self._done

    def probe(self) -> str:
        """Ask whether the bucket is locked and may be listed; nothing is written, since it would stay for years."""
        self._bucket.require_locked()
        next(self._bucket.listing(SEGMENTS), None)
        plan, hold = self._plan, ", legal hold" if self._plan.legal_hold else ""
        return f"bucket {self._bucket.name}: Object Lock, {plan.mode} for {plan.days:,} days{hold}"

    def close(self) -> None:
        """Close the connections; what waits is not written any more."""
        self._bucket.close()

    def _is_full(self) -> bool:
        if self._end is not None:
            return self._sent.next_seq + len(self._waiting) > self._end
        return len(self._waiting) >= self._plan.entries or self._bytes >= self._plan.most_bytes

    def _signed_end(self) -> int:
        """Return the last entry that waits and is signed; the last of all if none is."""
        first, last = self._sent.next_seq, self._sent.next_seq + len(self._waiting) - 1
        with self._store.database.reading() as connection:
            signed = entries.checkpoint_to(connection, last + 1)
        return signed[0] - 1 if signed is not None and signed[0] > first else last

    def _write(self, last: int) -> None:
        """Write one segment up to `last`, or up to where it was cut before, and the checkpoint that goes with it."""
        first = self._sent.next_seq
        follower = follower_name(self._name)
        claim = segments.claim(
            self._store,
            self._name,
            (first, last),
            follower=follower,
            is_there=self._end is not None,
        )
        span = Span(first, claim.last)
        count = span.last + 1 - first
        if count > len(self._waiting):  # another process cut it later: wait for the rest
            self._end = span.last
            return
        part = self._waiting[:count]
        lock = self._plan.lock(moment(max(each.at for each in part)))
        data = b"".join(each.line for each in part)
        is_new = self._sending.send(span.key, data, lock, now=claim.now, is_note=False)
        is_new &= self._send_checkpoint(span, lock, now=claim.now)
        del self._waiting[:count]
        self._bytes -= len(data)
        self._since = time.monotonic()
        self._sent = Position(span.last + 1, part[-1].entry_hash)
        self._unfound += 1
        if not is_new or self._unfound >= self._width:
            self._find()
        self._end = self._known_end(self._sent.next_seq)

    def _send_checkpoint(self, span: Span, lock: Lock, *, now: datetime) -> bool:
        """Send the newest checkpoint that covers no more than the bucket holds, if it covers some of this segment."""
        with self._store.database.reading() as connection:
            signed = entries.checkpoint_to(connection, span.last + 1)
        if signed is None or signed[0] <= span.first:
            return True
        key = checkpoint_key(signed[0])
        return self._sending.send(key, signed[1], lock, now=now, is_note=True)

    def _find(self) -> None:
        """Find all that was sent: it counts as done, and several may be sent before the next look."""
        self._sending.find()
        self._done, self._unfound = self._sent, 0
        self._width = self._plan.together

    def _beyond(self, at: Position) -> Iterator[Span]:
        """Yield the segments that lie beyond the position, after a look at the one before it."""
        found = self._bucket.listing(SEGMENTS, after=key_before(max(0, at.next_seq - 1)))
        spans = ((span, each) for each in found if (span := span_of(each.key)) is not None)
        pair = next((pair for pair in spans if pair[0].last >= at.next_seq - 1), None)
        if pair is None and not at.next_seq:
            return iter(())
        if pair is None or (at.next_seq and pair[0].last != at.next_seq - 1):
            raise SinkDiffers(
                f"the bucket {self._bucket.name} does not hold entry {at.next_seq - 1} where it was written: it lost"
                " entries, or is another bucket. Send all again under another name= of the sink"
            )
        self._require_no_shorter(pair[1])
        rest = (span for span, _ in spans)
        return rest if at.next_seq else _behind(pair[0], rest)

    def _require_no_shorter(self, kept: Kept) -> None:
        """Refuse settings that would lock copies for less long than those that lie there."""
        head = self._bucket.head(kept.key, kept.version) if kept.version else None
        if head is None or head.promised is None:
            return  # verification names it
        there, plan = head.promised, self._plan
        if there.days > plan.days or (there.mode == COMPLIANCE and plan.mode != COMPLIANCE):
            raise RetentionShortened(
                f"the bucket {self._bucket.name} keeps copies {there.mode} for {there.days:,} days; {plan.mode} for"
                f" {plan.days:,} days is less. Keep the old setting, or write under another prefix and name="
            )

    def _known_end(self, first: int) -> int | None:
        """Return where the segment that begins here was cut before, or None. Raises SinkDiffers."""
        cut = segments.claimed(self._store, self._name, first)
        there = self._ahead = self._ahead or next(self._there, None)
        if there is None:
            return cut
        if cut is not None and there.first > cut:
            return cut  # sent together with those behind it, and lost before it was looked for: it is sent again
        with self._store.database.reading() as connection:
            size = entries.read_head(connection).size
        is_ours = there.first == first and cut in {None, there.last}
        if not is_ours or there.last >= size or there.last - first >= MOST_ENTRIES:
            raise SinkDiffers(
                f"the bucket {self._bucket.name} holds {there.key}, but the ledger of {size:,} entries goes on at"
                f" {first}: the database was put back, or somebody else wrote there"
            )
        self._ahead = None
        return there.last


def _behind(one: Span, rest: Iterator[Span]) -> Iterator[Span]:
    yield one
    yield from rest
