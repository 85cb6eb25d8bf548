"""Durable appends: every rate counts facts whose commit was answered, with `synchronous=FULL`.

Beside ours stand the same bytes in one table by the driver alone (the limit), pymerkle's SQLite tree, and the disk.
The 64 callers are tasks on one event loop, as they are in the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import psycopg
from pymerkle import SqliteTree

from benchmarks import ledgers, machine, postgres, table
from benchmarks.clockwork import Work, rates
from benchmarks.ledgers import BATCH, BENCH
from benchmarks.row import RATE, Row, at_least, times_better

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.workbench import Workbench
    from modelwarden.config import Settings
    from modelwarden.store.writer import Writer

CALLERS: Final = 64
TABLE: Final = "CREATE TABLE bytes (seq {0} PRIMARY KEY, body {1}, leaf {1}, entry_hash {1})"
NEWEST: Final = (
    "SELECT seq, body, leaf, entry_hash FROM ledger_entries ORDER BY seq DESC LIMIT 1000"
)
ALONE: Final = "ledger alone"
INDEXED: Final = "with search index"


@dataclass(frozen=True, slots=True)
class Effort:
    """How many appends a round makes, and how many rounds there are."""

    alone: int
    each: int
    batches: int
    rounds: int


def measure(bench: Workbench) -> list[Row]:
    effort = Effort(100, 20, 5, 2) if bench.quick else Effort(500, 50, 20, 7)
    return [*_on_sqlite(bench, effort), *_on_postgres(bench, effort)]


def _on_sqlite(bench: Workbench, effort: Effort) -> list[Row]:
    folder = bench.folder_for("appends")
    with contextlib.ExitStack() as open_until_done:
        works: dict[str, Work] = {}
        for name in (ALONE, INDEXED):
            settings = ledgers.settings_in(bench.folder_for(name.replace(" ", "-")))
            works |= open_until_done.enter_context(_ours(settings, name, effort))
            entries = _newest_of(settings)
        raw = sqlite3.connect(folder / "raw.db", isolation_level=None)
        open_until_done.callback(raw.close)
        works |= _raw_sqlite(raw, entries, effort)
        tree = open_until_done.enter_context(SqliteTree(str(folder / "tree.db")))
        works |= _pymerkle(tree, entries, effort)
        works["disk"] = Work(machine.ROUNDS, partial(machine.sync_pages, folder))
        found = rates(works, rounds=effort.rounds)
    return [*_rows(found, "SQLite, ", "executemany", least=60_000), *_rows_of_sqlite(found)]


def _on_postgres(bench: Workbench, effort: Effort) -> list[Row]:
    with contextlib.ExitStack() as open_until_done:
        settings_for = open_until_done.enter_context(postgres.databases(bench))
        works: dict[str, Work] = {}
        for name, place in ((ALONE, "alone"), (INDEXED, "indexed")):
            settings = settings_for(place)
            works |= open_until_done.enter_context(_ours(settings, name, effort))
            entries = _newest_of(settings)
        raw = psycopg.connect(settings_for("raw").url, autocommit=True)
        open_until_done.callback(raw.close)
        works |= _raw_postgres(raw, entries, effort)
        found = rates(works, rounds=effort.rounds)
    return [*_rows(found, "PostgreSQL, ", "binary COPY", least=30_000)]


def _rows(found: Mapping[str, float], where: str, way: str, *, least: float) -> Iterator[Row]:
    for name, target in ((ALONE, least), (INDEXED, 15_000)):
        yield Row(
            what=f"{where}batches of 1,000, {name}",
            ours=found[f"batches {name}"],
            unit=RATE,
            beside=f"the same bytes in one table, {way}",
            peer=found["batches raw"],
            is_limit=True,
            target=at_least(target),
        )
        yield Row(
            what=f"{where}64 callers, {name}",
            ours=found[f"callers {name}"],
            unit=RATE,
            beside="one caller: a commit for each fact",
            peer=found[f"one {name}"],
            target=times_better(3),
        )
        yield Row(
            what=f"{where}one caller, {name}",
            ours=found[f"one {name}"],
            unit=RATE,
            beside="the same bytes in one table, a commit each",
            peer=found["one raw"],
            is_limit=True,
        )


def _rows_of_sqlite(found: Mapping[str, float]) -> Iterator[Row]:
    for ours, peer, way in (
        ("one", "one pymerkle", "append_entry"),
        ("callers", "one pymerkle", "append_entry, which takes one caller at a time"),
        ("batches", "batches pymerkle", "append_entries of 1,000"),
    ):
        what = {"one": "one caller", "callers": "64 callers", "batches": "batches of 1,000"}[ours]
        yield Row(
            what=f"SQLite, {what}, {ALONE}",
            ours=found[f"{ours} {ALONE}"],
            unit=RATE,
            beside=f"pymerkle SqliteTree, {way}",
            peer=found[peer],
        )
    for ours, what, target in (("one", "one caller", 0.5), ("callers", "64 callers", 2)):
        yield Row(
            what=f"SQLite, {what}, {ALONE}",
            ours=found[f"{ours} {ALONE}"],
            unit=RATE,
            beside="the disk: fdatasync of one more page",
            peer=found["disk"],
            target=times_better(target),
        )


@contextlib.contextmanager
def _ours(settings: Settings, name: str, effort: Effort) -> Iterator[dict[str, Work]]:
    with ledgers.opened(settings, indexed=name == INDEXED) as writer:
        many = partial(ledgers.uses, count=BATCH)
        ledgers.in_batches(writer, many, batches=2)  # warm
        batches = partial(ledgers.in_batches, writer, many, batches=effort.batches)
        alone = partial(ledgers.in_batches, writer, ledgers.use, batches=effort.alone)
        yield {
            f"batches {name}": Work(effort.batches * BATCH, batches),
            f"one {name}": Work(effort.alone, alone),
            f"callers {name}": Work(
                CALLERS * effort.each, lambda: asyncio.run(_together(writer, effort.each))
            ),
        }


async def _together(writer: Writer, each: int) -> None:
    async def call() -> None:
        for _ in range(each):
            await asyncio.wrap_future(writer.submit(BENCH, ledgers.use))

    await asyncio.gather(*(call() for _ in range(CALLERS)))


def _newest_of(settings: Settings) -> list[tuple[Any, ...]]:
    """Return the last thousand rows that the ledger wrote: the bytes for everything that it is held against."""
    if settings.sqlite_path is None:
        with psycopg.connect(settings.url) as connection:
            return connection.execute(NEWEST).fetchall()
    with contextlib.closing(sqlite3.connect(settings.sqlite_path)) as file:
        return file.execute(NEWEST).fetchall()


def _batches(rows: Sequence[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the same bytes again and again, under new numbers."""
    for turn in count():
        yield [(turn * BATCH + place, *row[1:]) for place, row in enumerate(rows)]


