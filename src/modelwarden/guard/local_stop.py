"""Looks at the stop file each second, on a daemon thread of its own (SG-13).

Nothing that a server or a disk does elsewhere delays it.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from modelwarden.guard.stop_file import read_stop_file, scopes_of

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.guard.stops import Stops

_LOG: Final = logging.getLogger("modelwarden.guard")


class LocalStop:
    """Lets what the stop file says count, until it is closed.

    Attributes:
        is_active: the file blocks something.
    """

    def __init__(self, path: Path, *, model: str, stops: Stops, every_s: float) -> None:
        self._path = path
        self._model = model
        self._stops = stops
        self._every_s = every_s
        self._read: bytes | None = None
        self.is_active = False
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="guard-stop-file", daemon=True)

    def start(self) -> None:
        """Look once, so that nothing is answered before, and go on looking."""
        self.look()
        self._thread.start()

    def look(self) -> None:
        """Look at the file now."""
        data = read_stop_file(self._path)
        if data == self._read:
            return
        scopes = [] if data is None else scopes_of(data)
        self._stops.by_file(scopes)
        self._read = data
        self.is_active = bool(scopes)
        _LOG.warning("guard of %s: stop file %s", self._model, "blocks" if scopes else "is gone")

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop looking; what it said last counts on."""
        self._closed.set()
        self._thread.join(timeout_s)

    def after_fork(self) -> None:
        """Go on in a forked child."""
        was_closed = self._closed.is_set()
        self._begin_anew()
        if was_closed:
            self._closed.set()
        else:
            self._thread.start()

    def _run(self) -> None:
        while not self._closed.wait(self._every_s):
            self.look()
