"""Where a webhook target says which bytes it serves by (RL-40). It has no token: it signs, as we sign what it gets."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.api.bodies import StreamRoute
from modelwarden.api.caller import Caller, Public, may
from modelwarden.api.shapes import answers
from modelwarden.deployments import actions
from modelwarden.deployments.targets.answers import target_answer
from modelwarden.errors import BodyTooLarge
from modelwarden.notify.targets import said
from modelwarden.values.answers import TargetAnswer

router = APIRouter(
    prefix="/api/governance/integrations/targets", route_class=StreamRoute, tags=["integrations"]
)

MOST_BYTES: Final = 4_096


@router.post("/{target}/acknowledge", responses=answers(TargetAnswer))
async def acknowledge(
    target: str, request: Request, caller: Annotated[Caller, may(Public("target"))]
) -> Response:
    """Take a target's signed word of which bytes it serves by. Its signature is checked over the raw bytes."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MOST_BYTES:
            raise BodyTooLarge(f"at most {MOST_BYTES:,} bytes here")
    heard = partial(said, target=target, headers=dict(request.headers), body=bytes(data))
    word = await caller.look(heard)
    action = partial(actions.acknowledge, step=word.step, reported=word.reported)
    return await caller.write(action, target_answer)
