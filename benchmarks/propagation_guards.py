"""Real guards in a process of their own, for `propagation`: told which stop to wait for, it answers when each had it.

    python -m benchmarks.propagation_guards URL TOKEN GUARDS FOLDER

Each guard has its threads, sockets and state folder, and learns the keys as any guard does. The moment of a swap is
what its intake noted, by the clock that all processes of the machine share. Looking whether all have it is cheap and
begins after the stop was answered.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from modelwarden.guard.guard import Guard

if TYPE_CHECKING:
    from modelwarden.guard.intake import Applied

STARTED_S = 60.0
PATIENCE_S = 30.0
LOOK_S = 0.005
BEHIND = 5
"""How nice these processes are to the server: a fleet has machines of its own, and does not take the server's."""
SETTLE_S = 2.0


def main(url: str, token: str, number: int, folder: Path) -> None:
    os.nice(BEHIND)
    empty = memory()
    guards = [
        Guard(url, "churn", token=token, state_dir=folder / f"{place}", init_wait=STARTED_S)
        for place in range(number)
    ]
    time.sleep(SETTLE_S)
    say({"each_mib": (memory() - empty) / number})
    for line in sys.stdin:
        wanted = int(line)
        if wanted:
            applied = [having(guard, wanted) for guard in guards]
            moments, took = zip(
                *((each.swapped_at, each.applied_ms) for each in applied), strict=True
            )
            say({"swapped_at": moments, "took_ms": took})
        else:
            say({"cpu_s": time.process_time(), "receiving_s": receiving_s()})


def having(guard: Guard, generation: int) -> Applied:
    """Return the swap to this generation, once it is there."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        applied = guard._parts.intake.applied  # what `status` does not tell: the moment
        if applied is not None and applied.at.generation == generation:
            return applied
        if time.monotonic() > ends:
            raise RuntimeError(f"generation {generation} never came: {guard.status()}")
        time.sleep(LOOK_S)


def receiving_s() -> float:
    """Return the CPU time of the threads that receive, in seconds."""
    threads = (each for each in threading.enumerate() if each.name == "guard-feed")
    clocks = (time.pthread_getcpuclockid(each.ident) for each in threads if each.ident is not None)
    return sum(time.clock_gettime(clock) for clock in clocks)


def memory() -> float:
    """Return what this process holds for itself, in MiB."""
    return float(psutil.Process().memory_full_info().uss) / 2**20


def say(said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
