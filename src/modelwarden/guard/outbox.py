"""What waits to be sent: bounded in bytes, oldest dropped first, what was dropped is known (SL-16, SG-57).

Sending is at least once and in order. A part is sent again, byte for byte, until it arrives or is refused for good.
With a spool it waits on disk, and what recorders left there that were killed is sent behind one's own.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import SlotRefused
from modelwarden.guard import slot_report
from modelwarden.guard.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAX_BYTES: Final = 1_048_576
SEND_WAIT_S: Final = 2.0
_OF_USE_CASE: Final = re.compile(r"guard:[^:]+:[^:]+")

_ROOM: Final = (
    slot_report.MAX_BYTES - 128
)  # what a report has besides its parts is shorter than this


class Waiting(NamedTuple):
    """An encoded part, and what is lost with it if it never arrives: its attempts, and its news of earlier losses."""

    data: bytes
    attempts: int
    told: int = 0
    path: Path | None = None
    """Where it lies on disk; `data` is empty then."""
    size: int = 0

    def read(self) -> bytes:
        """Return its bytes; none where the disk has them no more."""
        if self.path is None:
            return self.data
        try:
            return self.path.read_bytes()
        except OSError:
            return b""


class Outbox:
    """Parts of one reporter. Any thread may use it; its lock is never held while `send` runs."""

    def __init__(
        self,
        send: Callable[[bytes], object],
        *,
        instance: str,
        max_bytes: int = MAX_BYTES,
        spool: Spool | None = None,
        spool_bytes: int = 64 * MAX_BYTES,
    ) -> None:
        self._transport: Final = send
        self._instance: Final = instance
        self._max_bytes: Final = max_bytes
        self._spool, self._spool_bytes = spool, spool_bytes
        self._lock: Final = threading.Lock()
        self._sending: Final = threading.Lock()
        self._waiting: Final[deque[Waiting]] = deque()
        self._left: list[tuple[str, Path]] = [] if spool is None else spool.left()
        self._untold = 0
        self.size_bytes = 0
        """How many bytes wait in memory."""
        self.spooled_bytes = sum(_size(path) for _, path in self._left)
        """How many bytes wait on disk."""
        self.dropped = 0
        """Attempts lost since the start."""

    def put(self, part: Waiting) -> None:
        """Add a part at the end; drop the oldest ones while there are too many bytes."""
        with self._lock:
            part = self._on_disk(part._replace(size=len(part.data)))
            self._waiting.append(part)
            self._count(part, 1)
            self._shrink()

    def _on_disk(self, part: Waiting) -> Waiting:
        if self._spool is None:
            return part
        try:
            return part._replace(data=b"", path=self._spool.keep(part.data))
        except OSError:  # a full disk, or one that may not be written: memory has to do
            return part

    def _count(self, part: Waiting, sign: int) -> None:
        if part.path is None:
            self.size_bytes += sign * part.size
        else:
            self.spooled_bytes += sign * part.size

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
        return self._send_own() and self._send_left()

    def _send_own(self) -> bool:
        alone = 0  # how many of the next parts go one by one, because one among them was refused
        while parts := self._take(1 if alone else _ROOM):
            alone = max(0, alone - 1)
            try:
                self._transport(self._written(parts))
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
            else:
                self._remove(parts)
        return True

    def _written(self, parts: list[Waiting]) -> bytes:
        return slot_report.write(self._instance, (data for p in parts if (data := p.read())))

    def _send_left(self) -> bool:
        """Send what killed recorders left, one part at a time, each under the name that it was counted by."""
        while self._left:
            instance, path = self._left[0]
            data = Waiting(b"", 0, path=path).read()
            try:
                if data:
                    self._transport(slot_report.write(instance, (data,)))
            except SlotRefused:
                self.lose(_attempts(data))
            except Exception:  # noqa: BLE001  # as above
                return False
            with self._lock:
                if self._left and self._left[0][1] == path:
                    del self._left[0]
                    self.spooled_bytes -= len(data)
            _unlink(path)
        return True

    def close(self) -> None:
        """Let go of the spool; another recorder may send what still lies there."""
        if self._spool is not None:
            self._spool.close()

    def after_fork(self) -> None:
        """Leave the spool to the parent."""
        if self._spool is not None:
            self._spool.after_fork()

    def sign_off(self) -> None:
        """Tell that nothing more comes from this reporter (SL-15). Raises what `send` raises."""
        self._transport(slot_report.write(self._instance, (), closing=True))

    def _take(self, room: int) -> list[Waiting]:
        """Remove and return the oldest parts that fit into so many bytes, a comma between them; at least one."""
        taken: list[Waiting] = []
        with self._lock:
            while self._waiting and (not taken or self._waiting[0].size < room):
                part = self._waiting.popleft()
                self._count(part, -1)
                room -= part.size + 1
                taken.append(part)
        return taken

    def _put_back(self, parts: list[Waiting]) -> None:
        with self._lock:
            self._waiting.extendleft(reversed(parts))
            for part in parts:
                self._count(part, 1)
            self._shrink()

    def _shrink(self) -> None:
        while self._left and self.spooled_bytes > self._spool_bytes:  # these are the oldest
            _, path = self._left.pop(0)
            data = Waiting(b"", 0, path=path).read()
            self.spooled_bytes -= len(data)
            self._untold += _attempts(data)
            self.dropped += _attempts(data)
            _unlink(path)
        while self._waiting and (
            self.size_bytes > self._max_bytes or self.spooled_bytes > self._spool_bytes
        ):
            part = self._waiting.popleft()
            self._count(part, -1)
            self._drop(part)

    def _drop(self, part: Waiting) -> None:
        self._untold += part.attempts + part.told
        self.dropped += part.attempts
        self._remove([part])

    @staticmethod
    def _remove(parts: list[Waiting]) -> None:
        for part in parts:
            if part.path is not None:
                _unlink(part.path)


def outbox_in(folder: Path | None, send: Callable[[bytes], object], *, instance: str) -> Outbox:
    """Return an outbox that spools in a folder, or in memory alone where there is none to be had."""
    spool = None
    if folder is not None:
        try:
            spool = Spool(folder, instance)
        except OSError:
            return Outbox(send, instance=instance)
    return Outbox(send, instance=instance, spool=spool)


def _attempts(data: bytes) -> int:
    """Return what is lost with a part of a killed recorder; one that can't be read is lost uncounted.

    What a guard counted for its use case is lost with what it told for the model.
    """
    try:
        found = json.loads(data)
        if _OF_USE_CASE.fullmatch(found["sli"]):
            return 0
        return int(found["total"]) + int(found["dropped"])
    except (ValueError, KeyError, TypeError):
        return 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # it comes again, and the server knows it
        return
