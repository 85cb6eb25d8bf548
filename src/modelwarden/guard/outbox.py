"""What waits to be sent: bounded in bytes, oldest dropped first, what was dropped is known (SL-16, SG-57).

Sending is at least once and in order. A part is sent again, byte for byte, until it arrives or is refused for good.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import SlotRefused
from modelwarden.guard import slot_report

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES: Final = 1_048_576
SEND_WAIT_S: Final = 2.0

_ROOM: Final = (
    slot_report.MAX_BYTES - 128
)  # what a report has besides its parts is shorter than this


class Waiting(NamedTuple):
    """An encoded part, and what is lost with it if it never arrives: its attempts, and its news of earlier losses."""

    data: bytes
    attempts: int
    told: int = 0


class Outbox:
    """Parts of one reporter. Any thread may use it; its lock is never held while `send` runs."""

    def __init__(
        self, send: Callable[[bytes], object], *, instance: str, max_bytes: int = MAX_BYTES
    ) -> None:
        self._transport: Final = send
        self._instance: Final = instance
        self._max_bytes: Final = max_bytes
        self._lock: Final = threading.Lock()
        self._sending: Final = threading.Lock()
        self._waiting: Final[deque[Waiting]] = deque()
        self._untold = 0
        self.size_bytes = 0
        """How many bytes wait."""
        self.dropped = 0
        """Attempts lost since the start."""

    def put(self, part: Waiting) -> None:
        """Add a part at the end; drop the oldest ones while there are too many bytes."""
        with self._lock:
            self._waiting.append(part)
            self.size_bytes += len(part.data)
            self._shrink()

    def lose(self, attempts: int) -> None:
        """Count attempts that will never arrive."""
        with self._lock:
            self._untold += attempts
            self.dropped += attempts

    def told(self) -> int:
        """Return the attempts lost since this was last asked: the next part tells them."""
        with self._lock:
            untold, self._untold = self._untold, 0
            return untold

    def send(self) -> bool:
        """Send what waits; say whether none is left. Another thread that sends is waited for, up to 2 s."""
        if not self._sending.acquire(timeout=SEND_WAIT_S):
            return False
        try:
            return self._send_all()
        finally:
            self._sending.release()

    def _send_all(self) -> bool:
        alone = 0  # how many of the next parts go one by one, because one among them was refused
        while parts := self._take(1 if alone else _ROOM):
            alone = max(0, alone - 1)
            try:
                self._transport(slot_report.write(self._instance, (part.data for part in parts)))
            except SlotRefused:
                if len(parts) == 1:
                    with self._lock:
                        self._drop(parts[0])
                else:
                    self._put_back(parts)
                    alone = len(parts)
            except Exception:  # noqa: BLE001  # whatever the way out raises, the next round tries again
                self._put_back(parts)
                return False
            except BaseException:
                self._put_back(parts)
                raise
        return True

    def sign_off(self) -> None:
        """Tell that nothing more comes from this reporter (SL-15). Raises what `send` raises."""
        self._transport(slot_report.write(self._instance, (), closing=True))

    def _take(self, room: int) -> list[Waiting]:
        """Remove and return the oldest parts that fit into so many bytes, a comma between them; at least one."""
        taken: list[Waiting] = []
        with self._lock:
            while self._waiting and (not taken or len(self._waiting[0].data) < room):
                part = self._waiting.popleft()
                self.size_bytes -= len(part.data)
                room -= len(part.data) + 1
                taken.append(part)
        return taken

    def _put_back(self, parts: list[Waiting]) -> None:
        with self._lock:
            self._waiting.extendleft(reversed(parts))
            self.size_bytes += sum(len(part.data) for part in parts)
            self._shrink()

    def _shrink(self) -> None:
        while self.size_bytes > self._max_bytes:
            part = self._waiting.popleft()
            self.size_bytes -= len(part.data)
            self._drop(part)

    def _drop(self, part: Waiting) -> None:
        self._untold += part.attempts + part.told
        self.dropped += part.attempts
