"""A TCP proxy between real guards and a real server that can be bad in each of the ways in which a network is.

It passes bytes on until a test says otherwise; what it does then holds for connections that are open and for new ones.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 65_536
STREAM = b"/snapshot/stream"
SIGNATURE = re.compile(rb'("sig":")....')


class Mode(Enum):
    PASS = "pass"  # noqa: S105  # a word, not a secret
    REFUSE = "refuse"
    """Nobody listens; what is open ends."""
    SILENT = "silent"
    """Connections are taken, and nothing is said; what is open says no more."""
    SLOW = "slow"
    """What the server says arrives in drops."""
    CUT = "cut"
    """An answer ends after so many bytes of it."""
    CORRUPT = "corrupt"
    """Some bits of what the server says arrive the other way round."""
    FORGE = "forge"
    """Snapshots arrive with another signature than the server's."""
    REPLAY = "replay"
    """A stream is answered by what an earlier one was sent."""


@dataclass
class FaultProxy:
    """Stands before `target`, an address such as http://127.0.0.1:8321."""

    target: str
    mode: Mode = Mode.PASS
    cut_after: int = 0
    connections: int = 0
    recorded: bytearray = field(default_factory=bytearray)
    """What the first stream that it passed on was sent."""

    def __enter__(self) -> Self:
        self._open: set[socket.socket] = set()
        self._door: socket.socket | None = None
        self._changed = threading.Condition()
        self._records = True
        self.port = 0
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.say(Mode.REFUSE)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def say(self, mode: Mode, *, cut_after: int = 0) -> None:
        """Behave so from now on."""
        with self._changed:
            was, self.mode, self.cut_after = self.mode, mode, cut_after
            self._changed.notify_all()
        if mode is Mode.REFUSE:
            self._stop_listening()
        elif was is Mode.REFUSE:
            self._listen()
        if mode in {Mode.REFUSE, Mode.CUT, Mode.REPLAY} or was is Mode.SILENT:
            self.drop()

    def drop(self) -> None:
        """End all connections."""
        with self._changed:
            ends = list(self._open)
        for end in ends:
            _end(end)

    def _listen(self) -> None:
        self._door = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._door,), daemon=True).start()

    def _stop_listening(self) -> None:
        door, self._door = self._door, None
        if door is not None:
            with contextlib.suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            door.close()

    def _accept(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = door.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        parts = urlsplit(self.target)
        with (
            contextlib.suppress(OSError),
            socket.create_connection((parts.hostname, parts.port)) as server,
        ):
            with self._changed:
                self._open |= {client, server}
            asked: list[bytes] = []
            back = threading.Thread(target=self._answer, args=(server, client, asked), daemon=True)
            back.start()
            self._ask(client, server, asked)
            back.join()
        with self._changed:
            self._open -= {client, server}
        client.close()

    def _ask(self, client: socket.socket, server: socket.socket, asked: list[bytes]) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(PIECE):
                asked.append(data)
                if self.mode is Mode.SILENT:
                    self._wait(lambda: self.mode is not Mode.SILENT)
                elif self.mode is Mode.REPLAY and STREAM in data:
                    client.sendall(self.recorded)
                else:
                    server.sendall(data)
        _end(server)

    def _answer(self, server: socket.socket, client: socket.socket, asked: list[bytes]) -> None:
        said, records = 0, False
        with contextlib.suppress(OSError):
            while data := server.recv(PIECE):
                if self._records and self.mode is Mode.PASS and STREAM in asked[0]:
                    self._records, records = False, True
                if records:
                    self.recorded += data
                if not self._pass_on(data, client, said):
                    break
                said += len(data)
        _end(client)
        _end(server)

    def _pass_on(self, data: bytes, client: socket.socket, said: int) -> bool:
        """Send what came, as the mode has it; return whether the connection goes on."""
        match self.mode:
            case Mode.SILENT:
                self._wait(lambda: self.mode is not Mode.SILENT)
                return False
            case Mode.CUT:
                client.sendall(data[: max(0, self.cut_after - said)])
                return said + len(data) < self.cut_after
            case Mode.CORRUPT:
                client.sendall(corrupted(data))
            case Mode.FORGE:
                client.sendall(SIGNATURE.sub(lambda found: found[1] + b"AAAA", data))
            case Mode.SLOW:
                for place in range(0, len(data), 64):
                    client.sendall(data[place : place + 64])
                    if self.mode is Mode.SLOW:
                        time.sleep(0.005)
            case _:
                client.sendall(data)
        return True

    def _wait(self, holds: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(holds)


def corrupted(data: bytes) -> bytes:
    """Return bytes of which one in a hundred has a wrong bit."""
    spoilt = bytearray(data)
    for place in range(50, len(spoilt), 100):
        spoilt[place] ^= 1
    return bytes(spoilt)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
