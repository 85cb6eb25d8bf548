"""A real HTTP server on loopback that answers what a test wrote down, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401  # JSON
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answer to give. Without a status the connection is cut."""

    status: int | None = 200
    body: object = None
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def problem(
    code: str, status: int, *, headers: Mapping[str, str] = NOTHING, **more: object
) -> Said:
    told = {"type": f"urn:{code}", "title": code, "status": status, "code": code}
    return Said(
        status=status,
        body=told | {"detail": f"about {code}"} | more,
        kind="application/problem+json",
        headers=headers,
    )


class Scripted:
    """The server: give it answers, then read `asked`."""

    def __init__(self, *said: Said) -> None:
        self.said = list(said)
        self.asked: list[Asked] = []
        script = self

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                script.answer(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(
            Asked(
                method=request.command,
                target=request.path,
                headers=dict(request.headers),
                body=request.rfile.read(int(request.headers.get("Content-Length", 0))),
            )
        )
        said = self.said.pop(0)
        if said.status is None:
            request.close_connection = True
            return
        data = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
        request.send_response(said.status)
        for name, value in said.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Type", said.kind)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(data)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
