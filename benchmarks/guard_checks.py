"""What the guard's parts cost beside the host's own call: checks, breaker, limits.

pandera checks the same column for the same rule, its schema built before; pybreaker and purgatory wrap the same empty
function that our breaker lets through; the two readings of the clock that ours needs are counted in. pandera only says
whether a column is clean, so it stands beside the clean batch alone.
"""

from __future__ import annotations

import time
import timeit
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import polars as pl
import purgatory
import pyarrow as pa
import pybreaker

from benchmarks import table
from benchmarks.clockwork import bests
from benchmarks.row import Row, at_most, times_better, times_the_limit
from modelwarden.guard.breaker import Breaker
from modelwarden.guard.checks import checker
from modelwarden.guard.checks_batch import batch_checker
from modelwarden.guard.contract import Contract, Kind, probability
from modelwarden.guard.limits import Limits, Rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.workbench import Workbench

ROWS: Final = 10_000
SHAPE: Final = 3
THREADS: Final = 8
BATCHES: Final = 50
CALLS: Final = 2_000
"""In one go: short enough to be left alone by other programs in some of the rounds."""


def measure(bench: Workbench) -> list[Row]:
    rounds = 40 if bench.quick else 200
    return [*_batches(rounds), *_calls(rounds)]


def _batches(rounds: int) -> list[Row]:
    runs, schema = _batch_runs(), _schema()
    frame = pd.DataFrame({"score": _clean()})
    runs["pandera"] = partial(schema.validate, frame)
    several = {n: partial(timeit.Timer(run).timeit, BATCHES) for n, run in runs.items()}
    several["pandera"] = partial(timeit.Timer(runs["pandera"]).timeit, 1)
    best = bests(several, rounds=rounds)
    found = {n: one / (1 if n == "pandera" else BATCHES) * 1e6 for n, one in best.items()}
    line = partial(Row, unit="µs")
    clean, pandas = found["clean"], found["pandas"]
    what = f"batch of {ROWS:,}, "
    return [
        line(what=what + "clean, numpy", ours=clean, target=at_most(8)),
        line(what=what + "1 % dirty, numpy", ours=found["dirty"], target=at_most(40)),
        line(
            what=what + "clean, numpy beside a frame",
            ours=clean,
            beside="pandera, lazy=False",
            peer=found["pandera"],
            target=times_better(75),
        ),
        line(
            what=what + "clean, pandas",
            ours=pandas,
            beside="pandera, lazy=False",
            peer=found["pandera"],
        ),
        line(what=what + "clean, polars", ours=found["polars"]),
        line(what=what + "clean, Arrow", ours=found["arrow"]),
        line(what=what + "half of it dirty, numpy", ours=found["half"]),
        line(what=what + f"{SHAPE} probabilities a row", ours=found["shares"]),
    ]


def _batch_runs() -> dict[str, Callable[[], object]]:
    clean, dirty, half = _clean(), _clean(), _clean()
    dirty[::100], dirty[50::1_000] = 1.5, np.nan
    half[::2] = 3.0
    check = batch_checker(probability())
    shares = batch_checker(Contract(kind=Kind.PROBABILITIES, size=SHAPE))
    matrix = np.random.default_rng(1).dirichlet([1] * SHAPE, ROWS)
    assert not check(clean).status.any()
    assert check(dirty).summary() == {"above_high": 100, "not_finite": 10}
    assert not shares(matrix).status.any()
    return {
        "clean": partial(check, clean),
        "dirty": partial(check, dirty),
        "half": partial(check, half),
        "pandas": partial(check, pd.Series(clean)),
        "polars": partial(check, pl.Series(clean)),
        "arrow": partial(check, pa.array(clean)),
        "shares": partial(shares, matrix),
    }


def _clean() -> np.ndarray:
    return np.random.default_rng(0).random(ROWS)


