"""Where a ServiceNow instance pushes that a change moved (RL-53). It is a hint alone: the change is read by API.

So a message that comes twice does no harm, and one that is lost costs a minute.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.api.bodies import StreamRoute
from modelwarden.api.caller import Caller, Public, may
from modelwarden.api.shapes import answers
from modelwarden.deployments.servicenow.opening import push_secrets
from modelwarden.errors import BodyTooLarge, WebhookInvalid
from modelwarden.notify.webhook import verify_webhook

router = APIRouter(
    prefix="/api/governance/integrations/servicenow", route_class=StreamRoute, tags=["integrations"]
)

MOST_BYTES: Final = 65_536


@router.post("/webhook", status_code=204, responses=answers(None, status=204))
async def push(request: Request, caller: Annotated[Caller, may(Public("servicenow"))]) -> Response:
    """Take a signed hint that a change moved, and read it soon. Its signature is checked over the raw bytes."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MOST_BYTES:
            raise BodyTooLarge(f"at most {MOST_BYTES:,} bytes here")
    warden = caller.host.warden
    if warden.servicenow is None:
        raise WebhookInvalid("no ServiceNow instance is set up here")
    secrets = await caller.prepare(partial(push_secrets, warden.settings))
    verify_webhook(request.headers, bytes(data), secrets, now=warden.clock.now())
    warden.servicenow.hint()
    return Response(status_code=204)
