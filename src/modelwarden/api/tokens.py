"""Routes of tokens. A secret is in the answer that makes one, and nowhere else."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from modelwarden.access import actions
from modelwarden.access.answers import new_token_answer, token_answer
from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, Public, may
from modelwarden.api.limits import Rate
from modelwarden.api.roles import Days
from modelwarden.api.shapes import Shape, Word, answers, page, pages
from modelwarden.permissions import Permission
from modelwarden.values.answers import TokenAnswer
from modelwarden.values.pages import Page

router = APIRouter(prefix="/api/governance/tokens", route_class=StrictRoute, tags=["tokens"])


class NewToken(Shape):
    """Body of POST tokens."""

    user: Word | None = None
    scopes: list[Word] | None = None
    days: Days | None = None
    networks: list[Word] = Field(default_factory=list)


class Rotation(Shape):
    """Body of POST tokens/{token}/rotate."""

    overlap_minutes: Days = 0


class Found(Shape):
    """Body of POST tokens/report."""

    secret: Word


class Reported(Shape):
    """Answer of POST tokens/report."""

    revoked: bool


@router.post("", status_code=201, responses=answers(TokenAnswer, status=201))
async def create(
    body: NewToken, caller: Annotated[Caller, may(Permission.TOKEN_ISSUE_SELF)]
) -> Response:
    """Issue a token, one's own unless a service account is named; `token.issue_other` for others'."""
    action = partial(
        actions.create_token,
        user=body.user,
        scopes=body.scopes,
        days=body.days,
        networks=body.networks,
    )
    return await caller.write_secret(action, new_token_answer)


@router.get("", responses=pages(TokenAnswer))
async def tokens(
    caller: Annotated[Caller, may(Permission.TOKEN_ISSUE_SELF)],
    part: Annotated[Page, Depends(page)],
    user: str | None = None,
) -> Response:
    """List one's own tokens, without secrets; `token.issue_other` for others'."""
    action = partial(actions.tokens, page=part, user=user)
    return await caller.page(action, token_answer, name="tokens")


@router.post("/report", responses=answers(Reported))
async def report(
    body: Found, caller: Annotated[Caller, may(Public("report"), rate=Rate.SIGN_IN)]
) -> Response:
    """Hand in a token that was found in the open; it is revoked."""
    action = partial(actions.report_token, secret=body.secret)
    return await caller.write(action, lambda _view, done: {"revoked": done})


@router.post("/{token}/rotate", status_code=201, responses=answers(TokenAnswer, status=201))
async def rotate(
    token: str,
    caller: Annotated[Caller, may(Permission.TOKEN_ISSUE_SELF)],
    body: Rotation | None = None,
) -> Response:
    """Replace a token; the old one works on for the overlap."""
    overlap = (body or Rotation()).overlap_minutes
    action = partial(actions.rotate_token, token_id=token, overlap_minutes=overlap)
    return await caller.write_secret(action, new_token_answer)


@router.delete("/{token}", responses=answers(TokenAnswer))
async def revoke(
    token: str, caller: Annotated[Caller, may(Permission.TOKEN_ISSUE_SELF)]
) -> Response:
    """End a token at once; doing it again changes nothing."""
    return await caller.write(partial(actions.revoke_token, token_id=token), token_answer)
