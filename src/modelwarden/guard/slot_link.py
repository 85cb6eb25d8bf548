"""The way of slots to a server: a report's bytes as they are, over a connection of their own (SL-14)."""

from __future__ import annotations

import threading
from typing import Final

from modelwarden.errors import SlotRefused
from modelwarden.guard.link import Link, server_at

ANSWER_S: Final = 5.0
WHERE: Final = "sla/slots"
NEVER: Final = frozenset({404, 409, 413, 422})
"""Statuses of a report that will not be accepted however often it comes."""
_FIRST_ERROR: Final = 300


class SlotLink:
    """Sends reports. Any thread may; one at a time does."""

    def __init__(self, url: str, token: str | None) -> None:
        """Remember where the server is; nothing is sent yet. Raises ValueInvalid."""
        self._link = Link(server_at(url, token))
        self._lock = threading.Lock()

    def __call__(self, report: bytes) -> None:
        """Send a report. Raises OSError where it did not arrive, SlotRefused where it never will be accepted."""
        with self._lock:
            answer = self._link.post_bytes(WHERE, report, timeout_s=ANSWER_S)
        if answer.status in NEVER:
            raise SlotRefused(f"the server answered {answer.status}")
        if answer.status >= _FIRST_ERROR:
            raise ConnectionError(f"the server answered {answer.status}")

    def after_fork(self) -> None:
        """Leave the connection to the parent."""
        self._lock = threading.Lock()
        self._link.after_fork()
