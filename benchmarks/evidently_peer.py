"""Evidently, the peer of our drift figures, in an environment of its own: it needs an older pandas than we test with.

It runs without importing us: the code below goes to its interpreter as text, and its figures come back as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PLACE: Final = Path(__file__).resolve().parents[1] / ".venv-evidently"
PYTHON: Final = PLACE / "bin" / "python"

TIMED: Final = """
import importlib.metadata, json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd
from evidently import Report
from evidently.legacy.calculations.stattests import psi_stat_test
from evidently.legacy.core import ColumnType
from evidently.metrics import ValueDrift

rows, shift, rounds = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(50)
reference, current = pd.Series(rng.normal(size=rows)), pd.Series(rng.normal(shift, 1, rows))

def function():
    return psi_stat_test(reference, current, ColumnType.Numerical, 0.1).drift_score

def report():
    run = Report([ValueDrift(column="x", method="psi")]).run(
        pd.DataFrame({"x": current}), pd.DataFrame({"x": reference})
    )
    return next(iter(run.dict()["metrics"]))["value"]

def best(call):
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return min(times)

print(json.dumps({
    "release": importlib.metadata.version("evidently"), "psi": float(function()),
    "function_s": best(function), "report_s": best(report),
}))
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What it said, and its best times: of the function that computes PSI, and of a report with that alone."""

    release: str
    psi: float
    function_s: float
    report_s: float


def prepare() -> None:
    """Make the environment, once for this folder: it takes about a minute."""
    if not (PLACE / "bin" / "evidently").exists():
        _run(sys.executable, "-m", "venv", str(PLACE))
        _run(str(PYTHON), "-m", "pip", "install", "--quiet", "evidently>=0.7", "pandas<3")


def measured(*, rows: int, shift: float, rounds: int) -> Figures:
    """Compare so many rows with a reference of as many, normal and shifted by so many standard deviations."""
    found = _run(str(PYTHON), "-I", "-c", TIMED, str(rows), str(shift), str(rounds))
    return Figures(**json.loads(found.splitlines()[-1]))


def _run(*words: str) -> str:
    done = subprocess.run(words, check=True, capture_output=True, text=True)  # noqa: S603  # ours
    return done.stdout
