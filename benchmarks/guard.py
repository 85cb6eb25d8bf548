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

from benchmarks import table
from benchmarks.clockwork import bests
from benchmarks.row import Row, at_most
from modelwarden.guard.contract import probability
from modelwarden.guard.guard import Guard
from modelwarden.guard.snapshot import HEAD_TYPE
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

ROWS: Final = 10_000
BLOCK_EU: Final = {
    "id": "swi_eu", "scope": {"region": ["eu"]}, "except": {}, "action": "block", "fallback": None, "unknown": "match",
    "held": 10_000,
}  # fmt: skip
IMPORT: Final = "import time; s = time.perf_counter(); import modelwarden.guard.guard; print(time.perf_counter() - s)"


def measure(bench: Workbench) -> list[Row]:
    rounds = 60 if bench.quick else 400
    free = _guard(bench.folder_for("free"), [])
    switched = _guard(bench.folder_for("switched"), [BLOCK_EU])
    try:
        return [*_calls(free, switched, rounds), *_batches(free, switched, rounds), _imported()]
    finally:
        free.close()
        switched.close()


def predict(value: float, *, customer: str = "c-1", region: str = "us") -> float:
    _ = customer, region
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
    options: dict[str, Any] = {"low": 0.0, "high": 1.0}
    guarded: dict[str, Callable[..., object]] = {
        "bare": predict,
        "value": free.protect(predict, returns="value", **options),
        "decision": free.protect(predict, **options),
        "value, one switch": switched.protect(predict, returns="value", **options),
        "decision, one switch": switched.protect(predict, **options),
        "value, keyed": free.protect(predict, returns="value", key="customer", **options),
    }
    runs = {
        name: partial(timeit.Timer("f(0.5)", globals={"f": function}).timeit, CALLS)
        for name, function in guarded.items()
    }
    best = bests(runs, rounds=rounds)
    cost = {name: (one - best["bare"]) / CALLS * NANO for name, one in best.items()}
    targets = {"value": at_most(400), "decision": at_most(700)}
    return [
        Row(
            what=f"whole guard over the bare call: {name}",
            ours=cost[name],
            unit="ns",
            target=targets.get(name),
        )
        for name in cost
        if name != "bare"
    ]


def _batches(free: Guard, switched: Guard, rounds: int) -> list[Row]:
    clean = np.linspace(0.0, 1.0, ROWS)
    regions = ["us", "eu", "asia", "africa"] * (ROWS // 4)
    best = bests(
        {
            "clean": partial(free.batch, clean),
            "by region": partial(switched.batch, clean, context={"region": regions}),
        },
        rounds=rounds,
    )
    return [
        Row(what=f"whole guard, batch of {ROWS:,}: clean", ours=best["clean"] * MICRO, unit="µs"),
        Row(
            what=f"whole guard, batch of {ROWS:,}: one region of four is blocked",
            ours=best["by region"] * MICRO,
            unit="µs",
        ),
    ]


def _imported() -> Row:
    code = [sys.executable, "-c", IMPORT]
    run = partial(subprocess.run, capture_output=True, text=True, check=True, env=os.environ)
    ran = [run(code) for _ in range(9)]
    best = min(float(one.stdout) for one in ran)
    return Row(what="import the guard", ours=best * MILLI, unit="ms", target=at_most(40))


CLAIM: Final = table.Claim("guard", "The whole guard", measure)

if __name__ == "__main__":
    table.run([CLAIM])
