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
    from modelwarden.guard.limits import Limits
    from modelwarden.guard.visit import Visit

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
        self._clean: tuple[int, bytes] = (-1, b"")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, a WebSocket, or whatever else a server asks."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        if scope["path"] in self._passes or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)  # asking what is allowed predicts nothing
            return
        gate = self._gate
        visit = gate.enter(scope)
        try:
            if visit.refused is None:
                await self._app(scope, receive, self._telling(visit, scope, send))
            else:
                await _refuse(visit.refused, scope, send)
        except (PredictionBlocked, PredictionLimited) as error:
            if visit.started:
                raise
            found = decision_of(error, visit, generation=gate.generation)
            await _refuse(found, scope, send)
        finally:
            gate.leave(visit)

    def _telling(self, visit: Visit, scope: Scope, send: Send) -> Send:
        """Return what sends an answer, its decision told; a plain function, as it is called for each part."""
        gate, holder = self._gate, self._gate.holder

        def tell(message: Message) -> Awaitable[None]:
            if message["type"] != "http.response.start":
                return send(message) if visit.refused is None else _nothing()
            visit.started = True
            held = holder.held
            if held[0] is not visit.rules or visit.pending:  # as `stopped` asks, without its call
                refused = gate.stopped(visit)
                if refused is not None:
                    return _refuse(refused, scope, send)
            headers = message.get("headers", ())
            generation, value = self._clean
            if visit.decision is not None or generation != held[5] or _has_ours(headers):
                value = self._told(visit, headers)
            return send({**message, "headers": [*headers, (NAME, value)]})

        return tell

    def _told(self, visit: Visit, headers: Headers) -> bytes:
        """Return the header; behind another guard's, the model is named."""
        generation = self._gate.generation
        value = header_of(visit, generation=generation)
        if _has_ours(headers):
            return f"{value};model={bare(self._gate.model)}".encode("ascii")
        told = value.encode("ascii")
        if visit.decision is None:
            self._clean = generation, told
        return told

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket" or scope["path"] in self._passes:
            await self._app(scope, receive, send)
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


def _has_ours(headers: Headers) -> bool:
    for name, _ in headers:  # noqa: SIM110 - any() costs as much as all the rest of a start
        if name == NAME:
            return True
    return False


async def _nothing() -> None:
    """Send nothing: another answer stands in for this one."""
