"""One bounded call over HTTP: no redirects, so many bytes, so many seconds, whatever the other side does."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from modelwarden.errors import SettingInvalid, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

PATIENCE_S: Final = 5.0
"""For the connection, and between two pieces of an answer."""
DEADLINE_S: Final = 15.0
"""For the whole answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def checked_url(url: str, what: str) -> str:
    """Return an http address without its last slash. Raises SettingInvalid, which repeats no secret."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingInvalid(f"{what}: expected an address that begins with https:// or http://")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise SettingInvalid(f"{what}: an address without user, password, ? and #")
    return url.rstrip("/")


class Calls:
    """Calls to one place, one after the other; another thread may end the one under way."""

    def __init__(self, *, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._aborted = False
        self._current: _Deadline | None = None
        import httpx  # noqa: PLC0415  # a sixth of what opening a database imports, and most never call

        self._failures = (httpx.HTTPError, UnicodeError)
        self._http = httpx.Client(
            timeout=PATIENCE_S,
            follow_redirects=False,
            limits=httpx.Limits(max_keepalive_connections=0),  # each call has a connection to end
            headers={"accept-encoding": "identity", "user-agent": "modelwarden"},
        )

    def fetch(
        self,
        method: str,
        url: str,
        *,
        most: int,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one call and return its whole answer. Raises Unreachable, also when it is too long or too slow."""
        self._current = deadline = _Deadline(0.0 if self._aborted else self._deadline_s)
        extensions = {"trace": deadline.watch}
        request = self._http.build_request(
            method, url, content=content, headers=headers, extensions=extensions
        )
        try:
            with deadline:
                answer = _read(self._http.send(request, stream=True), url, most)
        except self._failures as error:
            reason = "it is too slow" if deadline.is_over else type(error).__name__
            raise Unreachable(f"{url} does not answer: {reason}") from error
        if deadline.is_over:  # an answer without a length looks whole wherever it is cut
            raise Unreachable(f"{url} does not answer: it is too slow")
        return answer

    def abort(self) -> None:
        """End the call under way, and each that comes."""
        self._aborted = True
        if self._current is not None:
            self._current.end()

    def close(self) -> None:
        """Let go of what is left."""
        self._http.close()


def _read(answer: httpx.Response, url: str, most: int) -> Answer:
    with contextlib.closing(answer):
        body = bytearray()
        for part in answer.iter_raw():
            body += part
            if len(body) > most:
                raise Unreachable(f"{url} answers with more than {most:,} bytes")
        return Answer(status=answer.status_code, headers=answer.headers, body=bytes(body))


class _Deadline:
    """Ends a call that takes too long, at whatever byte it is: time-outs count from one byte to the next."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._wire: socket.socket | None = None
        self._timer = threading.Timer(seconds, self.end)
        self._timer.daemon = True

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember the connection as soon as there is one."""
        if event == "connection.connect_tcp.complete":
            number = info["return_value"].get_extra_info("socket").fileno()
            self._wire = socket.socket(fileno=os.dup(number))
            if self.is_over:
                self.end()

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()
        if self._wire is not None:
            self._wire.close()

    def end(self) -> None:
        """End the call now."""
        self.is_over = True
        if self._wire is not None:
            with contextlib.suppress(OSError):
                self._wire.shutdown(socket.SHUT_RDWR)
