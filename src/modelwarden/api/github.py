"""Where GitHub delivers its events (RL-50). Each is a hint alone: what it is about is read again by API."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.api.bodies import StreamRoute
from modelwarden.api.caller import Caller, Public, may
from modelwarden.api.limits import Rate
from modelwarden.api.shapes import answers
from modelwarden.deployments.github.hook import MOST_BYTES
from modelwarden.errors import BodyTooLarge, WebhookInvalid

router = APIRouter(
    prefix="/api/governance/integrations/github", route_class=StreamRoute, tags=["integrations"]
)


@router.post("/webhook", status_code=204, responses=answers(None, status=204))
async def deliver(
    request: Request, caller: Annotated[Caller, may(Public("github"), rate=Rate.TELEMETRY)]
) -> Response:
    """Take a signed event, and read soon what it is about. Its signature is checked over the raw bytes."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MOST_BYTES:
            raise BodyTooLarge(f"at most {MOST_BYTES:,} bytes here")
    github = caller.host.warden.github
    if github is None:
        raise WebhookInvalid("no repository at GitHub is set up here")
    await caller.host.read(partial(github.hooks.take, request.headers, bytes(data)))
    return Response(status_code=204)