def _schema() -> pandera.DataFrameSchema:
    between = pandera.Check.in_range(0.0, 1.0)
    schema = pandera.DataFrameSchema({"score": pandera.Column(float, between, nullable=False)})
    try:
        schema.validate(pd.DataFrame({"score": [0.5, 1.5]}))
    except pandera.errors.SchemaError:
        return schema
    raise AssertionError("pandera let 1.5 pass")


def _calls(rounds: int) -> list[Row]:
    breaker = Breaker()
    limits = Limits([Rate("1000000/s", burst=1_000_000, key="consumer")])
    names = {
        "check": checker(probability()),
        "breaker": breaker,
        "limits": limits,
        "host": _host,
        "now": time.monotonic,
        "rival": pybreaker.CircuitBreaker(fail_max=5, reset_timeout=5),
        "other": purgatory.SyncCircuitBreakerFactory()("host")(_host),
        "single": np.float64(0.5),
        "context": {"consumer": "shop"},
    }
    said = {
        "check": "check(0.5)",
        "float64": "check(single)",
        "clipped": "check(1.5)",
        "breaker": "breaker.done(breaker.free or breaker.admit(), t, t)",
        "guarded": "n = breaker.free or breaker.admit(); began = now(); host(); breaker.done(n, began, now())",
        "pybreaker": "rival.call(host)",
        "purgatory": "other()",
        "limits": "limits.enter(context)",
    }
    # Each run begins with the call that takes the lock, once a second.
    begin = "t = now(); breaker.done(breaker.admit(), t, t)"
    runs = {n: timeit.Timer(code, begin, globals=names) for n, code in said.items()}
    found = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, timer in runs.items():
            found[name] = min(found[name], timer.timeit(CALLS) / CALLS * 1e9)
    assert limits.keys == 1
    return [*_call_rows(found), *_thread_rows(rounds)]


def _call_rows(found: Mapping[str, float]) -> list[Row]:
    line = partial(Row, unit="ns")
    guarded = partial(line, what="breaker around an empty function", ours=found["guarded"])
    return [
        line(what="check of one float, clean", ours=found["check"], target=at_most(100)),
        line(what="check of one numpy.float64, clean", ours=found["float64"]),
        line(what="check of one float, clipped", ours=found["clipped"]),
        line(what="breaker, closed: admit and done", ours=found["breaker"], target=at_most(100)),
        guarded(beside="pybreaker", peer=found["pybreaker"]),
        guarded(beside="purgatory", peer=found["purgatory"]),
        line(what="GCRA by key", ours=found["limits"], target=at_most(300)),
    ]


def _thread_rows(rounds: int) -> list[Row]:
    """Time threads that wait, as for a model on another machine."""
    breaker, rival = Breaker(), pybreaker.CircuitBreaker(fail_max=5, reset_timeout=5)

    def guarded() -> None:
        ticket, began = breaker.admit(), time.monotonic()
        _wait()
        breaker.done(ticket, began, time.monotonic())

    with ThreadPoolExecutor(THREADS) as pool:
        runs = {
            name: partial(_all_at_once, pool, call)
            for name, call in (
                ("ours", guarded),
                ("bare", _wait),
                ("rival", partial(rival.call, _wait)),
            )
        }
        found = {name: one * 1e3 for name, one in bests(runs, rounds=min(rounds, 5)).items()}
    line = partial(
        Row, what=f"{THREADS} threads, calls of 2 ms, 10 each", ours=found["ours"], unit="ms"
    )
    return [
        line(beside="unguarded", peer=found["bare"], is_limit=True, target=times_the_limit(1.2)),
        line(beside="pybreaker", peer=found["rival"]),
    ]


def _all_at_once(pool: ThreadPoolExecutor, call: Callable[[], object]) -> None:
    for done in [pool.submit(lambda: [call() for _ in range(10)]) for _ in range(THREADS)]:
        done.result()


def _wait() -> None:
    time.sleep(0.002)


def _host() -> None:
    """Stand for a model that costs nothing."""


CLAIM: Final = table.Claim("guard_checks", "Checks, breaker and limits of the guard", measure)

if __name__ == "__main__":
    table.run([CLAIM])
