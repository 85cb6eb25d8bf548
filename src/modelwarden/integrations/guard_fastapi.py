"""A guard as a dependency of FastAPI, for single routes, and the decision within reach of a handler (SG-55).

    Seen = Annotated[Visit, guarded(guard)]

    @app.post("/score/{customer}")
    async def score(customer: str, seen: Seen) -> dict[str, object]:
        value = predict(…)                  # guard.protect
        return {"score": value, "how": seen.decision}

    answer_refusals(app)

It stands behind the router, so the endpoint is the route's template. A blocked request raises PredictionBlocked, which
`answer_refusals` or a `GuardASGI` in front answers. The header is `GuardASGI`'s alone to add.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from fastapi import Depends
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from modelwarden.errors import PredictionBlocked, PredictionLimited
from modelwarden.guard.decision import refusal
from modelwarden.guard.visit import Visit
from modelwarden.integrations.guard_asgi import sources_of
from modelwarden.integrations.guard_replies import HEADER, PROBLEM, decision_of, header, problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from starlette.applications import Starlette

    from modelwarden.guard.guard import Guard
    from modelwarden.guard.limits import Limits
    from modelwarden.integrations.guard_asgi import Extract


def guarded(
    guard: Guard,
    *,
    extract: Mapping[str, Extract] | None = None,
    headers: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    leaves: Collection[str] = (),
) -> Any:  # noqa: ANN401 - what FastAPI's Depends returns
    """Return a dependency that lets a request in, or raises; its value is the visit. Arguments as of `GuardASGI`."""
    gate = guard.gate(sources_of(None, extract, headers), limits=limits, leaves=leaves)

    async def entered(connection: HTTPConnection) -> AsyncIterator[Visit]:
        visit = gate.enter(connection.scope)
        try:
            if visit.refused is not None:
                raise refusal(visit.refused)
            yield visit
            if (stopped := gate.stopped(visit)) is not None:
                raise refusal(stopped)
        finally:
            gate.leave(visit)

    return Depends(entered, scope="function")  # it ends before the answer goes out


def answer_refusals(app: Starlette) -> None:
    """Answer PredictionBlocked and PredictionLimited, from wherever in the app they come: 503 and 429."""

    def answered(_request: Request, error: Any) -> Response:  # noqa: ANN401 - one of the two
        decision = decision_of(error)
        found = problem(decision)
        told = {
            "Retry-After": found.retry_after,
            "Cache-Control": "no-store",
            HEADER: header(decision),
        }
        return Response(found.body, found.status, told, media_type=PROBLEM)

    app.add_exception_handler(PredictionBlocked, answered)
    app.add_exception_handler(PredictionLimited, answered)
