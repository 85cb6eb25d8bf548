"""Routes of drift: what guards counted comes in, and how far it lies from the reference goes out (SG-49, SG-50)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, may
from modelwarden.api.limits import Rate
from modelwarden.api.shapes import Shape, Word, answers
from modelwarden.guard.drift_flush import read_parsed
from modelwarden.permissions import Permission
from modelwarden.safeguards import actions
from modelwarden.safeguards.drift.reads import drift_answer
from modelwarden.values.drift import DriftAnswer

router = APIRouter(prefix="/api/governance", route_class=StrictRoute, tags=["guards"])

Name = Annotated[str, Query(min_length=1, max_length=128)]


class Flush(Shape):
    """Body of POST drift: what one guard counted of one version's features since it last told."""

    model: Word
    environment: Word = "production"
    version: Word
    dimension: Word | None = None
    flush: Annotated[dict[str, Any], Field(max_length=16)]

    def value(self) -> actions.ToldDrift:
        """Return what the action takes. Raises DriftInvalid."""
        return actions.ToldDrift(
            topic=actions.Topic(self.environment, self.model),
            version=self.version,
            dimension=self.dimension,
            flush=read_parsed(self.flush),
        )


@router.post("/drift", status_code=204, responses=answers(None, status=204))
async def flush(
    body: Flush, caller: Annotated[Caller, may(Permission.GUARD_REPORT, rate=Rate.TELEMETRY)]
) -> Response:
    """Add what a guard counted, once: heard again it changes nothing."""
    told = body.value()
    counted = await caller.look(partial(actions.accept_flush, told=told))
    await asyncio.wrap_future(caller.host.warden.drift.take(counted))
    return Response(status_code=204)


@router.get("/drift", responses=answers(DriftAnswer))
async def drift(
    caller: Annotated[Caller, may(Permission.MODEL_READ)],
    model: Name,
    version: Name,
    *,
    environment: Name = "production",
    window: Annotated[str, Query(max_length=8)] = "10m",
    by: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
) -> Response:
    """Show how far a version's features lie from its reference, worst first; by values of a dimension."""
    action = partial(
        actions.drift, model=model, version=version, environment=environment, window=window, by=by
    )
    return await caller.read(action, drift_answer)
