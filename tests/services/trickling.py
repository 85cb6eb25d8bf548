"""A server that never ends: it sends a byte now and then, so that no read of it times out."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
EVERY_S = 0.05


@contextmanager
def trickling(part: str) -> Iterator[str]:
    """Serve on loopback; `part` says what never ends: the head, the body, or the wait for either."""
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65_536)
            if part != "nothing":
                connection.sendall(HEAD + (b"\r\n" if part == "body" else b""))
            letters = itertools.cycle(b"X-A: b\r\n" if part == "head" else b" ")
            while not over.wait(EVERY_S):
                if part != "nothing":
                    connection.sendall(bytes([next(letters)]))

    def listen(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=listen, args=(listening,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
