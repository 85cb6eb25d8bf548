"""Routes of people's signing keys; the private halves never come here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from modelwarden.access import actions
from modelwarden.access.actor import KEY_DAYS_MOST
from modelwarden.access.answers import challenge_answer, key_answer
from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import OWN, Caller, may
from modelwarden.api.replies import json_reply
from modelwarden.api.roles import Days
from modelwarden.api.shapes import Base64, Moment, Shape, Text, Word, answers, page, pages
from modelwarden.permissions import Permission
from modelwarden.values.answers import ChallengeAnswer, KeyAnswer
from modelwarden.values.ids import new_id
from modelwarden.values.pages import Page

router = APIRouter(prefix="/api/governance/keys", route_class=StrictRoute, tags=["keys"])


class NewKey(Shape):
    """Body of POST keys: the public half, and a signature over the challenge's message, in base64."""

    pem: Text
    challenge: Word
    signature: Base64
    days: Days = KEY_DAYS_MOST


class Revocation(Shape):
    """Body of POST keys/{key}/revoke."""

    cause: Word
    since: Moment | None = None


@router.post("/challenge", status_code=201, responses=answers(ChallengeAnswer, status=201))
async def challenge(
    caller: Annotated[Caller, may(Permission.KEY_ENROL_SELF)],
) -> Response:
    """Return what a key has to sign to be enrolled."""
    caller.refuse_key()
    host = caller.host
    challenge_id = new_id("chl", host.warden.clock.now())
    action = partial(actions.challenge, challenge_id=challenge_id)
    given = await host.read(lambda: host.warden.telemetry(caller.principal, action))
    return json_reply(await caller.look(lambda view: challenge_answer(view, given)), status=201)


@router.post("", status_code=201, responses=answers(KeyAnswer, status=201))
async def enrol(
    body: NewKey, caller: Annotated[Caller, may(Permission.KEY_ENROL_SELF)]
) -> Response:
    """Enrol one's own public key; another person confirms it before it counts."""
    action = partial(
        actions.enrol,
        pem=body.pem,
        challenge_id=body.challenge,
        signature=body.signature,
        days=body.days,
    )
    return await caller.write(action, key_answer, again=_again(), status=201)


@router.get("", responses=pages(KeyAnswer))
async def keys(
    caller: Annotated[Caller, may(OWN)], part: Annotated[Page, Depends(page)]
) -> Response:
    """List enrolled keys: one's own, or all with `key.confirm` or `audit.read`."""
    return await caller.page(partial(actions.keys, page=part), key_answer, name="keys")


@router.post("/{key}/confirm", responses=answers(KeyAnswer))
async def confirm(key: str, caller: Annotated[Caller, may(Permission.KEY_CONFIRM)]) -> Response:
    """Vouch for another person's key."""
    return await caller.write(
        partial(actions.confirm_key, keyid=key), key_answer, again=_again(key)
    )


@router.post("/{key}/revoke", responses=answers(KeyAnswer))
async def revoke(
    key: str, body: Revocation, caller: Annotated[Caller, may(Permission.KEY_ENROL_SELF)]
) -> Response:
    """End a key: superseded, lost or compromised; others' with `key.revoke_other`."""
    action = partial(actions.revoke_key, keyid=key, cause=body.cause, since=body.since)
    return await caller.write(action, key_answer, again=_again(key))


def _again(key: str | None = None) -> Callable[[Any, str], KeyAnswer]:
    return lambda view, key_id: key_answer(view, actions.key(view, key or key_id))
