"""Word of other processes' commits: on PostgreSQL by LISTEN and NOTIFY, on SQLite by the file's data version.

A hint and no more: what is sent may be lost with a connection, so whoever listens looks at intervals, too (SG-20).
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from modelwarden.store.database import announcements

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.store.database import Database

PAUSE_S: Final = 1.0
LOG: Final = logging.getLogger("modelwarden.snapshots")


class Listening:
    """A thread that calls `wake` after each commit that was announced, and whenever it has begun to listen."""

    def __init__(self, database: Database, wake: Callable[[], None]) -> None:
        self._database, self._wake = database, wake
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelwarden-listening", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """End within half a second."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                for _ in announcements(self._database, until=self._closing.is_set):
                    self._wake()
            except Exception as error:  # noqa: BLE001  # the edge: the connection may come back
                LOG.warning("no word of other processes' commits: %s", error)
            self._closing.wait(PAUSE_S)
