"""The end of a call, at whatever byte it is: time-outs of a client count from one byte to the next.

A server that sends a header now and then, and never the last one, ends no read that times out. So the connection itself
is cut. Each call has to have a connection of its own.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Deadline:
    """Cuts what `watch` saw connect, so many seconds after it was entered."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._wire: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember the connection as soon as there is one; for the client's `trace`."""
        if event == "connection.connect_tcp.complete":
            number = info["return_value"].get_extra_info("socket").fileno()
            with self._lock:
                self._wire = socket.socket(fileno=os.dup(number))
                self._cut()

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()
        if self._wire is not None:
            self._wire.close()

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            self._cut()

    def _cut(self) -> None:
        if self.is_over and self._wire is not None:
            with contextlib.suppress(OSError):
                self._wire.shutdown(socket.SHUT_RDWR)
