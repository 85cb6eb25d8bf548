"""Many HTTP/1.1 calls over a few connections that stay open, by a client that costs little itself.

Each connection sends the next call when the answer to the last one has arrived in full.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import time
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONNECTIONS: Final = 16
HOST: Final = "127.0.0.1"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class UnexpectedAnswer(RuntimeError):
    """A call was not answered with the status that it should have; figures of failures say nothing."""


def get(path: str, *, token: str | None = None) -> bytes:
    return f"GET {path} HTTP/1.1\r\n{_headers(token)}\r\n".encode()


def post(path: str, body: object, *, token: str | None = None) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\n{_headers(token)}"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def _headers(token: str | None) -> str:
    authorization = "" if token is None else f"Authorization: Bearer {token}\r\n"
    return f"Host: {HOST}\r\nAccept: application/json\r\n{authorization}"


def send_all(port: int, calls: Sequence[bytes], *, connections: int = CONNECTIONS) -> None:
    """Send all calls and wait for all answers. Raises UnexpectedAnswer for any that is no 200 or 201."""
    asyncio.run(_send_all(port, calls, connections))


def times_of(port: int, path: str, count: int, *, token: str | None = None) -> list[float]:
    """GET one path again and again over one connection, and return the milliseconds to each whole answer.

    Raises UnexpectedAnswer for any that is no 200.
    """
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    found = []
    with contextlib.closing(http.client.HTTPConnection(HOST, port)) as connection:
        for _ in range(count):
            began = time.perf_counter()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            found.append((time.perf_counter() - began) * 1e3)
            if answer.status != http.HTTPStatus.OK:
                raise UnexpectedAnswer(body[:600].decode(errors="replace"))
    return found


async def _send_all(port: int, calls: Sequence[bytes], connections: int) -> None:
    loop = asyncio.get_running_loop()
    waiting = iter(calls)
    opened = [
        await loop.create_connection(partial(_Line, waiting, loop.create_future()), HOST, port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(line.done for _, line in opened))


class _Line(asyncio.Protocol):
    """One connection: it takes calls from the common stock until none is left."""

    def __init__(self, calls: Iterator[bytes], done: asyncio.Future[None]) -> None:
        self.done: Final = done
        self._calls = calls
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not end or length is None or len(body) < int(length[1]):
            if end and length is None:
                self._fail(head)
            return
        if head[9:12] not in {b"200", b"201"}:
            self._fail(self._received)
            return
        self._received = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or UnexpectedAnswer("the connection was closed"))

    def _send(self) -> None:
        assert self._transport is not None
        call = next(self._calls, None)
        if call is not None:
            self._transport.write(call)
            return
        if not self.done.done():
            self.done.set_result(None)
        self._transport.close()

    def _fail(self, answer: bytes) -> None:
        assert self._transport is not None
        if not self.done.done():
            self.done.set_exception(UnexpectedAnswer(answer[:600].decode(errors="replace")))
        self._transport.close()
