"""Routes of waivers: leave from one check of one version (EVAL-5). They are signed at approvals/{request}/approve."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from modelwarden.api.approvals import asked
from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, claimed, may
from modelwarden.api.shapes import Claims, Moment, Text, Word, answers, page, pages
from modelwarden.approvals import actions
from modelwarden.approvals.answers import dossier_answer, request_answer
from modelwarden.permissions import Permission
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.answers import RequestAnswer
from modelwarden.values.pages import Page
from modelwarden.values.words import maybe_named, named

router = APIRouter(prefix="/api/governance/waivers", route_class=StrictRoute, tags=["waivers"])

Reader = Annotated[Caller, may(Permission.APPROVAL_READ)]


class NewWaiver(Claims):
    """Body of POST waivers. The owner sees to the check; without an end it lasts as long as the policy allows."""

    model: Word
    version: Word
    check: Word
    reason: Text
    owner: Word | None = None
    expires_at: Moment | None = None
    environment: Word = "production"


@router.post("", status_code=201, responses=answers(RequestAnswer, status=201))
async def request_waiver(
    body: NewWaiver, caller: Annotated[Caller, may(Permission.WAIVER_REQUEST)]
) -> Response:
    """Ask the policy's people for leave from one check of one version."""
    action = partial(
        actions.request_waiver,
        model=body.model,
        version=body.version,
        check=body.check,
        reason=body.reason,
        owner=body.owner,
        expires_at=body.expires_at,
        environment=named(Environment, body.environment, field="environment"),
    )
    return await caller.write(
        claimed(action, body.claims()), request_answer, again=asked(), status=201
    )


@router.get("", responses=pages(RequestAnswer))
async def waivers(
    caller: Reader,
    part: Annotated[Page, Depends(page)],
    model: str | None = None,
    version: str | None = None,
    state: str | None = None,
) -> Response:
    """List waivers, newest first; of one version where model and version are named."""
    action = partial(
        actions.waivers,
        page=part,
        model=model,
        version=version,
        state=maybe_named(actions.RequestState, state, field="state"),
    )
    return await caller.page(action, request_answer, name="waivers")


@router.get("/{waiver}", responses=answers(RequestAnswer))
async def waiver(waiver: str, caller: Reader) -> Response:
    """Show a waiver with its seats, and who signed."""
    return await caller.read(partial(actions.waiver, request_id=waiver), dossier_answer)


@router.post("/{waiver}/end", responses=answers(RequestAnswer))
async def end_waiver(waiver: str, caller: Reader) -> Response:
    """End a waiver before its time, or take back one's own question."""
    action = partial(actions.end_waiver, request_id=waiver)
    return await caller.write(action, request_answer, again=asked(waiver))
