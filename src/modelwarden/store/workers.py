"""Other processes that do one task after the other, for work that would hold this one's interpreter lock.

They are started afresh, not forked: a fork would copy locks that threads hold. So a script that asks for them needs the
usual `if __name__ == "__main__":`. A worker that dies costs nothing but time: its tasks answer None.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

Task = TypeVar("Task")
Found = TypeVar("Found")

MANY: Final = 100_000
"""Entries from which on starting other processes pays."""
MOST_JOBS: Final = 64
AHEAD: Final = 4
"""Tasks handed out before their answers are taken, for each worker: what bounds the memory."""


def quiet(_done: int, _total: int) -> None:
    """Tell nobody."""


class Work(NamedTuple):
    """In how many processes to verify, and whom to tell: entries done, entries in all.

    None for jobs is one, or for many entries as many as compute at once here.
    """

    jobs: int | None = 1
    progress: Callable[[int, int], None] = quiet

    def jobs_for(self, count: int) -> int:
        """Return in how many processes to verify so many entries."""
        if self.jobs is None:
            return cores() if count >= MANY else 1
        return max(1, min(self.jobs, MOST_JOBS))


ALONE: Final = Work()


def cores() -> int:
    """Return how many processes can compute at once here."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def in_order(
    work: Callable[[Task], Found], tasks: Iterable[Task], *, jobs: int
) -> Iterator[tuple[Task, Found | None]]:
    """Yield each task with what `work` made of it in one of `jobs` processes, in the order of the tasks.

    `work` is a function of a module; an error in it, or the end of its process, makes the answer None.
    """
    waiting: deque[tuple[Task, Future[Found] | None]] = deque()
    stream = iter(tasks)
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))
    try:
        waiting.extend((task, _submit(pool, work, task)) for task in islice(stream, jobs * AHEAD))
        while waiting:
            task, future = waiting.popleft()
            yield task, _answer(future)
            waiting.extend((task, _submit(pool, work, task)) for task in islice(stream, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def _submit(
    pool: ProcessPoolExecutor, work: Callable[[Task], Found], task: Task
) -> Future[Found] | None:
    try:
        return pool.submit(work, task)
    except BrokenProcessPool:
        return None


def _answer(future: Future[Found] | None) -> Found | None:
    try:
        return None if future is None else future.result()
    except Exception:  # noqa: BLE001  # the edge between processes: who asked does the task itself
        return None
