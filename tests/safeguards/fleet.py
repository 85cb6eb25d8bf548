"""Guards' service accounts and tokens, and what a guard does on the wire, without one."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from modelwarden.access import actions
from modelwarden.guard.snapshot import Floor, PinnedKeys, accept
from modelwarden.ledger.keys import PublicKey
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    import httpx

    from modelwarden.guard.snapshot import Snapshot
    from modelwarden.store.change import Change
    from modelwarden.warden.warden import Warden
    from tests.api.town import Town

ROOT: Final = "/api/governance"
ROLE: Final = "guard"
PURPOSE: Final = "predicts which customers leave next month"


def guard_token(
    warden: Warden,
    *,
    owner: str,
    model: str = "churn",
    permissions: Sequence[str] = ("guard.read", "guard.report"),
) -> str:
    """Return a token for guards of one model, as an administrator sets it up."""
    name = f"guards-{model}-{uuid4().hex[:8]}"

    def issue(change: Change) -> str:
        actions.define_role(change, f"{ROLE}-{name}"[:64], permissions=permissions)
        actions.add_service_account(change, name, owner=owner)
        actions.grant(change, name, f"{ROLE}-{name}"[:64], scope={"model": model})
        return actions.create_token(change, user=name, days=30).secret

    secret: str = warden.change(system("test"), issue)
    return secret


def two_models(town: Town) -> Town:
    """Register churn and fraud."""
    for model in ("churn", "fraud"):
        body = {"name": model, "owner": "alice", "business_purpose": PURPOSE}
        assert town.call("alice", "POST", "/models", body).status_code == 201
    return town


def stop(town: Town, **scope: Any) -> tuple[str, int]:  # noqa: ANN401 - any JSON
    """Return the id of a new switch, and the number of its entry."""
    body = {"scope": {"model": "churn", "segment": uuid4().hex, **scope}, "reason": "PSI 0.61"}
    answer = town.call("dave", "POST", "/kill-switches", body)
    assert answer.status_code == 201
    return answer.json()["id"], int(answer.headers["Governance-Entry"])


def post(town: Town, token: str, body: dict[str, Any]) -> httpx.Response:
    return town.http.post(f"{ROOT}/snapshot/applied", json=body, headers=bearer(token))


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} | more


def report(snapshot: Mapping[str, Any], **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return what a guard posts that has applied a snapshot, given as its head."""
    return {
        "instance": str(uuid4()),
        "host": "web-1",
        "pid": 311,
        "model": snapshot["model"],
        "environment": snapshot["environment"],
        "epoch": snapshot["epoch"],
        "generation": snapshot["generation"],
        "source": "stream",
        "applied_ms": 1.5,
        "age_s": 0.2,
        "state": "fresh",
        "versions": [],
        "rejected": None,
        "counts": {},
    } | fields


def fetched(
    http: httpx.Client, token: str, *, model: str = "churn", **query: str | int
) -> httpx.Response:
    params = {"model": model, **query}
    return http.get(f"{ROOT}/snapshot", params=params, headers=bearer(token))


def pinned(http: httpx.Client, token: str) -> PinnedKeys:
    """Fetch the server's keys, as a guard that trusts its first contact."""
    found = http.get(f"{ROOT}/snapshot/keys", headers=bearer(token)).json()
    return PinnedKeys(tuple(PublicKey.from_pem(each) for each in found["keys"]))


def taken(
    data: bytes, keys: PinnedKeys, *, model: str = "churn", floor: Floor | None = None
) -> Snapshot:
    """Accept a snapshot by the guard's own rules."""
    return accept(
        data,
        verify=keys.verify,
        environment="production",
        model=model,
        floor=floor or Floor(),
    )


def head_of(data: bytes) -> dict[str, Any]:
    payload = base64.b64decode(json.loads(data)["head"]["payload"])
    found: dict[str, Any] = json.loads(payload)
    return found


@dataclass
class Event:
    """One server-sent event."""

    name: str = ""
    id: str = ""
    data: bytes = b""


@dataclass
class Listener:
    """One open stream: a socket of its own."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int = 0
    events: list[Event] = field(default_factory=list)

    async def next(self, name: str | None = None) -> Event:
        """Return the next event, of this name if one is given; comments are passed by."""
        while True:
            event = await self._event()
            if event.name and (name is None or event.name == name):
                return event

    async def _event(self) -> Event:
        event = Event()
        while (line := await self._line()) != b"":
            key, _, value = line.partition(b": ")
            if key == b"event":
                event.name = value.decode()
            elif key == b"id":
                event.id = value.decode()
            elif key == b"data":
                event.data = value
        return event

    async def _line(self) -> bytes:
        line = await self.reader.readuntil(b"\n")
        return line.rstrip(b"\r\n")

    def close(self) -> None:
        self.writer.close()


class _Chunks(asyncio.StreamReader):
    """Reads what a chunked answer carries."""

    def __init__(self, inner: asyncio.StreamReader) -> None:
        super().__init__(limit=2**23)
        self.pump = asyncio.ensure_future(self._pump(inner))

    async def _pump(self, inner: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while size := int((await inner.readuntil(b"\r\n")).strip() or b"0", 16):
                self.feed_data(await inner.readexactly(size))
                await inner.readexactly(2)
        self.feed_eof()


async def listen(
    url: str, token: str, *, model: str = "churn", seen: str | None = None, name: str = ""
) -> Listener:
    """Open a stream over a socket of its own."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**16)
    headers = {"Host": parts.netloc, **bearer(token)}
    headers |= {"Modelwarden-Instance": name or str(uuid4())}
    headers |= {} if seen is None else {"Last-Event-ID": seen}
    lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    writer.write(f"GET {ROOT}/snapshot/stream?model={model} HTTP/1.1\r\n{lines}\r\n".encode())
    await writer.drain()
    status = int((await reader.readuntil(b"\r\n")).split()[1])
    while (await reader.readuntil(b"\r\n")).strip():
        pass
    return Listener(_Chunks(reader), writer, status)


@contextlib.asynccontextmanager
async def listening(url: str, token: str, **how: str) -> AsyncIterator[Listener]:
    listener = await listen(url, token, **how)
    try:
        yield listener
    finally:
        listener.close()
        listener.reader.pump.cancel()  # type: ignore[attr-defined]
