"""Inclusion proofs from a SQLite ledger, made and checked, beside pymerkle over the same leaves.

Ours is made from stored tiles and keeps nothing between proofs. pymerkle computes from leaves and keeps the subtrees of
128 leaves and more in memory; so it stands here twice: without that memory, as after a start, and with it.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import statistics
from functools import partial
from typing import TYPE_CHECKING, Final

from pymerkle import SqliteTree, verify_inclusion

from benchmarks import table
from benchmarks.clockwork import seconds
from benchmarks.row import Row, at_most, times_better
from modelwarden.ledger import merkle
from modelwarden.store import entries
from modelwarden.store.database import Database
from modelwarden.store.tiles import StoredNodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from benchmarks.ledgers import Written
    from benchmarks.workbench import Workbench

LARGE: Final = 1_000_000
QUICK: Final = 100_000
PROOFS: Final = 100
COLD: Final = 5
SEED: Final = 6962


def measure(bench: Workbench) -> list[Row]:
    ledger = bench.ledger(QUICK if bench.quick else LARGE)
    places = random.Random(SEED).sample(range(ledger.size), PROOFS)  # noqa: S311  # no secret
    ours_made, ours_checked = _ours(ledger, places)
    cold, warm, checked = _pymerkle(bench, ledger, places)
    what = f"{ledger.size:,} entries"
    return [
        Row(
            what=f"make, {what}",
            ours=ours_made * 1e3,
            unit="ms",
            beside="pymerkle, nothing in its memory",
            peer=cold * 1e3,
            target=at_most(0.5),
        ),
        Row(
            what=f"make, {what}",
            ours=ours_made * 1e3,
            unit="ms",
            beside="pymerkle, nothing in its memory",
            peer=cold * 1e3,
            target=times_better(10),
        ),
        Row(
            what=f"make, {what}",
            ours=ours_made * 1e3,
            unit="ms",
            beside="pymerkle, every subtree in its memory",
            peer=warm * 1e3,
        ),
        Row(
            what=f"check, {what}",
            ours=ours_checked * 1e6,
            unit="µs",
            beside="pymerkle",
            peer=checked * 1e6,
            target=at_most(20),
        ),
    ]


def _ours(ledger: Written, places: Sequence[int]) -> tuple[float, float]:
    database = Database(ledger.settings.url)
    with database.reading() as connection:
        root = merkle.range_root(ledger.size, StoredNodes(connection))
        leaves = [_leaf(connection, place) for place in places]
        nodes = StoredNodes(connection)
        proofs = [merkle.inclusion_proof(place, ledger.size, nodes) for place in places]
        made = _middle(
            partial(merkle.inclusion_proof, place, ledger.size, StoredNodes(connection))
            for place in places
        )
    database.close()
    checked = _middle(
        partial(merkle.verify_inclusion, leaf, place, ledger.size, proof, root)
        for leaf, place, proof in zip(leaves, places, proofs, strict=True)
    )
    return made, checked


def _leaf(connection: Connection, place: int) -> bytes:
    stored = entries.entry(connection, place)
    assert stored is not None
    return stored.leaf


def _pymerkle(
    bench: Workbench, ledger: Written, places: Sequence[int]
) -> tuple[float, float, float]:
    path = str(bench.folder_for("pymerkle-proofs") / "tree.db")
    with SqliteTree(path, disable_cache=True) as tree:
        tree.append_entries(_bodies(ledger))
        cold = _middle(partial(tree.prove_inclusion, place + 1) for place in places[:COLD])
    with SqliteTree(path) as tree:
        root = tree.get_root()
        proofs = [tree.prove_inclusion(place + 1) for place in places]
        leaves = [tree.get_leaf(place + 1) for place in places]
        warm = _middle(partial(tree.prove_inclusion, place + 1) for place in places)
    checked = _middle(
        partial(verify_inclusion, leaf, root, proof)
        for leaf, proof in zip(leaves, proofs, strict=True)
    )
    return cold, warm, checked


def _bodies(ledger: Written) -> Iterator[bytes]:
    with contextlib.closing(sqlite3.connect(ledger.path)) as file:
        for (body,) in file.execute("SELECT body FROM ledger_entries ORDER BY seq"):
            yield body


def _middle(runs: Iterable[Callable[[], object]]) -> float:
    return statistics.median(seconds(run) for run in runs)


CLAIM: Final = table.Claim("proofs", "Inclusion proofs", measure)

if __name__ == "__main__":
    table.run([CLAIM])
