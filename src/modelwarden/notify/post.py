"""One POST to one judged address, within one deadline (NO-5): no redirects, no body of the answer, nothing kept.

Beside the status only `Retry-After` is read. A receiver that drips, floods or hangs costs its own endpoint seconds.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import h11

from modelwarden.errors import EndpointAddressRefused
from modelwarden.notify.address import system_resolve
from modelwarden.notify.delivery import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.notify.address import Address, Egress, Resolve

CONNECT_S: Final = 5.0
DEADLINE_S: Final = 15.0
MOST_HEAD_BYTES: Final = 16 * 1024
MOST_READ_BYTES: Final = 64 * 1024
"""Of an answer's status lines and headers, however many come before the final ones."""
PART: Final = 4_096
LONGEST_RETRY_AFTER: Final = 64
AGENT: Final = "modelwarden-webhook/1"


class TooMuch(Exception):
    """An answer has more of a head than anybody needs."""


@dataclass(slots=True)
class Line:
    """A way out: whom it may call, how names are looked up, and the connection in use, which another thread may cut.

    Without `tls` the machine's roots are trusted; they are loaded at the first call that needs them, since that takes
    longer than most of opening a database.
    """

    egress: Egress
    resolve: Resolve = system_resolve
    deadline_s: float = DEADLINE_S
    tls: ssl.SSLContext | None = None
    _socket: socket.socket | None = None
    _is_cut: bool = False

    def cut(self) -> None:
        """End what is under way, and let nothing begin any more."""
        self._is_cut = True
        found = self._socket
        if found is not None:
            with contextlib.suppress(
                OSError
            ):  # beneath TLS, which another thread is in the middle of
                socket.socket.shutdown(found, socket.SHUT_RDWR)

    def post(self, address: Address, headers: Mapping[str, str], body: bytes) -> Result:
        """Send a message and return what came of it. Never raises for what the far end does."""
        began = time.monotonic()
        status, problem, retry_after = 0, None, None
        try:
            status, retry_after = self._posted(address, headers, body, began + self.deadline_s)
        except EndpointAddressRefused as error:
            problem = error.code
        except (TooMuch, h11.RemoteProtocolError):
            problem = "answer_malformed"
        except ssl.SSLError:
            problem = "tls_failed"
        except TimeoutError:
            problem = "timed_out"
        except socket.gaierror:
            problem = "name_unknown"
        except OSError:
            problem = "unreachable"
        finally:
            self._hang_up()
        duration_ms = int((time.monotonic() - began) * 1_000)
        return Result(
            status=status, problem=problem, retry_after=retry_after, duration_ms=duration_ms
        )

    def _posted(
        self, address: Address, headers: Mapping[str, str], body: bytes, deadline: float
    ) -> tuple[int, timedelta | None]:
        place = self.egress.found(address, self.resolve)
        connection = self._connected(address, place, deadline)
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
        given = {
            "host": address.authority,
            "user-agent": AGENT,
            "content-type": "application/json",
            "content-length": str(len(body)),
            "connection": "close",
            **headers,
        }
        request = h11.Request(method="POST", target=address.target, headers=list(given.items()))
        sent = (request, h11.Data(data=body), h11.EndOfMessage())
        data = b"".join(http.send(each) or b"" for each in sent)
        connection.settimeout(_left(deadline))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)  # a receiver may answer, and hang up, before it read all
        return _answer(http, connection, deadline)

    def _connected(self, address: Address, place: str, deadline: float) -> socket.socket:
        timeout = min(CONNECT_S, _left(deadline))
        connection = self._socket = socket.create_connection((place, address.port), timeout)
        if self._is_cut:
            raise OSError("the line was cut")
        if address.scheme == "https":
            if self.tls is None:
                self.tls = ssl.create_default_context()
            connection.settimeout(_left(deadline))
            secure = self._socket = self.tls.wrap_socket(
                connection, server_hostname=address.host, do_handshake_on_connect=False
            )
            secure.do_handshake()
            return secure
        return connection

    def _hang_up(self) -> None:
        found, self._socket = self._socket, None
        if found is not None:
            with contextlib.suppress(OSError):
                found.close()


def _answer(
    http: h11.Connection, connection: socket.socket, deadline: float
) -> tuple[int, timedelta | None]:
    """Read as far as the final status and its headers."""
    read = 0
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            connection.settimeout(_left(deadline))
            data = connection.recv(PART)
            read += len(data)
            if read > MOST_READ_BYTES:
                raise TooMuch
            http.receive_data(data)
        elif isinstance(event, h11.Response):
            return event.status_code, _retry_after(event)
        elif not isinstance(event, h11.InformationalResponse):
            raise OSError("the connection ended before an answer")


def _retry_after(response: h11.Response) -> timedelta | None:
    """Return how long the receiver wants to be left alone: seconds, or until a date (RFC 9110 §10.2.3)."""
    for name, value in response.headers:
        if name == b"retry-after" and len(value) <= LONGEST_RETRY_AFTER:
            text = value.decode("ascii", "replace").strip()
            if text.isascii() and text.isdecimal():
                return timedelta(seconds=min(int(text), 10**6))
            try:
                until = parsedate_to_datetime(text)
            except ValueError:
                return None
            if until.tzinfo is None:
                until = until.replace(tzinfo=UTC)
            return max(timedelta(0), until - datetime.now(UTC))
    return None


def _left(deadline: float) -> float:
    """Return the seconds until the deadline. Raises TimeoutError behind it."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
