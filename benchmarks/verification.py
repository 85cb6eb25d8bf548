"""Verification of a SQLite ledger and of an export, from the file to the verdict, beside what their hashes alone cost.

The limit is SHA-256 over the same bytes, already in memory: once over each body, and the three hashes that an entry
needs (leaf, chain, a node of the tree); the file of an export is hashed as a whole too. The peer is a ledger that
parses each body and encodes it again to hash it.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from benchmarks import apart, ledgers, table
from benchmarks.clockwork import bests
from benchmarks.clockwork import seconds as clock
from benchmarks.row import Row, at_most, times_better, times_the_limit
from modelwarden.audit import layout
from modelwarden.ledger.keys import parse_vkey
from modelwarden.store.database import Database
from modelwarden.store.verification import verify_ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.ledgers import Written
    from benchmarks.workbench import Workbench

SMALL: Final = 10_000
LARGE: Final = 1_000_000
QUICK: Final = 100_000
MIB: Final = 1024**2


def measure(bench: Workbench) -> list[Row]:
    size = QUICK if bench.quick else LARGE
    small = bench.ledger(SMALL)
    large = bench.ledger(size)
    return [
        *_in_memory(small, rounds=5 if bench.quick else 15),
        *_of_many(large),
        *_of_an_export(large, ledgers.export(large, bench.folder_for("exports") / "all")),
    ]


def _in_memory(ledger: Written, *, rounds: int) -> Iterator[Row]:
    with contextlib.closing(sqlite3.connect(ledger.path)) as file:
        rows = file.execute("SELECT body, leaf, entry_hash FROM ledger_entries").fetchall()
    database, keys = Database(ledger.settings.url), [parse_vkey(ledger.vkey)]

    def verify() -> None:
        with database.reading() as connection:
            result = verify_ledger(connection, origin=ledger.origin, keys=keys)
        assert result.ok
        assert result.size == ledger.size

    runs: dict[str, Callable[[], object]] = {
        "ours": verify,
        "SHA-256, the three hashes of each entry": partial(_hash_thrice, rows),
        "SHA-256, bodies alone": partial(_hash_bodies, rows),
        "parse each body, encode and hash it again": partial(_encode_again, rows),
    }
    found = bests(runs, rounds=rounds)
    database.close()
    what = f"{ledger.size:,} entries of {sum(len(row[0]) for row in rows) / len(rows):.0f} bytes"
    ours = found.pop("ours") * 1e3
    yield Row(what=what, ours=ours, unit="ms", target=at_most(25))
    targets = (times_the_limit(2.5), None, times_better(5))
    for (name, seconds), target in zip(found.items(), targets, strict=True):
        yield Row(
            what=what,
            ours=ours,
            unit="ms",
            beside=name,
            peer=seconds * 1e3,
            is_limit=name.startswith("SHA"),
            target=target,
        )


def _of_many(ledger: Written) -> Iterator[Row]:
    found = apart.verified(ledger, rounds=3)
    hashes = _hash_file(ledger)
    what = f"{ledger.size:,} entries"
    whole = ledger.size == LARGE
    yield Row(
        what=what,
        ours=found.seconds,
        unit="s",
        beside="SHA-256, the three hashes of each entry",
        peer=hashes,
        is_limit=True,
        target=at_most(2.5) if whole else None,
    )
    two = apart.verified(ledger, rounds=3, jobs=2)
    yield Row(
        what=f"{what}, two processes",
        ours=two.seconds,
        unit="s",
        beside="SHA-256, the three hashes of each entry",
        peer=hashes,
        is_limit=True,
        target=at_most(1.3) if whole else None,
    )
    yield Row(what=f"{what}, peak memory", ours=found.peak_mib, unit="MiB", target=at_most(64))
    yield Row(
        what=f"{what}, memory beyond an idle process",
        ours=found.peak_mib - found.before_mib,
        unit="MiB",
    )


def _of_an_export(ledger: Written, folder: Path) -> Iterator[Row]:
    """Verify the folder with a public key alone, by one process and by two."""
    hashes = _hash_file(ledger) + _digest(folder / layout.ENTRIES)
    whole = ledger.size == LARGE
    for jobs in (1, 2):
        found = apart.verified(ledger, rounds=3, jobs=jobs, export=folder)
        what = f"an export of {ledger.size:,} entries, {'one process' if jobs == 1 else 'two processes'}"
        yield Row(
            what=what,
            ours=found.seconds,
            unit="s",
            beside="SHA-256, the three hashes of each entry and the file's",
            peer=hashes,
            is_limit=True,
            target=at_most(6) if whole else None,
        )
        yield Row(what=f"{what}, peak memory", ours=found.peak_mib, unit="MiB", target=at_most(200))


def _digest(path: Path) -> float:
    """Return the seconds of hashing a file, the reading left out."""
    spent = 0.0
    with path.open("rb") as file:
        while data := file.read(MIB):
            spent += clock(partial(_hash, data))
    return spent


def _hash(data: bytes) -> None:
    sha256(data).digest()


def _hash_bodies(rows: list[tuple[bytes, bytes, bytes]]) -> None:
    for body, _, _ in rows:
        sha256(body).digest()


def _hash_thrice(rows: list[tuple[bytes, bytes, bytes]]) -> None:
    for body, leaf, entry_hash in rows:
        sha256(body).digest()
        sha256(b"\x02" + entry_hash + leaf).digest()
        sha256(b"\x01" + leaf + leaf).digest()


def _encode_again(rows: list[tuple[bytes, bytes, bytes]]) -> None:
    for body, _, _ in rows:
        text = json.dumps(
            json.loads(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        sha256(text.encode()).digest()


def _hash_file(ledger: Written) -> float:
    """Return the seconds of hashing alone, over rows that are read a part at a time, the reading left out."""
    spent = 0.0
    with contextlib.closing(sqlite3.connect(ledger.path)) as file:
        cursor = file.execute("SELECT body, leaf, entry_hash FROM ledger_entries ORDER BY seq")
        while rows := cursor.fetchmany(SMALL):
            spent += clock(partial(_hash_thrice, rows))
    return spent


CLAIM: Final = table.Claim("verification", "Verification", measure)

if __name__ == "__main__":
    table.run([CLAIM])
