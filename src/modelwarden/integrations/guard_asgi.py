"""A guard in front of an ASGI program: Starlette, FastAPI, or any other (SG-55).

    app.add_middleware(GuardASGI, guard=guard, extract={"consumer": lambda scope: scope["user"].name})
    app = GuardASGI(app, guard=guard, endpoints={"/score": "score"})

A request that a switch blocks is answered 503, one over a limit 429, and its body is not read. Every other answer
carries the header `Modelwarden-Decision`; bodies pass as they are. Values are predicted and replaced within, by
`guard.protect`; what of that went otherwise, the header tells. Exceptions of the program pass through, but for
PredictionBlocked and PredictionLimited, which are answered. Importing this needs the standard library alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelwarden.errors import PredictionBlocked, PredictionLimited
from modelwarden.guard.visit import Visit
from modelwarden.integrations.guard_replies import (
    HEADER,
    PROBLEM,
    bare,
    decision_of,
    header,
    header_of,
    problem,
    told,
)
from modelwarden.integrations.route_template import template_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from modelwarden.guard.decision import Decision
    from modelwarden.guard.guard import Guard
    from modelwarden.guard.held import Held
    from modelwarden.guard.limits import Limits

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Extract = Callable[[Scope], object]
Headers = Iterable[tuple[bytes, bytes]]

NAME: Final = HEADER.lower().encode()
TRY_AGAIN_LATER: Final = 1013
"""The close code of a WebSocket that a switch blocks (RFC 6455, registry of close codes)."""


class GuardASGI:
    """The program, guarded.

    Args:
        app: the program.
        guard: whose switches count.
        endpoints: names of endpoints by exact path; without it, the template of the route is the name.
        extract: by dimension, what reads its value off a scope; `key` for what callers are told apart by.
        headers: by dimension, the header that says it. Whoever calls can write headers: name only what a proxy of
            yours sets.
        passes: paths that are not guarded, as those of health checks.
        limits: how many requests are let in.
        leaves: dimensions that only `guard.protect` within knows; see `guard.gate`.
    """

    def __init__(  # noqa: PLR0913 - each is said once per program
        self,
        app: App,
        *,
        guard: Guard,
        endpoints: Mapping[str, str] | None = None,
        extract: Mapping[str, Extract] | None = None,
        headers: Mapping[str, str] | None = None,
        passes: Collection[str] = (),
        limits: Limits | None = None,
        leaves: Collection[str] = (),
    ) -> None:
        self._app = app
        self._passes = frozenset(passes)
        self._gate = guard.gate(
            sources_of(endpoints, extract, headers), limits=limits, leaves=leaves
        )
        self.holder: Final = self._gate.holder
        self.clean: tuple[Held | None, tuple[bytes, bytes]] = (None, (NAME, b""))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, a WebSocket, or whatever else a server asks."""
        if scope["type"] != "http" or scope["path"] in self._passes or scope["method"] == "OPTIONS":
            await self._other(scope, receive, send)
            return
        gate, app = self._gate, self._app
        visit = _Telling()
        visit.door, visit.scope, visit.send = self, scope, send
        gate.admit(visit, scope)
        try:
            if visit.refused is None:
                await app(scope, receive, visit.tell)
            else:
                await _refuse(visit.refused, scope, send)
        except (PredictionBlocked, PredictionLimited) as error:
            if visit.started:
                raise
            found = decision_of(error, visit, generation=gate.generation)
            await _refuse(found, scope, send)
        finally:
            gate.leave(visit)

    def told(self, visit: Visit, headers: Headers) -> bytes:
        """Return the header's value for what became of a request; behind another guard's, the model is named."""
        held = self.holder.held
        value = header_of(visit, generation=held.generation)
        if any(name == NAME for name, _ in headers):
            return f"{value};model={bare(self._gate.model)}".encode("ascii")
        found = value.encode("ascii")
        if visit.decision is None:
            self.clean = held, (NAME, found)
        return found

    def stopped(self, visit: Visit) -> Decision | None:
        """Return why an answer must not go out that is about to."""
        return self._gate.stopped(visit)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket" or scope["path"] in self._passes:
            await self._app(scope, receive, send)  # asking what is allowed predicts nothing
            return
        visit = self._gate.enter(scope)
        try:
            await self._converse(visit, scope, receive, send)
        finally:
            self._gate.leave(visit)

    async def _converse(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        if visit.refused is not None:
            await receive()  # websocket.connect
            await send({"type": "websocket.accept"})  # else no client gets to see the code
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": "blocked"})
            return
        await self._app(scope, receive, partial(self._say, visit, send))

    async def _say(self, visit: Visit, send: Send, message: Message) -> None:
        """Send one message of a WebSocket, or close it where a switch came meanwhile."""
        if visit.refused is not None:
            return
        if message["type"] == "websocket.send" and self._gate.stopped(visit) is not None:
            message = {"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": "blocked"}
        await send(message)


class _Telling(Visit):
    """A request whose answer tells the decision. `tell` is plain, as it is called for each part of an answer."""

    __slots__ = ("door", "scope", "send")

    door: GuardASGI
    scope: Scope
    send: Send

    def tell(self, message: Message) -> Awaitable[None]:
        """Send a part of the answer; its start with the header, or another answer instead."""
        send = self.send
        if message["type"] != "http.response.start":
            return send(message) if self.refused is None else _nothing()
        self.started = True
        held, ours = self.door.clean
        headers = [*message.get("headers", ())]
        if self.is_quiet and self.held is held and self.door.holder.held is held:
            for name, _ in headers:
                if name == NAME:
                    break
            else:
                headers.append(ours)
                return send({**message, "headers": headers})
        refused = self.door.stopped(self)
        if refused is not None:
            return _refuse(refused, self.scope, send)
        headers.append((NAME, self.door.told(self, headers)))
        return send({**message, "headers": headers})


def sources_of(
    endpoints: Mapping[str, str] | None,
    extract: Mapping[str, Extract] | None,
    headers: Mapping[str, str] | None,
) -> dict[str, Extract]:
    """Return by dimension what reads it off a scope."""
    named: Extract = template_of
    if endpoints is not None:
        named = lambda scope: endpoints.get(scope["path"])  # noqa: E731
    by_header = {
        dimension: partial(_header_value, name=name.lower().encode("ascii"))
        for dimension, name in (headers or {}).items()
    }
    return {"endpoint": named, **by_header, **(extract or {})}


def _header_value(scope: Scope, *, name: bytes) -> str | None:
    """Return what a header says; one that is there twice says nothing."""
    found = [value for key, value in scope["headers"] if key.lower() == name]
    return told(found[0].decode("latin-1")) if len(found) == 1 else None


async def _refuse(decision: Decision, scope: Scope, send: Send) -> None:
    status, retry_after, body = problem(decision)
    headers = [
        (b"content-type", PROBLEM.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", retry_after.encode()),
        (b"cache-control", b"no-store"),
        (NAME, header(decision).encode("ascii")),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if scope["method"] == "HEAD":
        body = b""
    await send({"type": "http.response.body", "body": body})


async def _nothing() -> None:
    """Send nothing: another answer stands in for this one."""
