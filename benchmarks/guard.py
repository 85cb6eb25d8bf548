"""What a whole guard costs around an empty function, over calling that function bare; and importing it.

The guard reads a signed file, checks a number from 0 to 1 and keeps a breaker. "One switch" blocks another region than
that of the call, so each call's region is looked up. "Keyed" remembers each answer under its caller's key.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import timeit
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks import table
from benchmarks.clockwork import bests
from benchmarks.row import Row, Target, at_most
from modelwarden.guard.contract import probability
from modelwarden.guard.guard import Guard
from modelwarden.guard.wire import HEAD_TYPE
from modelwarden.ledger.dsse import seal
from modelwarden.ledger.keys import SigningKey
from modelwarden.values.canonical import encode_any
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.workbench import Workbench

NANO, MICRO, MILLI = 1e9, 1e6, 1e3
CALLS: Final = 500
"""In one go: short enough to be left alone by other programs in some of the rounds."""

BATCHES: Final = 20
ROWS: Final = 10_000
BLOCK_EU: Final = {
    "id": "swi_eu", "scope": {"region": ["eu"]}, "except": {}, "action": "block", "fallback": None, "unknown": "match",
    "held": 10_000,
}  # fmt: skip
BLOCK_SHOPS: Final = BLOCK_EU | {
    "id": "swi_shops",
    "scope": {"region": ["us"], "segment": ["s1", "s2"], "consumer": {"prefix": "c1"}},
}
IMPORT: Final = """
import time
def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4 / 1024
size, began, spent = held(), time.perf_counter(), time.process_time()
import modelwarden.guard.guard
took, spent, grown = time.perf_counter() - began, time.process_time() - spent, held() - size
import modelwarden.guard.setting_up
print(took, spent, grown, time.perf_counter() - began)
"""


def measure(bench: Workbench) -> list[Row]:
    rounds = 60 if bench.quick else 400
    free = _guard(bench.folder_for("free"), [])
    switched = _guard(bench.folder_for("switched"), [BLOCK_EU])
    masked = _guard(bench.folder_for("masked"), [BLOCK_EU, BLOCK_SHOPS])
    try:
        calls = _calls(free, switched, rounds)
        return [
            *calls,
            *_batches(free, switched, masked, rounds),
            *_imported(bench.folder_for("bytecode")),
        ]
    finally:
        for guard in (free, switched, masked):
            guard.close()


def predict(value: float, *, customer: str = "c-1", region: str = "us") -> float:
    _ = customer, region
    return value


def score(value: float, /) -> float:
    return value


def _guard(folder: Path, switches: list[dict[str, Any]]) -> Guard:
    key = SigningKey.generate()
    body = encode_any(
        {
            "schema": 1, "environment": "production", "model": "churn", "epoch": 1, "generation": 7,
            "switches": switches, "versions": [], "route": None,
        }
    )  # fmt: skip
    head = {
        "schema": 1, "environment": "production", "model": "churn", "epoch": 1, "generation": 7,
        "checked_at": timestamp(datetime.now(UTC)), "body_sha256": sha256(body).hexdigest(),
    }  # fmt: skip
    envelope = json.loads(seal(HEAD_TYPE, encode_any(head), key).to_line())
    path = folder / "snapshot.json"
    wire = {"head": envelope, "body": base64.b64encode(body).decode()}
    path.write_text(json.dumps(wire), encoding="ascii")
    guard = Guard(
        path,
        "churn",
        keys=key.public.pem,
        state_dir=folder / "state",
        init_wait=60.0,
        outputs=probability(),
    )
    assert guard.is_ready
    return guard


def _calls(free: Guard, switched: Guard, rounds: int) -> list[Row]:
    """Guard a function that takes a value by place alone, and one that has defaults, each over itself, bare."""
    options: dict[str, Any] = {"low": 0.0, "high": 1.0}
    targets = {"value": at_most(400), "decision": at_most(700)}
    bare: dict[str, Callable[..., object]] = {"by place": score, "defaults": predict}
    guarded: dict[str, Callable[..., object]] = {
        "value": free.protect(score, returns="value", **options),
        "decision": free.protect(score, **options),
        "value, defaults": free.protect(predict, returns="value", **options),
        "decision, defaults": free.protect(predict, **options),
        "value, one switch": switched.protect(predict, returns="value", **options),
        "decision, one switch": switched.protect(predict, **options),
        "value, keyed": free.protect(predict, returns="value", key="customer", **options),
    }
    runs = {
        name: partial(timeit.Timer("f(0.5)", globals={"f": function}).timeit, CALLS)
        for name, function in {**bare, **guarded}.items()
    }
    best = bests(runs, rounds=rounds)
    cost = {
        name: (best[name] - best["by place" if name in targets else "defaults"]) / CALLS * NANO for name in guarded
    }  # fmt: skip
    return [
        Row(
            what=f"whole guard over the bare call: {name}",
            ours=cost[name],
            unit="ns",
            target=targets.get(name),
        )
        for name in cost
    ]


def _batches(free: Guard, switched: Guard, masked: Guard, rounds: int) -> list[Row]:
    clean = np.linspace(0.0, 1.0, ROWS)
    dirty = clean.copy()
    dirty[::100], dirty[50::1_000] = 1.5, np.nan
    regions = ["us", "eu", "asia", "africa"] * (ROWS // 4)
    three = {
        "region": regions,
        "segment": [f"s{n % 7}" for n in range(ROWS)],
        "consumer": [f"c{n % 50}" for n in range(ROWS)],
    }
    coded = {name: pd.Series(column, dtype="category") for name, column in three.items()}
    arrow = {name: pa.array(column).dictionary_encode() for name, column in three.items()}
    line, what = partial(Row, unit="µs"), f"whole guard, batch of {ROWS:,}: "
    runs: dict[str, tuple[Callable[[], object], Target | None]] = {
        "clean": (partial(free.batch, clean), at_most(8)),
        "1 % dirty": (partial(free.batch, dirty), at_most(40)),
        "one region of four is blocked, categories": (
            partial(switched.batch, clean, context={"region": coded["region"]}),
            None,
        ),
        "the same, a list": (partial(switched.batch, clean, context={"region": regions}), None),
        "3 dimensions, pandas categories": (
            partial(masked.batch, clean, context=coded),
            at_most(150),
        ),
        "3 dimensions, Arrow dictionaries": (
            partial(masked.batch, clean, context=arrow),
            at_most(150),
        ),
        "3 dimensions, lists of text": (partial(masked.batch, clean, context=three), None),
    }
    answers = [masked.batch(clean, context=one).summary for one in (coded, arrow, three)]
    assert answers[0] == answers[1] == answers[2] != {"ok": ROWS}
    several = {name: partial(timeit.Timer(run).timeit, BATCHES) for name, (run, _) in runs.items()}
    best = bests(several, rounds=rounds // 4)
    return [
        line(what=what + name, ours=best[name] / BATCHES * MICRO, target=target)
        for name, (_, target) in runs.items()
    ]


def _imported(folder: Path) -> list[Row]:
    """Import in fresh interpreters; the CPU time is shown too, as a shared machine makes the other longer.

    What is imported has been compiled before, as an installer leaves it, whatever this shell is told of bytecode.
    """
    code = [sys.executable, "-c", IMPORT]
    own = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    own["PYTHONPYCACHEPREFIX"] = str(folder)
    run = partial(subprocess.run, capture_output=True, text=True, check=True, env=own)
    run(code)
    ran = [[float(word) for word in run(code).stdout.split()] for _ in range(15)]
    took, spent, grown, whole = (min(several) for several in zip(*ran, strict=True))
    line = partial(Row, unit="ms")
    return [
        line(what="import the guard", ours=took * MILLI, target=at_most(40)),
        line(what="import the guard, CPU", ours=spent * MILLI, target=at_most(40)),
        line(what="import the guard, and what the first one loads", ours=whole * MILLI),
        Row(what="memory that the import takes", ours=grown, unit="MiB", target=at_most(8)),
    ]


CLAIM: Final = table.Claim("guard", "The whole guard", measure)

if __name__ == "__main__":
    table.run([CLAIM])
