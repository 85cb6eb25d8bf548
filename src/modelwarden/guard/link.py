"""The HTTP that a guard speaks: one connection to the API of one server (SG-20), by the standard library.

Nothing is followed elsewhere: a redirect is an answer that helps nobody, and would carry the token along. A link is for
one thread, apart from `abort`, which ends what that thread waits for.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import uuid
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from modelwarden.errors import ValueInvalid
from modelwarden.guard.loading import LOADING
from modelwarden.guard.wire import MAX_WIRE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from http.client import HTTPConnection, HTTPResponse

ROOT: Final = "/api/governance"
LONGEST_TOKEN: Final = 4_096


class Server(NamedTuple):
    """Where the API is, and who asks."""

    scheme: str
    host: str
    port: int | None
    root: str
    token: str | None

    @property
    def keeps_secrets(self) -> bool:
        """Say whether a key may be fetched from there: over https, or without leaving this machine (SG-18)."""
        if self.scheme == "https" or self.host == "localhost":
            return True
        with contextlib.suppress(ValueError):
            return ip_address(self.host).is_loopback
        return False

    @property
    def url(self) -> str:
        """The address, without the token."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{'' if self.port is None else f':{self.port}'}{self.root}"


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    kind: str
    body: bytes


def server_at(url: str, token: str | None) -> Server:
    """Read the address of a server. Raises ValueInvalid."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
        parts = urlsplit("")
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if parts.scheme not in {"http", "https"} or not host or not plain:
        raise ValueInvalid("url_or_file", "an address such as https://host:8321, or a file's path")
    if token is not None and not (token.isascii() and token.isprintable() and token):
        raise ValueInvalid("token", "printable ASCII text")
    path = parts.path.rstrip("/")
    root = path if path.endswith(ROOT) else path + ROOT
    return Server(parts.scheme, host, port, root, token)


class Link:
    """One connection, opened when it is needed and again after it broke."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._name = uuid.uuid4().hex
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = (
            None  # a response that ends its connection takes it over
        )
        self._response: HTTPResponse | None = None

    def get(self, path: str, query: Mapping[str, str], *, timeout_s: float) -> Answer:
        """Ask for something small enough to be held. Raises OSError."""
        target = f"{path}?{urlencode(query)}" if query else path
        return self._exchange("GET", target, None, timeout_s)

    def post(self, path: str, value: object, *, timeout_s: float) -> Answer:
        """Send JSON. Raises OSError."""
        return self._exchange("POST", path, json.dumps(value).encode(), timeout_s)

    def post_bytes(self, path: str, body: bytes, *, timeout_s: float) -> Answer:
        """Send JSON that is written already. Raises OSError."""
        return self._exchange("POST", path, body, timeout_s)

    def stream(
        self, path: str, query: Mapping[str, str], *, last_id: str | None, timeout_s: float
    ) -> HTTPResponse:
        """Open a stream of events; each read waits for at most `timeout_s`. Raises OSError."""
        self.drop()
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        with _wrapping():
            return self._send("GET", f"{path}?{urlencode(query)}", None, headers, timeout_s)

    def drop(self) -> None:
        """Close the connection; what comes next opens another."""
        connection, self._connection, self._socket = self._connection, None, None
        response, self._response = self._response, None
        if connection is not None:
            connection.close()
        if response is not None:
            response.close()

    def abort(self) -> None:
        """End what another thread waits for on this link."""
        open_socket = self._socket
        if open_socket is not None:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)

    def after_fork(self) -> None:
        """Leave the connection to the parent: close the child's copy of its descriptor, and say nothing on it."""
        open_socket, self._connection, self._socket = self._socket, None, None
        self._response = None
        if open_socket is not None:
            with contextlib.suppress(OSError):
                os.close(open_socket.detach())

    def _exchange(self, method: str, target: str, body: bytes | None, timeout_s: float) -> Answer:
        with _wrapping():
            return self._asked(method, target, body, timeout_s)

    def _asked(self, method: str, target: str, body: bytes | None, timeout_s: float) -> Answer:
        reused = self._connection is not None
        headers = {"Accept": "application/json"}
        try:
            try:
                response = self._send(method, target, body, headers, timeout_s)
            except ConnectionError:  # http.client's RemoteDisconnected is one
                if (
                    not reused
                ):  # a connection that stood idle may have been closed: once more, on a new one
                    raise
                self.drop()
                response = self._send(method, target, body, headers, timeout_s)
            data = response.read(MAX_WIRE_BYTES + 1)
            kind = response.headers.get_content_type()
            if len(data) > MAX_WIRE_BYTES or response.will_close:
                self.drop()
        except BaseException:
            self.drop()
            raise
        return Answer(response.status, kind, data)

    def _send(
        self,
        method: str,
        target: str,
        body: bytes | None,
        headers: dict[str, str],
        timeout_s: float,
    ) -> HTTPResponse:
        connection = self._connected(timeout_s)
        if self._server.token is not None:
            headers["Authorization"] = f"Bearer {self._server.token}"
        headers["Modelwarden-Instance"] = f"{self._name}-{os.getpid()}"  # a fleet may share a token
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, f"{self._server.root}/{target}", body, headers)
        self._response = response = connection.getresponse()
        return response

    def _connected(self, timeout_s: float) -> HTTPConnection:
        connection = self._connection
        if connection is None or connection.sock is None:
            # These load TLS and the parts of e-mail: hosts that read a file need neither.
            import http.client  # noqa: PLC0415

            server = self._server
            if server.scheme == "https":
                import ssl  # noqa: PLC0415

                connection = http.client.HTTPSConnection(
                    server.host, server.port, context=ssl.create_default_context()
                )
            else:
                connection = http.client.HTTPConnection(server.host, server.port)
            connection.timeout = timeout_s
            self._connection = connection
            connection.connect()
            self._socket = connection.sock
        connection.sock.settimeout(timeout_s)
        return connection


@contextlib.contextmanager
def _wrapping() -> Iterator[None]:
    """Turn an answer that is no HTTP into the error of a connection that can't be used."""
    # With TLS, and with what looking up a host by its name takes.
    LOADING.load("http.client", "encodings.idna")
    from http.client import HTTPException  # noqa: PLC0415

    try:
        yield
    except HTTPException as error:
        raise ConnectionError(f"no HTTP: {type(error).__name__}") from error
