"""A proxy before PostgreSQL that loses a connection at its COMMIT, before or after the server has heard of it.

Which connection, and what is lost, is said on the connection itself: `SELECT 'lose the answer'`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from pathlib import Path

COMMIT: Final = b"COMMIT\0"
REQUEST: Final = b"lose the request"
ANSWER: Final = b"lose the answer"
SOCKET: Final = ".s.PGSQL.5432"


class Wire:
    """Passes bytes on, both ways, until a connection is told to lose its next COMMIT or the answer to it."""

    def __init__(self, server: Path, folder: Path) -> None:
        self.folder: Final = folder
        self._server = str(server / SOCKET)
        self.lost = 0
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(folder / SOCKET))
        self._door.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
                threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        loses: bytes | None = None
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                loses = next((each for each in (REQUEST, ANSWER) if each in data), loses)
                if data.endswith(COMMIT) and loses is not None:
                    self.lost += 1
                    if loses == ANSWER:
                        client.shutdown(socket.SHUT_RDWR)
                        server.sendall(data)
                        while server.recv(65_536):  # the server commits, and goes
                            server.shutdown(socket.SHUT_WR)
                    break
                server.sendall(data)
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _pass_on(server: socket.socket, client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := server.recv(65_536):
            client.sendall(data)
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
