"""Drift of one feature: counting 100,000 rows among frozen edges and comparing, beside Evidently's PSI.

Ours has its reference counted when the version is registered; Evidently bins the reference and the rows at each call.
Both see the same normal values, and both have to find the drift that is there.
"""

from __future__ import annotations

import timeit
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks import evidently_peer, table
from benchmarks.clockwork import bests
from benchmarks.row import Row, at_most, times_better
from modelwarden.guard.drift import Edges, FrozenEdges, psi_star
from modelwarden.guard.drift_counter import DriftCounter

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from benchmarks.workbench import Workbench

ROWS: Final = 100_000
SHIFT: Final = 0.5
FEATURES: Final = 10


def measure(bench: Workbench) -> list[Row]:
    evidently_peer.prepare()
    rng = np.random.default_rng(50)
    reference, rows = rng.normal(size=ROWS), rng.normal(SHIFT, 1, ROWS)
    edges = Edges.of(reference)
    baseline, counts = edges.count(reference), edges.count(rows)
    found = psi_star(counts, baseline)
    theirs = evidently_peer.measured(rows=ROWS, shift=SHIFT, rounds=3 if bench.quick else 9)
    assert found is not None
    assert min(found, theirs.psi) > 0.1, (found, theirs.psi)
    times = 200 if bench.quick else 2_000
    runs: dict[str, Callable[[], object]] = {
        "rows": lambda: psi_star(edges.count(rows), baseline),
        "counts": partial(timeit.Timer(partial(psi_star, counts, baseline)).timeit, times),
        "observe": _observing(edges, rng.normal(size=(times * 10, FEATURES))),
    }
    best = bests(runs, rounds=3 if bench.quick else 9)
    what, peer = f"PSI* of {ROWS:,} rows", f"Evidently {theirs.release}"
    ours = best["rows"] * 1e3
    return [
        Row(what=what, ours=ours, unit="ms", target=at_most(3)),
        Row(
            what=what,
            ours=ours,
            unit="ms",
            beside=f"{peer}, its function alone",
            peer=theirs.function_s * 1e3,
            target=times_better(30),
        ),
        Row(
            what=what,
            ours=ours,
            unit="ms",
            beside=f"{peer}, a report of this alone",
            peer=theirs.report_s * 1e3,
        ),
        Row(
            what="PSI* from counts",
            ours=best["counts"] / times * 1e6,
            unit="µs",
            target=at_most(20),
        ),
        Row(
            what=f"one row of {FEATURES} features, a tenth looked at",
            ours=best["observe"] / (times * 10) * 1e6,
            unit="µs",
        ),
    ]


def _observing(edges: Edges, values: NDArray[np.float64]) -> Callable[[], object]:
    names = [f"feature-{number}" for number in range(FEATURES)]
    rows = [dict(zip(names, row, strict=True)) for row in values.tolist()]
    counter = DriftCounter(FrozenEdges(tuple((name, edges) for name in names)))

    def run() -> None:
        for row in rows:
            counter.observe(row)
        assert counter.flush(minute=1)

    return run


CLAIM: Final = table.Claim("drift", "Drift", measure)

if __name__ == "__main__":
    table.run([CLAIM])
