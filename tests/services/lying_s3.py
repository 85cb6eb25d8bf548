"""A server that stands before S3 and does what it is told with each request: pass it on, lie, wait, or hang up."""

from __future__ import annotations

import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Forward = Callable[["Request"], "Reply"]
    Rule = Callable[["Request", Forward], "Reply | None"]
    """Answers a request; None hangs up."""

OWN: Final = frozenset(
    {"connection", "content-length", "date", "expect", "server", "transfer-encoding"}
)


class Request(NamedTuple):
    """What came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """Return what is asked, in two words."""
        place = self.path.partition("?")[0]
        folder = "segment" if "/seg/" in place else "checkpoint" if "/checkpoint/" in place else ""
        if not folder:
            return "list" if "versions" in self.path else "bucket"
        return f"{self.method.lower()} {folder}"


class Reply(NamedTuple):
    """What goes back."""

    status: int
    headers: dict[str, str] = {}  # noqa: RUF012  # never changed
    body: bytes = b""
    length: int | None = None  # what is promised, if not that of the body


def passing(request: Request, forward: Forward) -> Reply:
    """Pass everything on."""
    return forward(request)


class Liar:
    """A server on the loopback with one rule, which may be changed at any time; it remembers what was asked."""

    def __init__(self, port: int) -> None:
        self.rule: Rule = passing
        self.asked: list[str] = []
        liar, behind = self, port

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, dict(self.headers.items()), body)
                liar.asked.append(request.kind)
                reply = liar.rule(request, lambda passed: _forwarded(behind, passed))
                if reply is None:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                length = len(reply.body) if reply.length is None else reply.length
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(reply.body)
                self.close_connection = reply.length not in {None, len(reply.body)}

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815  # as the library asks

            def log_message(self, *_: object) -> None:
                pass

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:  # whoever asked was killed
                    self.close_connection = True

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """Return the address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def lying(port: int) -> Iterator[Liar]:
    """Run a server before the one at this port."""
    liar = Liar(port)
    try:
        yield liar
    finally:
        liar.close()


def _forwarded(port: int, request: Request) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in OWN}
        connection.request(request.method, request.path, request.body, headers)
        found = connection.getresponse()
        body = found.read()
        kept = {k: v for k, v in found.getheaders() if k.lower() not in OWN}
        length = int(found.getheader("Content-Length") or 0) if request.method == "HEAD" else None
        return Reply(found.status, kept, body, length)
    finally:
        connection.close()
