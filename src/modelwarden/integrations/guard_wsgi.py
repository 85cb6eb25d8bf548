"""A guard in front of a WSGI program (SG-55); for Flask see `guard_flask`, which knows the routes.

    app = GuardWSGI(app, guard=guard, endpoints={"/score": "score"})

It does what `guard_asgi` does: 503 for a request that a switch blocks, 429 over a limit, the header
`Modelwarden-Decision` on every other answer, bodies as they are. Importing this needs the standard library alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from modelwarden.guard.decision import Decision
    from modelwarden.guard.gate import Gate
    from modelwarden.guard.guard import Guard
    from modelwarden.guard.limits import Limits
    from modelwarden.guard.visit import Visit

Environ = dict[str, Any]
Start = Callable[..., Callable[[bytes], object]]
App = Callable[[Environ, Start], Iterable[bytes]]
Extract = Callable[[Environ], object]


class GuardWSGI:
    """The program, guarded; the arguments are those of `GuardASGI`, and extractors get the environ."""

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

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        """Answer a request."""
        if environ.get("PATH_INFO", "") in self._passes or environ["REQUEST_METHOD"] == "OPTIONS":
            return self._app(environ, start_response)
        visit = self._gate.enter(environ)
        answer = _Answer(self._gate, visit, environ, start_response)
        try:
            if visit.refused is not None:
                return answer.refuse(visit.refused)
            return answer.over(self._app(environ, answer.start))
        except (PredictionBlocked, PredictionLimited) as error:
            answer.close()
            if visit.started:
                raise
            return answer.refuse(decision_of(error, visit, generation=self._gate.generation))
        except BaseException:
            answer.close()
            raise


class _Answer:
    """One answer on its way out. It is what the server iterates, unless the program gave a list."""

    def __init__(self, gate: Gate, visit: Visit, environ: Environ, start_response: Start) -> None:
        self._gate, self._visit = gate, visit
        self._environ, self._start_response = environ, start_response
        self._body: Iterable[bytes] = ()
        self._parts: Iterator[bytes] | None = None
        self._instead: list[bytes] | None = None

    def start(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,  # noqa: ANN401 - PEP 3333
    ) -> Callable[[bytes], object]:
        """Begin the answer, its decision told, or another one instead (PEP 3333)."""
        visit, gate = self._visit, self._gate
        visit.started = True
        if (refused := gate.stopped(visit)) is not None:
            self._instead = self.refuse(refused)
        if self._instead is not None:
            return _dropped
        value = header_of(visit, generation=gate.generation)
        if any(name.lower() == HEADER.lower() for name, _ in headers):
            value = f"{value};model={bare(gate.model)}"
        told_too = [*headers, (HEADER, value)]
        if exc_info is None:
            return self._start_response(status, told_too)
        return self._start_response(status, told_too, exc_info)

    def refuse(self, decision: Decision) -> list[bytes]:
        """Answer that there is no prediction."""
        found = problem(decision)
        headers = [
            ("Content-Type", PROBLEM),
            ("Content-Length", str(len(found.body))),
            ("Retry-After", found.retry_after),
            ("Cache-Control", "no-store"),
            (HEADER, header(decision)),
        ]
        self._start_response(f"{found.status} {HTTPStatus(found.status).phrase}", headers)
        if self._parts is None:
            self._gate.leave(self._visit)
        return [] if self._environ["REQUEST_METHOD"] == "HEAD" else [found.body]

    def over(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Return what the server sends: the program's own list, or its parts as they come."""
        if type(body) in {list, tuple} and self._visit.started:
            self._gate.leave(self._visit)
            return body if self._instead is None else self._instead
        self._body = body
        self._parts = iter(body)
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._parts is None:
            raise StopIteration
        if self._instead is not None:
            return self._next_instead()
        try:
            part = next(self._parts)
        except (PredictionBlocked, PredictionLimited) as error:
            if self._visit.started:
                raise
            found = decision_of(error, self._visit, generation=self._gate.generation)
            self._instead = self.refuse(found)
        else:
            if self._instead is None:
                return part
        return self._next_instead()

    def _next_instead(self) -> bytes:
        if not self._instead:
            raise StopIteration
        return self._instead.pop()

    def close(self) -> None:
        """Close the program's own answer, and end the visit."""
        self._gate.leave(self._visit)
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


def sources_of(
    endpoints: Mapping[str, str] | None,
    extract: Mapping[str, Extract] | None,
    headers: Mapping[str, str] | None,
) -> dict[str, Extract]:
    """Return by dimension what reads it off an environ."""
    by_path: dict[str, Extract] = {}
    if endpoints is not None:
        by_path["endpoint"] = lambda environ: endpoints.get(environ.get("PATH_INFO", ""))
    by_header = {
        dimension: partial(_header_value, name="HTTP_" + name.upper().replace("-", "_"))
        for dimension, name in (headers or {}).items()
    }
    return {**by_path, **by_header, **(extract or {})}


def _header_value(environ: Environ, *, name: str) -> str | None:
    return told(environ.get(name))


def _dropped(_data: bytes) -> None:
    """Send nothing: another answer stands in for this one."""
