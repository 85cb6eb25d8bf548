"""Processes that record, fork and end: `python recorder_child.py FOLDER STORY`, on the standard library alone.

Each report goes to a file of its own in the folder; the standard output says what the test has to know.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src"))

from modelwarden.guard.recorder import Recorder  # noqa: E402  # the path comes first

LATENCIES = [1e-4 * 1.01 ** (n % 900) for n in range(5_000)] + [float("nan"), -1.0, 0.0, 0.25]


class Folder:
    """Where reports go."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self._numbers = itertools.count()

    def __call__(self, data: bytes) -> None:
        name = f"{os.getpid()}-{threading.get_ident()}-{next(self._numbers)}"
        whole = self.path / f"{name}.part"
        whole.write_bytes(data)
        whole.rename(self.path / f"{name}.json")


def recorder(folder: str) -> Recorder:
    return Recorder(
        Folder(folder), sli="child", thresholds=("0.25",), flush_s=3600, clock=lambda: 1.8e9
    )


def plain(folder: str) -> None:
    """Record, and end without a word."""
    ours = recorder(folder)
    for latency in LATENCIES:
        ours.record(latency)
    ours.record_batch(LATENCIES)


def fork(folder: str) -> None:
    """Fork while other threads record and flush; every child records 1,500, and the parent goes on."""
    ours = recorder(folder)
    done = threading.Event()
    counts: list[int] = []

    def work() -> None:
        count = 0
        while not done.is_set():
            ours.record(0.1)
            count += 1
            if count % 5_000 == 0:
                ours.flush()
        counts.append(count)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        _fork_and_record(ours)
    done.set()
    for thread in threads:
        thread.join()
    ours.close()
    print(ours.instance, sum(counts), ours.dropped, ours.faults)


def _fork_and_record(ours: Recorder) -> None:
    child = os.fork()
    if not child:
        for _ in range(1_500):
            ours.record(0.2)
        ours.close()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, status


def quiet_fork(folder: str) -> None:
    """Fork children that record nothing: one ends by `sys.exit`, one at once."""
    ours = recorder(folder)
    ours.record(0.1)
    for end in (sys.exit, os._exit):
        child = os.fork()
        if not child:
            end(0)
        os.waitpid(child, 0)


def killed(folder: str) -> None:
    """Count up what was recorded while the far end is out of reach, and wait to be killed."""

    def nowhere(_: bytes) -> None:
        raise ConnectionRefusedError

    spool = Path(folder) / "spool"
    ours = Recorder(nowhere, sli="child", flush_s=3600, clock=lambda: 1.8e9, spool=spool)
    for count in (3, 4):
        for _ in range(count):
            ours.record(0.1)
        ours.flush()
    ours.record(0.1)  # not counted up: lost with the process
    print(ours.instance, flush=True)
    threading.Event().wait()


def _task(ours: Recorder, count: int) -> None:
    for _ in range(count):
        ours.record(0.1)


def pool(folder: str) -> None:
    """Record in children of multiprocessing, which end without `atexit` before Python 3.14."""
    ours = recorder(folder)
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_task, args=(ours, 10)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()


if __name__ == "__main__":
    if "with-numpy" in sys.argv:
        import numpy as np  # noqa: F401  # the recorder uses what is loaded
    {"plain": plain, "fork": fork, "quiet_fork": quiet_fork, "pool": pool, "killed": killed}[
        sys.argv[2]
    ](sys.argv[1])
