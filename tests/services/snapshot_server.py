"""A server of snapshots, on a real socket, with a real key; and all the ways in which one can be bad.

It speaks the wire between guards and servers, and is no more than that: what it serves is set by the test.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from modelwarden.guard.pins import KEY_TYPE
from modelwarden.ledger.keys import SigningKey
from modelwarden.values.canonical import encode_any
from modelwarden.values.clock import timestamp
from tests.guard.wire import body, head, put_together, sealed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = "/api/governance/"
WHERE = frozenset({"environment", "model", "epoch", "generation"})


def signed(key: SigningKey, *, age_s: float = 0.0, **fields: Any) -> bytes:  # noqa: ANN401
    """Return a snapshot that was confirmed so many seconds ago."""
    data = encode_any(body(**fields))
    checked_at = timestamp(datetime.now(UTC) - timedelta(seconds=age_s))
    shared = {name: value for name, value in fields.items() if name in WHERE}
    return put_together(sealed(head(data, checked_at=checked_at, **shared), key=key), data)


def head_alone(wire: bytes) -> bytes:
    return json.dumps({"head": json.loads(wire)["head"]}).encode()


def handover(new: SigningKey, *, by: SigningKey) -> dict[str, Any]:
    said = {"schema": 1, "old": spki(by), "new": spki(new)}
    return sealed(said, key=by, payload_type=KEY_TYPE)


def spki(key: SigningKey) -> str:
    """Return a public key as handovers name it."""
    return "".join(key.public.pem.splitlines()[1:-1])


@dataclass
class Behaviour:
    """What the server does with a stream; a test changes it while the server runs."""

    streams: bool = True
    polls: bool = True
    silent: bool = False  # takes connections and says nothing
    status: int = 200
    drift_status: int = 204
    beat_s: float = 0.05
    beats: bool = True
    cut_after: int | None = None  # bytes of an event, after which the connection ends
    trickles: bool = False  # bytes that never end a line


@dataclass
class SnapshotServer:
    """What a test holds of the server."""

    key: SigningKey = field(default_factory=SigningKey.generate)
    wire: bytes = b""
    keys: list[str] = field(default_factory=list)
    handovers: list[object] = field(default_factory=list)
    behaviour: Behaviour = field(default_factory=Behaviour)
    reports: list[dict[str, Any]] = field(default_factory=list)
    flushes: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    last_ids: list[str | None] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    port: int = 0
    ending: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)
    number: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, wire: bytes | None = None, **fields: Any) -> None:  # noqa: ANN401
        """Send this from now on, to all who listen."""
        with self.changed:
            self.wire = signed(self.key, **fields) if wire is None else wire
            self.number += 1
            self.changed.notify_all()

    def heard_of(self, generation: int) -> list[dict[str, Any]]:
        return [one for one in self.reports if one.get("generation") == generation]

    @contextmanager
    def running(self, port: int = 0) -> Iterator[SnapshotServer]:
        server = ThreadingHTTPServer(("127.0.0.1", port), type("Mine", (Handler,), {"state": self}))
        server.daemon_threads = True
        server.block_on_close = False
        self.port, self.ending = server.server_port, threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.ending.set()
            with self.changed:
                self.changed.notify_all()
            server.shutdown()
            server.server_close()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    state: SnapshotServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        path, query = self._path()
        self.state.tokens.add(self.headers["Authorization"])
        if self.state.behaviour.silent:
            self.state.ending.wait()
        elif self.state.behaviour.status != 200:
            self._answer(self.state.behaviour.status, b"{}")
        elif path == "snapshot/keys":
            named = {
                "keys": self.state.keys or [self.state.key.public.pem],
                "handovers": self.state.handovers,
            }
            self._answer(200, json.dumps(named).encode())
        elif path == "snapshot/stream":
            self._stream()
        elif not self.state.behaviour.polls:
            self._answer(404, b"{}")
        else:
            self._poll(query)

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.state.behaviour.silent:
            self.state.ending.wait()
            return
        if urlsplit(self.path).path.removeprefix(ROOT) == "drift":
            self.state.flushes.append(json.loads(data))
            status = self.state.behaviour.drift_status
        else:
            self.state.reports.append(json.loads(data))
            status = 204
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _path(self) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        path = parts.path.removeprefix(ROOT)
        self.state.asked.append(path)
        return path, parse_qs(parts.query)

    def _answer(self, status: int, data: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _poll(self, query: dict[str, list[str]]) -> None:
        seen, ends = self.state.number, time.monotonic() + float(query.get("wait", ["0"])[0])
        with self.state.changed:
            while self.state.number == seen and not self.state.ending.is_set():
                left = ends - time.monotonic()
                if left <= 0:
                    break
                self.state.changed.wait(left)
        self._answer(200, self.state.wire)

    def _stream(self) -> None:
        state = self.state
        if not state.behaviour.streams:
            self._answer(404, b"{}")
            return
        state.last_ids.append(self.headers["Last-Event-ID"])
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            seen = -1
            while not state.ending.is_set():
                before, seen = seen, state.number
                if not self._say(fresh=before != seen):
                    return
                with state.changed:
                    if state.number == seen:
                        state.changed.wait(state.behaviour.beat_s)

    def _say(self, *, fresh: bool) -> bool:
        """Send what is due; return whether to go on."""
        behaviour = self.state.behaviour
        if fresh:
            self._event(self.state.wire)
        elif behaviour.trickles:
            self.wfile.write(b"x")
        elif behaviour.beats:
            self.wfile.write(b": beat\n\n")
        self.wfile.flush()
        return behaviour.cut_after is None

    def _event(self, wire: bytes) -> None:
        kind = b"snapshot" if b'"body"' in wire else b"head"
        event = b"event: %b\nid: 1.1\ndata: %b\n\n" % (kind, wire.replace(b"\n", b" "))
        self.wfile.write(event[: self.state.behaviour.cut_after])
