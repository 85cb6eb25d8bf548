"""Real guards, each in a process of its own, for `propagation`: told which stop to wait for, each says when it had it.

    python -m benchmarks.propagation_guards URL TOKEN GUARDS FOLDER

They are forked before any has a thread, as by a server of workers. Each guard has its threads, socket and state folder,
and learns the keys as any guard does. The moment of a swap is what its intake noted, by the clock that all processes of
the machine share; nobody asks for it before it should have come.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import psutil

from modelwarden.guard.guard import Guard

if TYPE_CHECKING:
    from modelwarden.guard.intake import Applied

STARTED_S = 60.0
PATIENCE_S = 30.0
LOOK_S = 0.2
BEHIND = 5
"""How nice these processes are to the server: a fleet has machines of its own, and does not take the server's."""
SETTLE_S = 2.0


def main(url: str, token: str, number: int, folder: Path) -> None:
    os.nice(BEHIND)
    empty = memory()
    gc.freeze()  # what is loaded stays shared between those that are forked
    members = []
    for place in range(number):  # one after the other: a thousand at once would wait for each other
        members.append(forked(url, token, folder / f"{place}"))
        json.loads(members[-1][1].readline())
    time.sleep(SETTLE_S)
    said = asked(members, "-1\n")
    say({"each_mib": sum(each["mib"] for each in said) / number - empty})
    for line in sys.stdin:
        said = asked(members, line)
        say({name: [each[name] for each in said] for name in said[0]})


def asked(members: list[tuple[TextIO, TextIO]], line: str) -> list[dict[str, float]]:
    """Tell each the same, and return what each answers."""
    for commands, _ in members:
        commands.write(line)
        commands.flush()
    return [json.loads(answers.readline()) for _, answers in members]


def forked(url: str, token: str, folder: Path) -> tuple[TextIO, TextIO]:
    """Start a process with one guard in it; return where it is told what, and where it answers."""
    hears, tells = os.pipe()
    reads, answers = os.pipe()
    if os.fork():
        os.close(hears)
        os.close(answers)
        return os.fdopen(tells, "w"), os.fdopen(reads)
    os.close(tells)
    os.close(reads)
    try:
        one_guard(url, token, folder, hears=os.fdopen(hears), answers=os.fdopen(answers, "w"))
    finally:
        os._exit(0)


def one_guard(url: str, token: str, folder: Path, *, hears: TextIO, answers: TextIO) -> None:
    guard = Guard(url, "churn", token=token, state_dir=folder, init_wait=STARTED_S)
    print("{}", file=answers, flush=True)
    for line in hears:
        wanted = int(line)
        if wanted > 0:
            applied = having(guard, wanted)
            said = {"swapped_at": applied.swapped_at, "took_ms": applied.applied_ms}
        elif wanted < 0:
            said = {"mib": memory()}  # apart from the rest: the system takes its time for it
        else:
            said = {"cpu_s": time.process_time(), "receiving_s": receiving_s()}
        print(json.dumps(said), file=answers, flush=True)


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
