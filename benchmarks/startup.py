"""Starting: the time until the server answers, what it holds idle, and what an import costs; beside MLflow's.

Times are of a warm disk. Import time is that of the import alone, in a fresh interpreter; the interpreter's own start
is left out.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from benchmarks import mlflow_peer, our_server, table
from benchmarks.row import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from benchmarks.servers import Server
    from benchmarks.workbench import Workbench

IDLE_S: Final = 3.0
"""Idle memory is read this long after the first answer."""

TIMED: Final = (
    "import time; begun = time.perf_counter(); import {}; print(time.perf_counter() - begun)"
)
OPENING: Final = "modelwarden.warden.warden"
"""What `modelwarden.open` loads when it is first used."""


def measure(bench: Workbench) -> list[Row]:
    mlflow_peer.prepare()
    rounds = 1 if bench.quick else 5
    name = f"MLflow {mlflow_peer.release()}"
    ours = _started(bench, "ours", our_server.served, rounds)
    peer = _started(bench, "peer", _one_worker, rounds)
    imports = 3 if bench.quick else 10
    light = _import_ms(sys.executable, "modelwarden", imports)
    heavy = _import_ms(sys.executable, OPENING, imports)
    theirs = _import_ms(str(mlflow_peer.PYTHON), "mlflow", imports)
    server, imported = f"{name} server, 1 worker", f"import mlflow ({name})"
    return [
        Row(
            what="a new database, until /ready answers",
            ours=ours[0],
            unit="s",
            beside=server,
            peer=peer[0],
            target=at_most(2),
        ),
        Row(
            what="resident memory, idle",
            ours=ours[1],
            unit="MiB",
            beside=server,
            peer=peer[1],
            target=at_most(150),
        ),
        Row(
            what="import modelwarden",
            ours=light,
            unit="ms",
            beside=imported,
            peer=theirs,
            target=at_most(60),
        ),
        Row(
            what="import all that modelwarden.open needs",
            ours=heavy,
            unit="ms",
            beside=imported,
            peer=theirs,
        ),
    ]


def _one_worker(folder: Path) -> AbstractContextManager[Server]:
    return mlflow_peer.served(folder, workers=1)


def _started(
    bench: Workbench,
    name: str,
    served: Callable[[Path], AbstractContextManager[Server]],
    rounds: int,
) -> tuple[float, float]:
    """Return the middle of seconds until ready, and of MiB that all its processes hold when idle."""
    seconds, memory = [], []
    for turn in range(rounds + 1):
        with served(bench.folder_for(f"startup-{name}-{turn}")) as server:
            time.sleep(IDLE_S)
            if turn:  # the first start warms the disk
                seconds.append(server.seconds)
                memory.append(server.resident_mib())
    return statistics.median(seconds), statistics.median(memory)


def _import_ms(python: str, module: str, rounds: int) -> float:
    """Return the best of some fresh interpreters, after one that warms."""
    found = []
    for _ in range(rounds + 1):
        done = subprocess.run(  # noqa: S603  # an import that we name
            [python, "-c", TIMED.format(module)], check=True, capture_output=True, text=True
        )
        found.append(float(done.stdout) * 1e3)
    return min(found[1:])


CLAIM: Final = table.Claim("startup", "Starting", measure)

if __name__ == "__main__":
    table.run([CLAIM])
