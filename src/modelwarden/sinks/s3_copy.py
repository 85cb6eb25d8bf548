"""What lies below a bucket's prefix: the oldest version of each segment, in order, and how each is locked (LG-51).

A locked version can't be removed, but whoever has rights can put another on top, or a delete marker: so the oldest
counts, and more than one is a problem. A few segments are read ahead; memory does not grow with their number.
"""

from __future__ import annotations

import contextlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import SinkUnusable, Unreadable
from modelwarden.ledger.elsewhere import Held
from modelwarden.ledger.result import Findings
from modelwarden.sinks.segment import (
    CHECKPOINTS,
    MOST_BYTES,
    MOST_ENTRIES,
    SEGMENTS,
    checkpoint_key,
    key_before,
    size_of,
    span_of,
    weakness,
)
from modelwarden.sinks.sink import MOST_LOOKED_AT

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from concurrent.futures import Future

    from modelwarden.ledger.result import Problem
    from modelwarden.sinks.s3_bucket import Bucket, Head, Kept
    from modelwarden.sinks.segment import Plan, Span
    from modelwarden.sinks.sink import Looking

AHEAD: Final = 4
MOST_BEFORE: Final = 2 * MOST_ENTRIES
"""As `key_before`: a segment has a checkpoint, and one more is left out by some stores."""
NOTES: Final = 512
"""Checkpoints that are read: all, or at least so many, spread evenly, and the newest."""


class Fetched(NamedTuple):
    """One object: what it says of itself, and its bytes; None for what is gone."""

    kept: Kept
    head: Head | None
    data: bytes | None


class S3Copy:
    """The lines of one ledger below a prefix."""

    def __init__(self, bucket: Bucket, plan: Plan) -> None:
        self._bucket, self._plan = bucket, plan
        self._segments, self._checkpoints = Watch(plan), Watch(plan)
        self._left_out = 0

    def lines(self, first: int = 0) -> Iterator[bytes]:
        """Yield the lines of entries from `first` on, each range once. Raises Unreadable."""
        watch = self._segments = Watch(self._plan)
        expected = first
        with _unreadable(), contextlib.closing(self._fetched(self._from(first))) as found:
            for each in found:
                span = span_of(each.kept.key)
                if span is None:
                    watch.add("sink_differs", first, f"{each.kept.key} is no segment of ours")
                    continue
                watch.look_at_range(span, expected, is_start=expected == first)
                data = watch.look(each, span.first)
                if data is not None:
                    watch.look_at_lines(span, data)
                    yield from islice(BytesIO(data), max(0, expected - span.first), None)
                expected = max(expected, span.last + 1)

    def notes(self) -> Iterable[bytes]:
        """Return signed checkpoints, oldest first: all, or some hundred of them and the newest. Raises Unreadable."""
        watch = self._checkpoints = Watch(self._plan)
        with _unreadable():
            chosen = self._chosen(watch)
            with contextlib.closing(self._fetched(iter(chosen))) as found:
                for each in found:
                    data = watch.look(each, (size_of(each.kept.key) or 0) - 1)
                    if data is not None:
                        yield data

    def end(self, looking: Looking) -> Held:
        """Return the newest checkpoints past 20,000 entries before the ledger's end, down to one that is ours.

        The last line is not read: a segment is large, and a checkpoint covers most of it.
        """
        after = looking.size - MOST_BEFORE
        key = checkpoint_key(after) if after > 0 else None
        listed = islice(self._bucket.listing(CHECKPOINTS, after=key), 2 * MOST_BEFORE)
        found: list[bytes] = []
        for kept in reversed(deque(listed, maxlen=MOST_LOOKED_AT)):
            data = self._fetch(kept).data
            if data is not None:
                found.append(data)
                if looking.is_ours(data):
                    break
        return Held(tuple(found))

    def problems(self) -> Iterable[Problem]:
        """Return what is wrong with how entries are kept: a second version, a gap, a lock that is gone or shorter."""
        return (*self._segments.findings.problems, *self._checkpoints.findings.problems)

    def not_checked(self) -> Iterable[str]:
        """Return how many checkpoints were left out."""
        return (f"older checkpoints: {self._left_out}",) if self._left_out else ()

    def close(self) -> None:
        """Close the connections."""
        self._bucket.close()

    def _from(self, first: int) -> Iterator[Kept]:
        """Yield the segments from the one that holds `first` on, and what is no segment."""
        for kept in self._bucket.listing(SEGMENTS, after=key_before(first)):
            span = span_of(kept.key)
            if span is None or span.last >= first:
                yield kept

    def _fetched(self, wanted: Iterator[Kept]) -> Generator[Fetched, None, None]:
        """Read objects ahead: the second once the first was taken, then more."""
        waiting: deque[Future[Fetched]] = deque()
        width = 1
        with ThreadPoolExecutor(AHEAD, thread_name_prefix="modelwarden-s3") as pool:
            try:
                while True:
                    for kept in islice(wanted, width - len(waiting)):
                        waiting.append(pool.submit(self._fetch, kept))
                    if not waiting:
                        return
                    yield waiting.popleft().result()
                    width = min(width * 2, AHEAD)
            finally:
                for each in waiting:
                    each.cancel()

    def _fetch(self, kept: Kept) -> Fetched:
        if kept.version is None or kept.size > MOST_BYTES:
            return Fetched(kept, None, None)
        head = self._bucket.head(kept.key, kept.version)
        data = None if head is None else self._bucket.read(kept.key, kept.version)
        return Fetched(kept, head, data)

    def _chosen(self, watch: Watch) -> list[Kept]:
        """Return some hundred checkpoints, spread evenly, and the newest; memory does not grow with their number."""
        chosen: list[Kept] = []
        newest: Kept | None = None
        step, count = 1, 0
        for kept in self._bucket.listing(CHECKPOINTS):
            if size_of(kept.key) is None:
                watch.add("sink_differs", -1, f"{kept.key} is no checkpoint of ours")
                continue
            newest = kept
            if count % step == 0:
                chosen.append(kept)
            count += 1
            if len(chosen) > 2 * NOTES:
                chosen, step = chosen[::2], step * 2
        if newest is not None and chosen[-1] != newest:
            chosen.append(newest)
        self._left_out = count - len(chosen)
        return chosen


