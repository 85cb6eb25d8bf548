"""A control plane for the tests of programs that have guards: signed snapshots over HTTP, and each way to fail (SG-54).

It listens on this machine alone, and signs as a server does, with a key of its own. It has no database, asks no token
and keeps no record: what it says is what a test told it to say.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from modelwarden.errors import NotFound, ValueInvalid
from modelwarden.guard.faults import parse_fault
from modelwarden.guard.scope import parse_except, parse_scope
from modelwarden.guard.snapshot import Floor
from modelwarden.ledger.keys import SigningKey
from modelwarden.safeguards.snapshots.body import Contents, Snapshot, Topic, signed
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

PATHS: Final = "/api/governance/"
PATIENCE_S: Final = 30.0
BEAT_S: Final = 1.0
DROP: Final = 64
DROPS_EACH_S: Final = 0.005
EVENTS: Final = "text/event-stream"
JSON: Final = "application/json"


class Mood(Enum):
    """How it behaves."""

    WELL = "well"
    DOWN = "down"
    SILENT = "silent"
    SLOW = "slow"
    CORRUPT = "corrupt"
    REWOUND = "rewound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What snapshots say at one generation."""

    generation: int = 1
    switches: tuple[Mapping[str, Any], ...] = ()
    faults: tuple[Mapping[str, Any], ...] = ()


class ControlPlane:
    """A source of signed snapshots. Use it in a `with`; its methods may be called from any thread.

    Attributes:
        keys: the public key that signs, as PEM, for `Guard(keys=…)`; a guard may also fetch it.
    """

    def __init__(self) -> None:
        self._key = SigningKey.generate()
        self.keys: Final = self._key.public.pem
        self._first = self._now = Saying()
        self._mood = Mood.WELL
        self._port = 0
        self._applied: dict[str, int] = {}
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    @property
    def url(self) -> str:
        """The address for `Guard`."""
        return f"http://127.0.0.1:{self._port}"

    # --- what it says ------------------------------------------------------------------------------

    def activate(
        self,
        scope: Mapping[str, object] | None = None,
        *,
        action: str = "block",
        fallback: str | list[str] | None = None,
        except_: Mapping[str, object] | None = None,
    ) -> str:
        """Stop or divert predictions in a scope, everything without one; return the switch's id.

        Raises UnknownDimension, ValueInvalid.
        """
        with self._changed:
            switch = {
                "id": f"swi_{self._now.generation + 1}",
                "scope": parse_scope(scope or {}, everything=not scope).as_json(),
                "except": parse_except(except_ or {}).as_json(),
                "action": action if fallback is None else "fallback",
                "fallback": fallback,
                "unknown": "match",
                "severity": "SEV2",
                "lkg_before": timestamp(datetime.now(UTC)),
                "held": 10_000,
            }
            self._say(switches=(*self._now.switches, switch), faults=self._now.faults)
        return str(switch["id"])

    def release(self, switch: str | None = None) -> None:
        """Let predictions go on: those that one switch stops, or all. Raises NotFound."""
        with self._changed:
            left = tuple(each for each in self._now.switches if switch not in {None, each["id"]})
            if switch is not None and len(left) == len(self._now.switches):
                raise NotFound("switch", switch)
            self._say(switches=left, faults=self._now.faults)

    def drill(
        self, fault: str, scope: Mapping[str, object], *, share: float = 1.0, ttl_s: float = 600.0
    ) -> str:
        """Put a fault into calls, as `latency:200ms`; the scope names the model. Returns the drill's id.

        Guards of another environment than staging have to be made with `drills=True`. Raises ValueInvalid.
        """
        parse_fault(fault)
        if not 0 < share <= 1:
            raise ValueInvalid("share", "a part of 1")
        with self._changed:
            rule = {
                "drill": f"dri_{self._now.generation + 1}",
                "fault": fault,
                "scope": parse_scope(scope).as_json(),
                "except": {},
                "share": max(1, round(share * 10_000)),
                "until": timestamp(datetime.now(UTC) + timedelta(seconds=ttl_s)),
            }
            self._say(switches=self._now.switches, faults=(*self._now.faults, rule))
        return str(rule["drill"])

    def end_drills(self) -> None:
        """End all drills."""
        with self._changed:
            self._say(switches=self._now.switches, faults=())

    def wait(self, timeout_s: float = PATIENCE_S, *, guards: int = 1) -> None:
        """Wait until so many guards applied what it says now. Raises TimeoutError."""
        with self._changed:
            wanted = self._now.generation
            if not self._changed.wait_for(
                lambda: sum(seen >= wanted for seen in self._applied.values()) >= guards, timeout_s
            ):
                raise TimeoutError(f"not {guards} guards applied generation {wanted}")

    # --- how it behaves ----------------------------------------------------------------------------

    def down(self) -> None:
        """Refuse connections, and end those that are open."""
        self._behave(Mood.DOWN)
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        self._drop()

    def silent(self) -> None:
        """Take connections and say nothing."""
        self._behave(Mood.SILENT)

    def slow(self) -> None:
        """Send in drops."""
        self._behave(Mood.SLOW)
        self._drop()

    def corrupt(self) -> None:
        """Send snapshots whose body is not the one that was signed."""
        self._behave(Mood.CORRUPT)
        self._drop()

    def rewind(self) -> None:
        """Send the first snapshot of all again, well signed and out of date."""
        self._behave(Mood.REWOUND)
        self._drop()

    def heal(self) -> None:
        """Behave well again."""
        was = self._mood
        self._behave(Mood.WELL)
        if was is Mood.DOWN:
            self._listen()
        self._drop()

    # --- within ------------------------------------------------------------------------------------

    def _say(
        self, *, switches: tuple[Mapping[str, Any], ...], faults: tuple[Mapping[str, Any], ...]
    ) -> None:
        generation = self._now.generation + 1
        self._now = Saying(generation=generation, switches=switches, faults=faults)
        self._changed.notify_all()

    def _behave(self, mood: Mood) -> None:
        with self._changed:
            self._mood = mood
            self._changed.notify_all()

    def _listen(self) -> None:
        handler = type("_Connection", (_Connection,), {"plane": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._server.daemon_threads, self._server.block_on_close = True, False
        self._port = self._server.server_port
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.02,), name="control-plane", daemon=True).start()

    def _drop(self) -> None:
        with self._changed:
            ends = list(self._open)
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _snapshot(self, topic: Topic) -> Snapshot:
        said = self._first if self._mood is Mood.REWOUND else self._now
        at = Floor(1, said.generation)
        contents = Contents(
            topic=topic, at=at, model_type=None, fails="static", dimensions=(), switches=said.switches,
            versions=(), faults=said.faults,
        )  # fmt: skip
        return signed(topic, at, contents.encoded(), key=self._key, now=datetime.now(UTC))

    def _spoilt(self, data: bytes) -> bytes:
        """Return what is sent: with another letter in the body, where that is the mood."""
        at = data.find(b'"body":"')
        if self._mood is not Mood.CORRUPT or at < 0:
            return data
        place = at + len(b'"body":"') + 20
        return (
            data[:place] + (b"A" if data[place : place + 1] != b"A" else b"B") + data[place + 1 :]
        )


