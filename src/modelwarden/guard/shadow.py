"""A version that runs afterwards on the same calls and answers nobody (SG-30, "shadow").

It runs on threads of its own, at most two, behind a queue of 256; what does not fit, or waited for 5 s, is dropped and
counted. A version that hangs holds its thread: nothing can end it, and further calls are dropped. It gets the very
arguments of the call, which a host must not change afterwards.
"""

from __future__ import annotations

import logging
import threading
from math import isclose
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelwarden.guard.begun import Begun
    from modelwarden.guard.by_version import ByVersion
    from modelwarden.guard.site import Site

MOST_THREADS: Final = 2
MOST_WAITING: Final = 256
TIMEOUT_S: Final = 5.0
IDLE_S: Final = 1.0
_LOG: Final = logging.getLogger("modelwarden.guard")
CLOSE: Final = 0.01
"""Two numbers differ if they lie further apart than this, of the larger one."""


class Mirrored(NamedTuple):
    """One call to be run again: by whom, what it got, and what was answered."""

    label: str
    function: Callable[..., Any]
    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    answer: object
    at: float


class Shadow:
    """Runs what it is given, later. Any thread may give; nothing here ever reaches a caller.

    Attributes:
        dropped: calls that were not run.
    """

    def __init__(self, counts: ByVersion, *, clock: Callable[[], float]) -> None:
        self._counts, self._clock = counts, clock
        self.dropped = 0
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._waiting: Queue[Mirrored] = Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._threads = 0

    def after_fork(self) -> None:
        """Begin anew in a forked child: what waited is the parent's."""
        self._begin_anew()

    def give(
        self,
        label: str,
        function: Callable[..., Any],
        call: tuple[tuple[object, ...], Mapping[str, object]],
        answer: object,
    ) -> None:
        """Let a version run on a call that was answered; never waits."""
        try:
            self._waiting.put_nowait(Mirrored(label, function, *call, answer, self._clock()))
        except Full:
            self.dropped += 1
            return
        with self._lock:
            if self._threads < MOST_THREADS:
                self._threads += 1
                threading.Thread(target=self._run, name="guard-shadow", daemon=True).start()

    def _run(self) -> None:
        waiting = self._waiting
        while True:
            try:
                one = waiting.get(timeout=IDLE_S)
            except Empty:
                with self._lock:  # whoever gives something looks behind the same door
                    if waiting.empty():
                        self._threads -= 1
                        return
                continue
            self._try(one)

    def _try(self, one: Mirrored) -> None:
        began = self._clock()
        if began - one.at > TIMEOUT_S:
            self.dropped += 1
            return
        from inspect import isawaitable  # noqa: PLC0415 - 6 ms that an import is spared

        try:
            value = one.function(*one.args, **one.kwargs)
            if isawaitable(value):
                value = _awaited(value)
        except Exception:  # noqa: BLE001 - the host's: a shadow that fails is counted, and nobody is told
            self._counts.add(one.label, seconds=self._clock() - began, failed=True)
            return
        took = self._clock() - began
        late = took > TIMEOUT_S
        self._counts.add(
            one.label, seconds=took, failed=late, differed=not late and differ(one.answer, value)
        )


def mirror(site: Site, begun: Begun, answer: object) -> None:
    """Let the shadow of a call's route run on it, unless a switch stops that version."""
    place, label = site.place, begun.shadow
    try:
        loaded = None if label is None else place.versions.loaded.get(label)
        if label is None or loaded is None:
            return
        plan = site.planned(begun.held, label)
        values = place.picker(plan.wanted).values(begun.args, begun.kwargs) if plan.wanted else ()
        if not plan.match(values, begun.key).diverts:
            place.shadow.give(label, loaded.function, (begun.args, begun.kwargs), answer)
    except Exception:  # noqa: BLE001 - the guard's own fault is no fault of the host (SG-27)
        site.counts.faults += 1
        _LOG.exception("fault in the shadow of %s", place.model)


def _awaited(value: Any) -> object:  # noqa: ANN401 - whatever the host awaits
    import asyncio  # noqa: PLC0415 - loaded where a shadow is async, not with every guard

    async def within() -> object:
        return await asyncio.wait_for(value, TIMEOUT_S)

    return asyncio.run(within())


def differ(answer: object, other: object) -> bool:
    """Tell whether two answers are not the same; numbers may be 1 % apart, what can't be compared differs."""
    try:
        if isinstance(answer, int | float) and isinstance(other, int | float):
            return not isclose(answer, other, rel_tol=CLOSE, abs_tol=1e-9)
        return not bool(answer == other)
    except Exception:  # noqa: BLE001 - a host's own type may raise anything
        return True
