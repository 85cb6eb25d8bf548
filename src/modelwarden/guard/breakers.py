"""The breakers of one guarded place, one for each version that answers there (SG-40). Pure but for their clock."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

from modelwarden.guard.breaker import Breaker, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelwarden.guard.breaker import Thresholds

MOST: Final = 64
"""Versions at one place, each with a breaker of its own; beyond, all further ones share one."""


FORCED: Final = frozenset({State.FORCED_OPEN, State.DISABLED})


class Breakers:
    """Breakers by version, made as they are asked for. Any thread may use them."""

    def __init__(self, thresholds: Thresholds | None, *, clock: Callable[[], float]) -> None:
        """Keep none yet; without thresholds there never is one."""
        self._thresholds = thresholds
        self._clock = clock
        self._lock = Lock()
        self._found: dict[str | None, Breaker] = {}
        self._counts_only = False

    def of(self, version: str | None) -> Breaker | None:
        """Return the breaker of a version."""
        thresholds = self._thresholds
        if thresholds is None:
            return None
        found = self._found.get(version)
        if found is None:
            with self._lock:
                known = version if len(self._found) < MOST else None
                made = Breaker(thresholds, clock=self._clock)
                if self._counts_only:
                    made.set(State.METRICS_ONLY)
                found = self._found.setdefault(known, made)
        return found

    def hold(self, *, counts_only: bool) -> None:
        """Let them only count, or refuse calls again; one that somebody forced stays as it is (SG-41)."""
        with self._lock:
            if counts_only is self._counts_only:
                return
            self._counts_only = counts_only
            for breaker in self._found.values():
                if counts_only and breaker.state not in FORCED:
                    breaker.set(State.METRICS_ONLY)
                elif not counts_only and breaker.state is State.METRICS_ONLY:
                    breaker.set(State.CLOSED)

    def all(self) -> Mapping[str | None, Breaker]:
        """Return those that there are."""
        return dict(self._found)

    def after_fork(self) -> None:
        """Make them usable in a forked child: another thread may have held the lock."""
        self._lock = Lock()
        for breaker in self._found.values():
            breaker.after_fork()