def _raw_sqlite(raw: sqlite3.Connection, rows: Sequence[Any], effort: Effort) -> dict[str, Work]:
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("PRAGMA synchronous=FULL")
    raw.execute(TABLE.format("integer", "blob"))
    insert = "INSERT INTO bytes VALUES (?, ?, ?, ?)"
    fresh = _batches(rows)

    def singly() -> None:
        for row in next(fresh)[: effort.alone]:
            raw.execute(insert, row)

    def batches() -> None:
        for _ in range(effort.batches):
            raw.execute("BEGIN IMMEDIATE")
            raw.executemany(insert, next(fresh))
            raw.execute("COMMIT")

    return _raw(singly, batches, "raw", effort)


def _raw_postgres(raw: psycopg.Connection, rows: Sequence[Any], effort: Effort) -> dict[str, Work]:
    raw.execute(TABLE.format("bigint", "bytea").encode())
    fresh = _batches(rows)

    def singly() -> None:
        for row in next(fresh)[: effort.alone]:
            raw.execute("INSERT INTO bytes VALUES (%s, %s, %s, %s)", row)

    def batches() -> None:
        for _ in range(effort.batches):
            with raw.cursor().copy("COPY bytes FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["int8", "bytea", "bytea", "bytea"])
                for row in next(fresh):
                    copy.write_row(row)

    return _raw(singly, batches, "raw", effort)


def _pymerkle(tree: SqliteTree, rows: Sequence[Any], effort: Effort) -> dict[str, Work]:
    bodies = [row[1] for row in rows]

    def singly() -> None:
        for body in bodies[: effort.alone]:
            tree.append_entry(body)

    def batches() -> None:
        for _ in range(effort.batches):
            tree.append_entries(bodies)

    return _raw(singly, batches, "pymerkle", effort)


def _raw(
    singly: Callable[[], None], batches: Callable[[], None], name: str, effort: Effort
) -> dict[str, Work]:
    return {
        f"one {name}": Work(effort.alone, singly),
        f"batches {name}": Work(effort.batches * BATCH, batches),
    }


CLAIM: Final = table.Claim("appends", "Durable appends", measure)

if __name__ == "__main__":
    table.run([CLAIM])