class _Connection(BaseHTTPRequestHandler):
    """One connection of a guard."""

    plane: ControlPlane
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        with self.plane._changed:  # noqa: SLF001 - two halves of one thing
            self.plane._open.add(self.connection)  # noqa: SLF001

    def finish(self) -> None:
        with self.plane._changed:  # noqa: SLF001
            self.plane._open.discard(self.connection)  # noqa: SLF001
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        """Answer as the mood has it."""
        with contextlib.suppress(OSError):
            self._get()

    def do_POST(self) -> None:
        """Take what a guard says of itself."""
        with contextlib.suppress(OSError, ValueError):
            said = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
            self._silence()
            with self.plane._changed:  # noqa: SLF001
                self.plane._applied[str(said.get("instance"))] = int(said.get("generation", 0))  # noqa: SLF001
                self.plane._changed.notify_all()  # noqa: SLF001
            self.send_response(204)
            self.end_headers()

    def _get(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        topic = Topic(query.get("environment", "production"), query.get("model", ""))
        self._silence()
        match parts.path.removeprefix(PATHS):
            case "snapshot/keys":
                keys = {"keys": [self.plane.keys], "handovers": []}
                self._answer(json.dumps(keys).encode())
            case "snapshot/stream":
                self._stream(topic)
            case "snapshot":
                self._answer(self.plane._spoilt(self.plane._snapshot(topic).whole))  # noqa: SLF001
            case _:
                self.send_error(404)

    def _silence(self) -> None:
        """Wait while nothing is to be said."""
        plane = self.plane
        with plane._changed:  # noqa: SLF001
            plane._changed.wait_for(lambda: plane._mood is not Mood.SILENT)  # noqa: SLF001

    def _answer(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", JSON)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self._send(data)

    def _stream(self, topic: Topic) -> None:
        self.send_response(200)
        self.send_header("Content-Type", EVENTS)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        plane, seen = self.plane, None
        while plane._mood is not Mood.DOWN:  # noqa: SLF001
            self._silence()
            snapshot = plane._snapshot(topic)  # noqa: SLF001
            if snapshot.body != seen:
                self._send(plane._spoilt(snapshot.as_event))  # noqa: SLF001
                seen = snapshot.body
            else:
                self._send(b": beat\n\n")
            with plane._changed:  # noqa: SLF001
                if plane._now.generation == snapshot.at.generation:  # noqa: SLF001
                    plane._changed.wait(BEAT_S)  # noqa: SLF001

    def _send(self, data: bytes) -> None:
        if self.plane._mood is not Mood.SLOW:  # noqa: SLF001
            self.wfile.write(data)
        for place in range(0, len(data) if self.plane._mood is Mood.SLOW else 0, DROP):  # noqa: SLF001
            self.wfile.write(data[place : place + DROP])
            self.wfile.flush()
            threading.Event().wait(DROPS_EACH_S)
        self.wfile.flush()
