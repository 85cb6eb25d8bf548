"""What tests of guarded web programs share: a guard on a file, and what calls an ASGI program as a server does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx

from modelwarden.integrations.guard_replies import HEADER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.integrations.guard_asgi import App

NAME: Final = HEADER.lower().encode()


@dataclass
class Answer:
    """What a program sent, message by message."""

    sent: list[Any] = field(default_factory=list)
    received: int = 0

    @property
    def start(self) -> Any:
        (found,) = [one for one in self.sent if one["type"] == "http.response.start"]
        return found

    @property
    def status(self) -> int:
        status: int = self.start["status"]
        return status

    @property
    def body(self) -> bytes:
        return b"".join(one.get("body", b"") for one in self.sent)

    @property
    def told(self) -> list[str]:
        """The values of our header."""
        return [value.decode() for name, value in self.start["headers"] if name == NAME]

    def header(self, name: str) -> str | None:
        found = dict(self.start["headers"]).get(name.encode())
        return None if found is None else found.decode()


def ask(app: App, path: str = "/score", *, inputs: Sequence[Any] = (), **scope: Any) -> Answer:
    """Ask as a server does."""
    answer = Answer()
    asked = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    waiting = [*inputs, {"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        answer.received += 1
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answer.sent.append(message)

    asyncio.run(app(asked | scope, receive, send))  # type: ignore[arg-type]
    return answer


@dataclass(frozen=True)
class Caller:
    """Calls a whole program, as a client over a wire does."""

    app: Any

    def get(self, path: str, **headers: str) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(call())


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """Answer in two parts, as one that streams."""
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"0.", "more_body": True})
    await send({"type": "http.response.body", "body": b"4"})
