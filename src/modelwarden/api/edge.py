"""The edge of the app, as plain ASGI: protecting headers, a deadline, and the last resort (AC-71, AC-75)."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelwarden.api.problems import problem
from modelwarden.errors import HeadersTooLarge, RequestInvalid, TooSlow, WardenError

DEADLINE_S: Final = 30.0
HEADER_BYTES: Final = 16 * 1024
ROOT: Final = "/api/governance"
LONG: Final = (
    f"{ROOT}/artifacts/",
    f"{ROOT}/audit-log/export",
    f"{ROOT}/audit-log/verify",
    f"{ROOT}/snapshot",
)
"""What may take longer, by how its path begins: uploads, what reads the whole ledger, and what guards listen to."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
NO_STORE: Final = (b"cache-control", b"no-store")
STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")
LOG: Final = logging.getLogger("modelwarden.api")


class Edge:
    """Stands around the whole app and counts its answers by class of status."""

    def __init__(
        self, app: ASGIApp, *, answers: Counter[str], deadline_s: float = DEADLINE_S
    ) -> None:
        self._app = app
        self._deadline_s = deadline_s
        self.answers: Final = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens inside."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = _Guarded(self, scope, send)
        try:
            refused = _refused(scope)
            if refused is not None:
                await guarded.answer(refused, receive)
                return
            deadline_s = None if scope["path"].startswith(LONG) else self._deadline_s
            async with asyncio.timeout(deadline_s):
                await self._app(scope, receive, guarded.send)
        except TimeoutError:
            late = TooSlow("no answer in time; a write may still be done: ask, or repeat it")
            await guarded.answer(late, receive)
        except Exception:  # the edge: whatever a route did not foresee
            LOG.exception("a request failed")
            await guarded.answer(
                WardenError("something failed here; nothing more is known"), receive
            )


class _Guarded:
    """One answer on its way out."""

    def __init__(self, edge: Edge, scope: Scope, send: Send) -> None:
        self._edge, self._scope, self._send = edge, scope, send
        self.started = False

    async def send(self, message: Message) -> None:
        """Pass a message on; the first gets the headers."""
        if message["type"] == "http.response.start":
            self.started = True
            self._edge.answers[f"{message['status'] // 100}xx"] += 1
            headers = message["headers"] = [*message.get("headers", ()), *HEADERS]
            if not any(name == NO_STORE[0] for name, _ in headers):
                headers.append(NO_STORE)
            if self._scope.get("scheme") == "https":
                headers.append(STRICT_TRANSPORT)
        await self._send(message)

    async def answer(self, error: WardenError, receive: Receive) -> None:
        """Answer with a problem, unless an answer is under way."""
        if not self.started:
            response: Response = problem(Request(self._scope), error)
            await response(self._scope, receive, self.send)


def _refused(scope: Scope) -> WardenError | None:
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        return RequestInvalid((("path", "no NUL character"),))
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
        return HeadersTooLarge(f"headers may have {HEADER_BYTES:,} bytes in all")
    return None
