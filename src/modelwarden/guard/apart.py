"""Calls that must not hold anyone up: each on a daemon thread, left behind when its time is up.

Python can't stop a thread. One that hangs goes on until the host's code returns; at most `MOST` do, and while they all
are, further calls are refused at once instead of piling up.
"""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

T = TypeVar("T")
MOST: Final = 32
BUSY: Final = "too_many_hanging"


class Apart:
    """Runs functions apart. Make a new one after a fork: threads don't come along."""

    def __init__(self, *, most: int = MOST) -> None:
        self._free = threading.BoundedSemaphore(most)

    def run(self, function: Callable[[], T], timeout_s: float) -> T:
        """Return what the function returns, or raise what it raises. Raises TimeoutError, also when too many hang."""
        return self._start(function).result(timeout_s)

    async def run_async(self, function: Callable[[], T]) -> T:
        """Wait for the function without holding the event loop up; the caller sets the time-out."""
        from asyncio import wrap_future  # noqa: PLC0415 - whoever awaits has loaded it; others are spared 30 ms

        return await wrap_future(self._start(function))

    def _start(self, function: Callable[[], T]) -> Future[T]:
        from concurrent.futures import Future  # noqa: PLC0415 - most hosts never need it

        if not self._free.acquire(blocking=False):
            raise TimeoutError(BUSY)
        future: Future[T] = Future()
        context = contextvars.copy_context()  # the host's own: tracing, tenant, locale

        def work() -> None:
            try:
                _settle(future, context, function)
            finally:
                self._free.release()

        try:
            threading.Thread(target=work, name="guard-fallback", daemon=True).start()
        except RuntimeError:  # the interpreter is shutting down, or the machine has no thread left
            self._free.release()
            raise
        return future


def _settle(future: Future[T], context: contextvars.Context, function: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = context.run(function)
    except BaseException as error:  # noqa: BLE001 - carried over to whoever waits
        future.set_exception(error)
    else:
        future.set_result(result)
