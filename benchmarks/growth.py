"""What the ledger costs as it grows, from ten thousand entries to ten million: only reading all of it takes longer.

Each size is compared with the smallest in the same run: a durable batch behind so many entries, a proof out of them,
verifying all of them (time for each million, and the most memory), a page of the newest entries.
"""

from __future__ import annotations

import random
import shutil
import statistics
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks import apart, ledgers, table
from benchmarks.clockwork import seconds
from benchmarks.row import Row, Target
from modelwarden.ledger import merkle
from modelwarden.store.database import Database
from modelwarden.store.tiles import StoredNodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.ledgers import Written
    from benchmarks.workbench import Workbench

SIZES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
QUICK: Final = (10_000, 100_000)
ROUNDS: Final = 20
PROOFS: Final = 100
SEED: Final = 6962
FLAT: Final = Target(0.5, least=True, of_ratio=True)
"""At most twice the smallest ledger's cost."""


def measure(bench: Workbench) -> list[Row]:
    found: dict[int, dict[str, float]] = {}
    for size in QUICK if bench.quick else SIZES:
        folder = bench.folder_for(f"growth-{size}")
        found[size] = _cost(ledgers.write(folder, size))
        shutil.rmtree(folder)  # ten million entries are six gigabytes
    return [
        row
        for name, unit in (
            ("append 1,000 entries, durably", "ms"),
            ("make an inclusion proof", "ms"),
            ("verify, for each million entries", "s"),
            ("verify, most memory", "MiB"),
        )
        for row in _beside_the_smallest(found, name, unit)
    ]


def _beside_the_smallest(
    found: Mapping[int, Mapping[str, float]], name: str, unit: str
) -> list[Row]:
    smallest = min(found)
    return [
        Row(
            what=f"{name}, at {size:,}",
            ours=cost[name],
            unit=unit,
            beside=f"the same at {smallest:,}",
            peer=found[smallest][name],
            target=FLAT if size != smallest else None,
        )
        for size, cost in found.items()
    ]


def _cost(ledger: Written) -> dict[str, float]:
    checked = apart.verified(ledger, rounds=1)
    return {
        "verify, for each million entries": checked.seconds / ledger.size * 1_000_000,
        "verify, most memory": checked.peak_mib,
        "make an inclusion proof": _proof_ms(ledger),
        "append 1,000 entries, durably": _append_ms(ledger),
    }


def _append_ms(ledger: Written) -> float:
    """Return the median milliseconds of a batch behind all that is there, answered after its commit."""
    action = partial(ledgers.uses, count=ledgers.BATCH, tags=ledgers.WORDS)
    with ledgers.opened(ledger.settings, indexed=False) as writer:
        once = partial(ledgers.in_batches, writer, action, batches=1)
        return statistics.median(seconds(once) for _ in range(ROUNDS)) * 1e3


def _proof_ms(ledger: Written) -> float:
    places = random.Random(SEED).sample(range(ledger.size), PROOFS)  # noqa: S311  # no secret
    database = Database(ledger.settings.url)
    with database.reading() as connection:
        nodes = StoredNodes(connection)
        found = statistics.median(
            seconds(partial(merkle.inclusion_proof, place, ledger.size, nodes)) for place in places
        )
    database.close()
    return found * 1e3


CLAIM: Final = table.Claim("growth", "Cost as the ledger grows", measure)

if __name__ == "__main__":
    table.run([CLAIM])
