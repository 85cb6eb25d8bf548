"""Modules that a guard's threads load late, and never while the process forks (SG-22).

A child has the parent's modules, and of its threads only the one that forked. A module that another thread was loading
at that moment stays half loaded there, and its lock is held by nobody who could give it back: the first that needs it
waits for ever, and a worker below `gunicorn --preload` would hear of no switch. So loading and forking wait for each
other. Python's own locks of modules are the process's, and so is this one.

A worker below gunicorn's gevent patches itself after the fork, beneath the guard's threads. Each then makes a hub when
it next waits, and a hub loads its loop. Locks of modules are gevent's by then and need a hub themselves, so two threads
at that point wait for each other for ever. A child therefore loads what hubs need before its threads start.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S: Final = 5.0
"""How long a fork waits at most: whoever forks may hold what the load waits for."""


class Loading:
    """Lets modules be loaded while nobody forks. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._forking: set[int] = set()
        self._done: frozenset[object] = frozenset()

    def load(self, *names: str) -> None:
        """Load modules, unless that was done before. Raises ImportError."""
        for name in names:
            self.once(name, lambda: import_module(name))  # noqa: B023 - it runs within this turn

    def once(self, what: object, load: Callable[[], object]) -> None:
        """Run what loads modules, unless it was run before under this name. Raises what it raises."""
        if what in self._done:
            return
        with self._lock:
            load()
            self._done |= {what}

    def before_fork(self) -> None:
        """Wait until nothing is being loaded."""
        if self._lock.acquire(timeout=PATIENCE_S):
            self._forking.add(threading.get_ident())

    def after_in_parent(self) -> None:
        """Let modules be loaded again."""
        if threading.get_ident() in self._forking:
            self._forking.discard(threading.get_ident())
            self._lock.release()

    def after_in_child(self) -> None:
        """Begin anew: another thread may have held the lock."""
        self._lock = threading.RLock()
        self._forking = set()
        _load_what_hubs_need()


def _load_what_hubs_need() -> None:
    """Have gevent choose its loop, resolver and pool now, if this program has gevent at all."""
    gevent = sys.modules.get("gevent")
    if gevent is not None:
        # It may be half loaded, or set to what is not there.
        with contextlib.suppress(AttributeError, ImportError):
            for name in ("loop", "resolver", "threadpool"):
                getattr(gevent.config, name)


LOADING: Final = Loading()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=LOADING.before_fork,
        after_in_parent=LOADING.after_in_parent,
        after_in_child=LOADING.after_in_child,
    )
