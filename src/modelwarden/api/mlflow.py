"""Where MLflow's webhooks come in, and where somebody has its registry looked at now (RL-56)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.api.bodies import StreamRoute, StrictRoute
from modelwarden.api.caller import Caller, Public, may
from modelwarden.api.replies import json_reply
from modelwarden.api.shapes import answers
from modelwarden.deployments.actions import may_sync_mlflow
from modelwarden.errors import BodyTooLarge
from modelwarden.permissions import Permission
from modelwarden.values.mlflow import MlflowSyncAnswer

PREFIX: Final = "/api/governance/integrations/mlflow"
router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["integrations"])
hook = APIRouter(prefix=PREFIX, route_class=StreamRoute, tags=["integrations"])

MOST_BYTES: Final = 1_048_576


@hook.post("/webhook", status_code=204, responses=answers(None, status=204))
async def webhook(request: Request, caller: Annotated[Caller, may(Public("mlflow"))]) -> Response:
    """Take a signed hint that MLflow's registry changed, and look soon. It is checked over the raw bytes."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MOST_BYTES:
            raise BodyTooLarge(f"at most {MOST_BYTES:,} bytes here")
    warden = caller.host.warden
    take = partial(warden.mlflow.hints.take, request.headers, bytes(data), now=warden.clock.now())
    await caller.prepare(take)
    return Response(status_code=204)


@router.post("/sync", responses=answers(MlflowSyncAnswer))
async def sync(caller: Annotated[Caller, may(Permission.MODEL_REGISTER)]) -> Response:
    """Look at MLflow's registry now, as is done each minute, and say what came of it."""
    await caller.look(may_sync_mlflow)
    return json_reply(await caller.prepare(caller.host.warden.mlflow.sync))
