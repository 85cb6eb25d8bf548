"""Threads that hash files in pieces of 4 MiB (LN-8, LN-9).

Pieces are read with `preadv` into buffers that are used again, never mapped: a file that is cut
short while it is read gives an error, not a dead process. At most 64 MiB are held, whatever the
size and number of files.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from modelwarden.fingerprints.seen import Algorithm, FileSeen, Fingerprint, StatKey
from modelwarden.ledger.merkle import tree_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from modelwarden.fingerprints.source import Source

LEAF_BYTES: Final = 4_194_304
IN_FLIGHT_BYTES: Final = 64 * 2**20
WHOLE_FILE_BYTES: Final = 64 * 2**20
"""A file up to this size is `sha256`, above it `mw-tree-v1` (LN-8)."""

_BUFFERS: Final = IN_FLIGHT_BYTES // LEAF_BYTES
_WINDOW: Final = 1024  # jobs waiting in the pool: bounds memory over millions of files

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One file to hash: under which algorithm, and whether plain SHA-256 is wanted beside it."""

    source: Source
    algorithm: Algorithm
    sha256_too: bool = False

    @property
    def leaves(self) -> int:
        """Return how many leaves the file has."""
        return -(-self.source.stat.size_bytes // LEAF_BYTES)

    @property
    def by_leaf(self) -> bool:
        """Say whether any thread may take any leaf: plain SHA-256 can't be split so."""
        return self.algorithm is Algorithm.TREE and not self.sha256_too


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """What one file gave: the fingerprint that was ordered, and the plain one if there is one."""

    fingerprint: Fingerprint
    sha256: Fingerprint | None

    def seen_at(self, path: Path, stat: StatKey) -> FileSeen:
        """Return these with the file that they are of."""
        return FileSeen(
            path=path,
            size_bytes=stat.size_bytes,
            sha256=self.sha256,
            fingerprint=self.fingerprint,
            stat=stat,
        )


def algorithm_for(size_bytes: int) -> Algorithm:
    """Return the algorithm of a file that nobody chose one for (LN-8)."""
    return Algorithm.SHA256 if size_bytes <= WHOLE_FILE_BYTES else Algorithm.TREE


class Hashing:
    """The threads and buffers of one fingerprint; use it as a context.

    `progress(done_bytes, total_bytes)` is called from these threads, one call at a time; what it
    raises ends the work.
    """

    def __init__(
        self, *, total_bytes: int, progress: Progress | None = None, threads: int | None = None
    ) -> None:
        count = min(threads or _processors(), _BUFFERS)
        self._pool = ThreadPoolExecutor(count, "fingerprint", initializer=self._give_buffer)
        self._own = threading.local()
        self._spares = _Spares(_BUFFERS - count if count > 1 else 0)
        self._meter = _Meter(total_bytes=total_bytes, progress=progress)
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._pool.shutdown(cancel_futures=True)

    def digests(self, orders: Sequence[Order]) -> Iterator[Digests]:
        """Yield the digests of each order, in order. Raises ChangedWhileHashing, Unreadable."""
        parts = self._in_window(job for order in orders for job in self._jobs(order))
        for order in orders:
            yield _digests(order, islice(parts, order.leaves if order.by_leaf else 1))

    def _jobs(self, order: Order) -> Iterator[Callable[[], _Part]]:
        if order.by_leaf:
            for index in range(order.leaves):
                yield partial(self._one_leaf, order.source, index)
        else:
            yield partial(self._from_the_start, order)

    def _in_window(self, jobs: Iterable[Callable[[], _Part]]) -> Iterator[_Part]:
        waiting: deque[Future[_Part]] = deque()
        for job in jobs:
            waiting.append(self._pool.submit(job))
            if len(waiting) >= _WINDOW:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _one_leaf(self, source: Source, index: int) -> _Part:
        with source.opened() as file:
            piece = self._read(source, file, index=index, buffer=self._own.buffer)
        return _Part(leaves=[_leaf_hash(piece)])

    def _from_the_start(self, order: Order) -> _Part:
        # One read serves both digests (LN-8): this thread carries the plain one from piece to
        # piece, and hands each leaf to another thread while a spare buffer is left for the next
        # piece. It waits for neither, so that the pool can't lock up.
        part, plain, is_tree = _Part(), hashlib.sha256(), order.algorithm is Algorithm.TREE
        with order.source.opened() as file:
            for index in range(order.leaves):
                spare = self._spares.take() if is_tree else None
                buffer = self._own.buffer if spare is None else spare
                piece = self._read(order.source, file, index=index, buffer=buffer)
                plain.update(piece)
                if spare is not None:
                    part.add(self._pool.submit(self._leaf_of_spare, spare, len(piece)))
                elif is_tree:
                    part.add(_finished(_leaf_hash(piece)))
        part.plain = plain.digest()
        return part

    def _leaf_of_spare(self, spare: memoryview, length: int) -> bytes:
        digest = _leaf_hash(spare[:length])
        self._spares.give(spare)
        return digest

    def _read(self, source: Source, file: int, *, index: int, buffer: memoryview) -> memoryview:
        if self._stopped.is_set():
            raise CancelledError
        offset = index * LEAF_BYTES
        piece = buffer[: min(LEAF_BYTES, source.stat.size_bytes - offset)]
        source.fill(file, piece, offset=offset)
        self._meter.advance(len(piece))
        return piece

    def _give_buffer(self) -> None:
        self._own.buffer = memoryview(bytearray(LEAF_BYTES))


@dataclass(slots=True, kw_only=True)
class _Part:
    """What one job gave: leaf hashes in order, the last ones maybe still with another thread."""

    plain: bytes = b""
    leaves: list[bytes] = field(default_factory=list)
    waiting: deque[Future[bytes]] = field(default_factory=deque)

    def add(self, leaf: Future[bytes]) -> None:
        self.waiting.append(leaf)
        while self.waiting and self.waiting[0].done():
            self.leaves.append(self.waiting.popleft().result())

    def all_leaves(self) -> list[bytes]:
        return self.leaves + [leaf.result() for leaf in self.waiting]


class _Spares:
    """Buffers that go from the thread that read them to the one that hashes them."""

    def __init__(self, count: int) -> None:
        self._unmade = threading.Semaphore(count)
        self._free: SimpleQueue[memoryview] = SimpleQueue()

    def take(self) -> memoryview | None:
        try:
            return self._free.get_nowait()
        except Empty:
            made = self._unmade.acquire(blocking=False)
            return memoryview(bytearray(LEAF_BYTES)) if made else None

    def give(self, spare: memoryview) -> None:
        self._free.put(spare)


@dataclass(slots=True, kw_only=True)
class _Meter:
    """Counts the bytes that were read and tells whoever wants to know."""

    total_bytes: int
    progress: Progress | None
    _done_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def advance(self, count: int) -> None:
        if self.progress is None:
            return
        with self._lock:
            self._done_bytes += count
            self.progress(self._done_bytes, self.total_bytes)


def _digests(order: Order, parts: Iterable[_Part]) -> Digests:
    plain, leaves = b"", []
    for part in parts:
        plain = part.plain
        leaves += part.all_leaves()
    if order.by_leaf:
        return Digests(fingerprint=_tree(order, leaves), sha256=None)
    sha256 = Fingerprint(algorithm=Algorithm.SHA256, hex=plain.hex())
    is_tree = order.algorithm is Algorithm.TREE
    return Digests(fingerprint=_tree(order, leaves) if is_tree else sha256, sha256=sha256)


def _tree(order: Order, leaves: Sequence[bytes]) -> Fingerprint:
    sizes = struct.pack("<QI", order.source.stat.size_bytes, LEAF_BYTES)
    digest = hashlib.sha256(b"mw-tree-v1\x00" + sizes + tree_root(leaves))
    return Fingerprint(algorithm=Algorithm.TREE, hex=digest.hexdigest())


def _leaf_hash(piece: memoryview) -> bytes:
    # RFC 6962 §2.1 as in ledger.merkle, but without a copy of 4 MiB to put the zero byte before.
    digest = hashlib.sha256(b"\x00")
    digest.update(piece)
    return digest.digest()


def _finished(leaf: bytes) -> Future[bytes]:
    future: Future[bytes] = Future()
    future.set_result(leaf)
    return future


def _processors() -> int:
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    return len(os.sched_getaffinity(0))