class Watch:
    """What is wrong with how objects of one folder are kept, as they are read one after the other."""

    def __init__(self, plan: Plan) -> None:
        self.findings = Findings()
        self._plan = plan
        self._days = 0  # the longest time that one before was to be kept

    def add(self, code: str, seq: int, words: str) -> None:
        """Note a problem."""
        self.findings.add(code, seq, words)

    def look_at_range(self, span: Span, expected: int, *, is_start: bool) -> None:
        """Note a gap before a segment, or that it reaches back; the first one that is read may."""
        if span.first > expected:
            words = f"no segment holds entries {expected} to {span.first - 1}"
            self.add("entry_missing", expected, words)
        elif span.first < expected and not is_start:
            self.add("entry_duplicated", span.first, f"{span.key} begins inside the one before")

    def look_at_lines(self, span: Span, data: bytes) -> None:
        """Note another number of lines than the name says."""
        count = data.count(b"\n")
        if count != span.last + 1 - span.first or not data.endswith(b"\n"):
            words = f"{span.key} holds {count} lines, other than its name says"
            self.add("sink_differs", span.first, words)

    def look(self, fetched: Fetched, seq: int) -> bytes | None:
        """Note what is wrong with how an object is kept; return its bytes if there are any to read."""
        kept, head = fetched.kept, fetched.head
        if kept.versions > 1 or kept.markers:
            words = f"{kept.key} has {kept.versions} versions and {kept.markers} delete markers"
            self.add("sink_differs", seq, f"{words}; the oldest version counts")
        if kept.size > MOST_BYTES:
            self.add("sink_differs", seq, f"{kept.key} is larger than anything that we write")
        elif head is None or fetched.data is None:
            self.add("entry_missing", seq, f"{kept.key} is listed, but no version of it is there")
        else:
            self._look_at_lock(kept.key, head, seq)
        return fetched.data

    def _look_at_lock(self, key: str, head: Head, seq: int) -> None:
        promised = head.promised
        if promised is None:
            self.add("retention_shortened", seq, f"{key} does not say how long it was to be kept")
            return
        weak = weakness(head.lock, replace(promised, legal_hold=self._plan.legal_hold))
        if weak is not None:
            self.add(weak.code, seq, f"{key} has {weak.words}")
        if promised.days < self._days:
            words = f"{key} was to be kept for {promised.days} days, one before for {self._days}"
            self.add("retention_shortened", seq, words)
        self._days = max(self._days, promised.days)


@contextlib.contextmanager
def _unreadable() -> Iterator[None]:
    try:
        yield
    except SinkUnusable as error:
        raise Unreadable(str(error)) from error
