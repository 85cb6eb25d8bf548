"""Entries to a WORM folder and to a static log on the disk, each batch durable before the next.

Beside the folder stand the same lines, made and written by one `write` and `fdatasync` a batch: the least that it could
cost. Beside the log stand the same bytes, a file for each 256 entries and one for their hashes, synced one by one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks import machine, table
from benchmarks.clockwork import Work, rates
from benchmarks.row import RATE, Row, at_least, times_better
from modelwarden.ledger.entry import Stored, chain_start, line
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.sink import kind_of
from modelwarden.store import entries
from modelwarden.store.follower import Position
from modelwarden.store.opening import open_store
from modelwarden.values.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.workbench import Workbench
    from modelwarden.store.opening import Store

COUNT: Final = 50_000
BATCHES: Final = (256, 1_000)
TILE: Final = 256
Batches = list[tuple[list[Stored], bytes]]


def measure(bench: Workbench) -> list[Row]:
    ledger = bench.ledger(10_000 if bench.quick else COUNT)
    folder = bench.folder_for("sink-local")
    with contextlib.closing(open_store(ledger.settings, SystemClock())) as store:
        rows = _rows(store)
        start = chain_start(ledger.origin)
        works = {"disk": Work(machine.ROUNDS, partial(machine.sync_pages, folder))}
        numbers = itertools.count()
        for size in BATCHES:
            batches = list(_cut(rows, start, size))
            works[f"worm {size}"] = Work(
                len(rows), partial(_carry, store, batches, "worm", folder, numbers)
            )
            works[f"raw {size}"] = Work(len(rows), partial(_write, batches, folder, numbers))
        thousands = list(_cut(rows, start, 1_000))
        works["tiles"] = Work(
            len(rows), partial(_carry, store, thousands, "tiles", folder, numbers)
        )
        works["raw tiles"] = Work(len(rows), partial(_write_tiles, rows, folder, numbers))
        rates(works, rounds=1)  # the folders and the cache warm up
        found = rates(works, rounds=2 if bench.quick else 7)
    return list(_table(found, len(rows)))


def _table(found: dict[str, float], count: int) -> Iterator[Row]:
    for size in BATCHES:
        yield Row(
            what=f"WORM folder, {count:,} entries in batches of {size:,}",
            ours=found[f"worm {size}"],
            unit=RATE,
            beside="the same lines, one write and fdatasync a batch",
            peer=found[f"raw {size}"],
            is_limit=True,
            target=at_least(100_000),
        )
    yield Row(
        what="WORM folder, batches of 256",
        ours=found["worm 256"],
        unit=RATE,
        beside="the disk: fdatasync of one more page",
        peer=found["disk"],
        target=times_better(1),
    )
    yield Row(
        what=f"static log, {count:,} entries in batches of 1,000",
        ours=found["tiles"],
        unit=RATE,
        beside="the same bytes, one file and fdatasync each 256 entries and their hashes",
        peer=found["raw tiles"],
        is_limit=True,
        target=at_least(20_000),
    )


def _rows(store: Store) -> list[Stored]:
    with store.database.reading() as connection:
        return [Stored(*row) for part in entries.between(connection, 0, 2**62) for row in part]


def _cut(rows: Sequence[Stored], before: bytes, size: int) -> Iterator[tuple[list[Stored], bytes]]:
    for first in range(0, len(rows), size):
        batch = list(rows[first : first + size])
        yield batch, before
        before = batch[-1].entry_hash


def _carry(store: Store, batches: Batches, kind: str, folder: Path, numbers: Iterator[int]) -> None:
    """Carry all entries to a fresh place, as a follower does."""
    address = parse_address(f"{kind}://{folder}/{kind}.{next(numbers)}")
    if kind == "worm":
        address = parse_address(f"{kind}://{folder}/{kind}.{next(numbers)}?immutable=false")
    sink = kind_of(address).open_sink(address, store)
    sink.begin(Position(0, batches[0][1]))
    for batch, before in batches:
        sink(batch, before)
    sink.idle()
    sink.close()


def _write(batches: Batches, folder: Path, numbers: Iterator[int]) -> None:
    path = folder / f"raw.{next(numbers)}"
    with path.open("wb", buffering=0) as file:
        for batch, before in batches:
            lines = []
            previous = before
            for stored in batch:
                lines.append(line(stored, previous))
                previous = stored.entry_hash
            file.write(b"".join(lines))
            os.fdatasync(file.fileno())


def _write_tiles(rows: Sequence[Stored], folder: Path, numbers: Iterator[int]) -> None:
    place = folder / f"raw-tiles.{next(numbers)}"
    place.mkdir()
    for first in range(0, len(rows), TILE):
        part = rows[first : first + TILE]
        for name, data in (
            ("entries", b"".join(stored.body for stored in part)),
            ("hashes", b"".join(stored.leaf for stored in part)),
        ):
            with (place / f"{name}.{first}").open("wb", buffering=0) as file:
                file.write(data)
                os.fdatasync(file.fileno())


CLAIM: Final = table.Claim("sink_local", "Entries to a WORM folder and a static log", measure)

if __name__ == "__main__":
    table.run([CLAIM])
