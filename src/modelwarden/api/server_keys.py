"""Routes of the server's own keys."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter
from starlette.responses import Response

from modelwarden.access import actions
from modelwarden.access.answers import server_key_answer, server_keys_answer
from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, may
from modelwarden.api.shapes import Moment, Shape, Word, answers, pages
from modelwarden.errors import NotFound
from modelwarden.permissions import Permission
from modelwarden.values.answers import ServerKeyAnswer

router = APIRouter(
    prefix="/api/governance/server-keys", route_class=StrictRoute, tags=["server keys"]
)


class KeyRevocation(Shape):
    """Body of POST server-keys/{purpose}/revoke: which older key, and since when it is not to be believed."""

    key: Word
    since: Moment


@router.get("", responses=pages(ServerKeyAnswer))
async def server_keys(caller: Annotated[Caller, may(Permission.AUDIT_READ)]) -> Response:
    """List the server's own keys, by purpose, the current one last."""
    return await caller.read(actions.server_keys, server_keys_answer)


@router.post("/{purpose}/rotate", responses=answers(ServerKeyAnswer))
async def rotate(
    purpose: str, caller: Annotated[Caller, may(Permission.SERVER_KEY_ROTATE)]
) -> Response:
    """Let a new key take over: ledger, decision or encryption."""
    action = partial(actions.rotate_server_key, purpose=purpose)
    return await caller.write(action, server_key_answer, again=_again)


@router.post("/{purpose}/revoke", responses=answers(ServerKeyAnswer))
async def revoke(
    purpose: str,
    body: KeyRevocation,
    caller: Annotated[Caller, may(Permission.SERVER_KEY_ROTATE)],
) -> Response:
    """Say that an older key is not to be believed since a time."""
    action = partial(actions.revoke_server_key, purpose=purpose, key=body.key, since=body.since)
    return await caller.write(action, server_key_answer, again=_again)


def _again(view: Any, key_id: str) -> ServerKeyAnswer:  # noqa: ANN401  # a view
    for key in actions.server_keys(view):
        if key.id == key_id:
            return server_key_answer(view, key)
    raise NotFound("server key", key_id)
