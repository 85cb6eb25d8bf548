"""Recording latencies: one at a time and in batches, how far a quantile is off, and what is sent for a minute.

One at a time, all of our work is timed, also folding each full batch, and sending is left out; the peers only count.
Every sketch sees the same values. Errors are the largest of five quantiles over three shapes of latencies.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks import sketch_peers, table
from benchmarks.clockwork import bests
from benchmarks.row import Row, at_most, times_better
from benchmarks.sketch_peers import Peer, peers
from modelwarden.guard.recorder import Recorder
from modelwarden.values.buckets import tally_array
from modelwarden.values.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.sketch_peers import Values
    from benchmarks.workbench import Workbench

ONE_BY_ONE: Final = 20_480  # short rounds: on a busy machine some of them are undisturbed
BATCH: Final = 200_000
MINUTE: Final = 60_000
FOR_ERRORS: Final = 50_000
SHARES: Final = (0.5, 0.9, 0.95, 0.99, 0.999)
THREADS: Final = 8

PLAIN: Final = """
import json, random, sys, time
from modelwarden.guard.recorder import Recorder
count, rounds = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(13)
values = [rng.lognormvariate(-4, 0.8) for _ in range(count)]
recorder = Recorder(lambda data: None, sli="plain", flush_s=3600)
record, best = recorder.record, float("inf")
for _ in range(rounds):
    begun = time.perf_counter()
    for value in values:
        record(value)
    best = min(best, time.perf_counter() - begun)
assert "numpy" not in sys.modules and not recorder.dropped
recorder.close()
print(json.dumps(best / count * 1e9))
"""


def measure(bench: Workbench) -> list[Row]:
    rounds = 5 if bench.quick else 50
    return [*_one_by_one(rounds), *_batches(rounds), *_errors(), *_sizes()]


def _one_by_one(rounds: int) -> list[Row]:
    values = _latencies(ONE_BY_ONE, spread=0.8).tolist()
    arrived: list[bytes] = []
    with Recorder(arrived.append, sli="one-by-one", flush_s=3600) as recorder:
        record, observe = recorder.record, sketch_peers.prometheus_histogram().observe
        runs = {
            "ours": partial(_loop, record, values),
            "prometheus": partial(_loop, observe, values),
            "ddsketch": partial(_loop, sketch_peers.ddsketch().add, values),
            "ours, threads": partial(_threads, record, values),
            "prometheus, threads": partial(_threads, observe, values),
        }
        best = {name: s / len(values) * 1e9 for name, s in bests(runs, rounds=rounds).items()}
        assert recorder.dropped == recorder.faults == 0
    one, eight = "record()", f"record(), {THREADS} threads at once"
    line = partial(Row, unit="ns")
    ours = best["ours"]
    peer = "prometheus_client Histogram.observe"
    return [
        line(what=one, ours=ours, target=at_most(250)),
        line(what=one, ours=ours, beside=peer, peer=best["prometheus"], target=times_better(3)),
        line(what=one, ours=ours, beside="ddsketch add", peer=best["ddsketch"]),
        line(what="record(), no NumPy in the process", ours=_plain(rounds), target=at_most(250)),
        line(
            what=eight,
            ours=best["ours, threads"],
            beside=f"{peer}, the same",
            peer=best["prometheus, threads"],
        ),
    ]


def _batches(rounds: int) -> list[Row]:
    values = _latencies(BATCH, spread=0.8)
    runs: dict[str, Callable[[], object]] = {}
    with Recorder(lambda _: None, sli="batch", flush_s=3600) as recorder:
        runs["ours"] = partial(recorder.record_batch, values)
        for peer in peers():
            runs[peer.name] = partial(peer.fed, peer.ready(values[: peer.values]))
        found = bests(runs, rounds=min(rounds, 15))
    ours = found["ours"] / BATCH * 1e9
    rows = [Row(what="batch, each value", ours=ours, unit="ns", target=at_most(6))]
    for peer in peers():
        each = found[peer.name] / peer.values * 1e9
        rows.append(
            Row(what="batch, each value", ours=ours, unit="ns", beside=peer.name, peer=each)
        )
    return rows


def _errors() -> list[Row]:
    shapes = _shapes()
    ours = max(_error(values, _our_quantile(_sketch(values))) for values in shapes)
    line = partial(Row, what="largest error of p50 to p99.9", ours=ours, unit="%")
    rows = [line(target=at_most(1.083))]
    for peer in peers():
        worst = max(_error(values, _their_quantile(peer, values)) for values in shapes)
        rows.append(line(beside=peer.name, peer=worst))
    worst = max(
        _error(values, partial(sketch_peers.default_buckets_quantile, values)) for values in shapes
    )
    return [*rows, line(beside="prometheus_client, default buckets", peer=worst)]


def _sizes() -> list[Row]:
    values = _latencies(MINUTE, spread=0.8)
    ours = len(_sketch(values).encode())
    line = partial(Row, what=f"a minute of {MINUTE:,} latencies", ours=ours, unit="bytes")
    theirs = [
        line(beside=peer.name, peer=peer.size(peer.fed(peer.ready(values))))
        for peer in peers()
        if peer.size is not None
    ]
    return [line(target=at_most(1024)), *theirs]


def _latencies(count: int, *, spread: float) -> Values:
    return np.random.default_rng(13).lognormal(-4, spread, count)


def _shapes() -> list[Values]:
    rng = np.random.default_rng(17)
    return [
        rng.lognormal(-4, 1.5, FOR_ERRORS),
        rng.pareto(1.1, FOR_ERRORS) * 1e-3 + 1e-4,
        rng.permutation(  # hits and misses of a cache; none of the quantiles lies between the two
            np.concatenate(
                [
                    rng.normal(0.02, 1e-3, FOR_ERRORS * 4 // 5),
                    rng.normal(0.9, 0.02, FOR_ERRORS // 5),
                ]
            )
        ),
    ]


def _sketch(values: Values) -> Sketch:
    found = tally_array(values)
    return Sketch(zero=found.zero, buckets=tuple(sorted(found.buckets.items())))


def _our_quantile(sketch: Sketch) -> Callable[[float], float]:
    def quantile(share: float) -> float:
        found = sketch.quantile(Fraction(str(share)))
        assert found is not None
        return found

    return quantile


def _their_quantile(peer: Peer, values: Values) -> Callable[[float], float]:
    return partial(peer.quantile, peer.fed(peer.ready(values)))


def _error(values: Values, quantile: Callable[[float], float]) -> float:
    """Return the largest relative error in percent; exact is the nearest rank."""
    exact = np.sort(values)
    worst = 0.0
    for share in SHARES:
        at = exact[int(np.ceil(share * len(exact))) - 1]
        worst = max(worst, abs(quantile(share) - at) / at * 100)
    return float(worst)


def _loop(call: Callable[[float], Any], values: Sequence[float]) -> None:
    for value in values:
        call(value)


def _threads(call: Callable[[float], Any], values: Sequence[float]) -> None:
    size = len(values) // THREADS
    threads = [
        threading.Thread(target=_loop, args=(call, values[at * size : (at + 1) * size]))
        for at in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _plain(rounds: int) -> float:
    words = [sys.executable, "-c", PLAIN, str(ONE_BY_ONE), str(rounds)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)  # noqa: S603  # ours
    return float(json.loads(done.stdout))


CLAIM: Final = table.Claim("recorder", "Recording latencies", measure)

if __name__ == "__main__":
    table.run([CLAIM])
