"""A real HTTP server on this machine that takes webhooks, and misbehaves as it is told to."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping

    Answer: TypeAlias = "int | tuple[int, Mapping[str, str]] | str"

LARGE = b"x" * 65_536


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value


@dataclass
class Receiver:
    """What came, and what is answered: `answers` one after the other, then `always`.

    An answer is a status, a status with headers, or a word: hang, drop, drip, flood, heads, garbage.
    """

    port: int = 0
    always: Answer = 200
    answers: deque[Answer] = field(default_factory=deque)
    requests: list[Received] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/T00/secret-in-the-path"

    @property
    def news(self) -> list[Received]:
        """Return the requests that were no pings."""
        return [each for each in self.requests if not each.id.startswith("ping-")]

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.news]

    def wait(self, happened: Callable[[], bool]) -> bool:
        return any(happened() or time.sleep(0.02) for _ in range(2_000))

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        chosen = self.answers.popleft() if self.answers else self.always
        if isinstance(chosen, str):
            getattr(self, f"_{chosen}")(handler)
            return
        status, headers = (chosen, {}) if isinstance(chosen, int) else chosen
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def _hang(self, _handler: BaseHTTPRequestHandler) -> None:
        self.released.wait(60)

    def _drop(self, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200")
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        for letter in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10_000:
            if self.released.wait(0.05):
                return
            handler.wfile.write(bytes([letter]))
            handler.wfile.flush()

    def _flood(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer with 10 MB that nobody wants."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n")
        for _ in range(160):
            handler.wfile.write(LARGE)

    def _heads(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer with headers without end."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(160):
            handler.wfile.write(b"X-More: " + LARGE + b"\r\n")

    def _early(self, handler: BaseHTTPRequestHandler) -> None:
        """Send early hints first, again and again."""
        for _ in range(10_000):
            handler.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")

    def _hints(self, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")

    def _garbage(self, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"\x00\x01\x02 not HTTP at all\r\n\r\n")


@contextlib.contextmanager
def receiving(*, tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Receiver]:
    """Serve on loopback."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(Received(self.path, dict(self.headers), body))
            with contextlib.suppress(OSError):
                receiver.answer(self)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Expect callers that hang up."""

    server = Server(("127.0.0.1", port), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
