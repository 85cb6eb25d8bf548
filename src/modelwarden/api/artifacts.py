"""Routes of uploaded artifacts: streamed, named by their digest (RL-4)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.api.bodies import StreamRoute
from modelwarden.api.caller import Caller, may
from modelwarden.api.shapes import answers
from modelwarden.errors import NotFound
from modelwarden.permissions import Permission
from modelwarden.registry import actions
from modelwarden.registry.answers import upload_answer
from modelwarden.values.answers import UploadAnswer
from modelwarden.values.ids import Digest

router = APIRouter(prefix="/api/governance/artifacts", route_class=StreamRoute, tags=["artifacts"])


@router.head("/{sha256}", responses=answers(bytes))
async def held(sha256: str, caller: Annotated[Caller, may(Permission.ARTIFACT_WRITE)]) -> Response:
    """Say whether the server has these bytes: 200 or 404."""
    await caller.look(actions.may_upload)
    settings = caller.host.warden.settings
    step = partial(actions.upload_size, settings, Digest(sha256))
    size_bytes = await caller.prepare(step)
    if size_bytes is None:
        raise NotFound("artifact", sha256)
    return Response(headers={"X-Size-Bytes": str(size_bytes)})


@router.put("/{sha256}", status_code=201, responses=answers(UploadAnswer, status=201))
async def upload(
    sha256: str, request: Request, caller: Annotated[Caller, may(Permission.ARTIFACT_WRITE)]
) -> Response:
    """Keep the bytes of the body under their SHA-256; anything else is refused and leaves nothing."""
    await caller.look(actions.may_upload)
    size_bytes = await _received(caller, Digest(sha256), request)
    action = partial(actions.record_upload, sha256=Digest(sha256), size_bytes=size_bytes)
    return await caller.write(action, upload_answer, status=201)


async def _received(caller: Caller, sha256: Digest, request: Request) -> int:
    """Write the parts as they come; hashing and writing them happens off the event loop."""
    settings: Any = caller.host.warden.settings
    loop = asyncio.get_running_loop()
    with await loop.run_in_executor(None, actions.Upload, settings, sha256) as incoming:
        async for part in request.stream():
            if part:
                await loop.run_in_executor(None, incoming.write, part)
        return await loop.run_in_executor(None, incoming.finish)
