"""Routes of personal data: erasures, legal holds, retention."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, may
from modelwarden.api.shapes import Moment, Shape, Text, Word, answers, page, pages
from modelwarden.permissions import Permission
from modelwarden.privacy import actions
from modelwarden.privacy.answers import (
    erasure_answer,
    hold_answer,
    retention_answer,
    unlock_answer,
)
from modelwarden.values.pages import Page
from modelwarden.values.privacy import ErasureAnswer, HoldAnswer, RetentionAnswer, UnlockAnswer
from modelwarden.values.words import named

router = APIRouter(prefix="/api/governance", route_class=StrictRoute, tags=["personal data"])

Days = Annotated[int, Field(ge=1, le=36_500)]
Reader = Annotated[Caller, may(Permission.AUDIT_READ)]
Holder = Annotated[Caller, may(Permission.HOLD_MANAGE)]


class NewErasure(Shape):
    """Body of POST erasures: exactly what two people agreed to, and why."""

    user: Word
    basis: Word
    reason: Text
    scope: Word = "identity"


class Unlocking(Shape):
    """Body of POST texts/unlock: exactly whom two people agreed to erase again; nobody is an empty list."""

    identity: list[Word]
    authored: list[Word]
    reason: Text


class NewHold(Shape):
    """Body of POST holds: it holds what falls under all that is named."""

    reason: Text
    user: Word | None = None
    model: Word | None = None
    incident: Word | None = None
    since: Moment | None = None
    until: Moment | None = None


class RetentionChange(Shape):
    """Body of PUT retention: days by kind; what is left out stays."""

    texts: Days | None = None
    leavers: Days | None = None
    sessions: Days | None = None
    deliveries: Days | None = None


@router.post("/erasures", status_code=201, responses=answers(ErasureAnswer, status=201))
async def erase(
    body: NewErasure, caller: Annotated[Caller, may(Permission.ERASURE_REQUEST)]
) -> Response:
    """Erase a person, with the permit of an approved request; under a legal hold it waits."""
    action = partial(
        actions.erase,
        user=body.user,
        basis=named(actions.Basis, body.basis, field="basis"),
        reason=body.reason,
        scope=named(actions.Scope, body.scope, field="scope"),
    )
    return await caller.write(action, erasure_answer, again=_erasure_again, status=201)


@router.post("/texts/unlock", responses=answers(UnlockAnswer))
async def unlock_texts(
    body: Unlocking, caller: Annotated[Caller, may(Permission.ERASURE_REQUEST)]
) -> Response:
    """Open texts from before the ledger began anew, once the listed erasures are applied again (LG-47)."""
    action = partial(
        actions.unlock_texts, identity=body.identity, authored=body.authored, reason=body.reason
    )
    return await caller.write(action, unlock_answer)


@router.get("/erasures", responses=pages(ErasureAnswer))
async def erasures(caller: Reader, part: Annotated[Page, Depends(page)]) -> Response:
    """List erasures, newest first."""
    return await caller.page(partial(actions.erasures, page=part), erasure_answer, name="erasures")


@router.get("/erasures/{erasure}", responses=answers(ErasureAnswer))
async def erasure(erasure: str, caller: Reader) -> Response:
    """Show an erasure."""
    return await caller.read(partial(actions.erasure, erasure_id=erasure), erasure_answer)


@router.post("/holds", status_code=201, responses=answers(HoldAnswer, status=201))
async def add_hold(body: NewHold, caller: Holder) -> Response:
    """Place a legal hold."""
    action = partial(
        actions.add_hold,
        reason=body.reason,
        user=body.user,
        model=body.model,
        incident=body.incident,
        since=body.since,
        until=body.until,
    )
    return await caller.write(action, hold_answer, again=_hold_again, status=201)


@router.get("/holds", responses=pages(HoldAnswer))
async def holds(caller: Reader, part: Annotated[Page, Depends(page)]) -> Response:
    """List holds, newest first, released ones too."""
    return await caller.page(partial(actions.holds, page=part), hold_answer, name="holds")


@router.get("/holds/{hold}", responses=answers(HoldAnswer))
async def hold(hold: str, caller: Reader) -> Response:
    """Show a hold."""
    return await caller.read(partial(actions.hold, hold_id=hold), hold_answer)


@router.post("/holds/{hold}/release", responses=answers(HoldAnswer))
async def release_hold(hold: str, caller: Holder) -> Response:
    """Release a hold, with the permit of an approved request."""
    action = partial(actions.release_hold, hold_id=hold)
    return await caller.write(action, hold_answer, again=lambda view, _: _hold_again(view, hold))


@router.get("/retention", responses=answers(RetentionAnswer))
async def retention(caller: Reader) -> Response:
    """Show for how many days each kind of data is kept."""
    return await caller.read(actions.retention, retention_answer)


@router.put("/retention", responses=answers(RetentionAnswer))
async def set_retention(
    body: RetentionChange, caller: Annotated[Caller, may(Permission.RETENTION_MANAGE)]
) -> Response:
    """Change the days of some kinds, with the permit of an approved request."""
    action = partial(actions.set_retention, days=body.model_dump(exclude_none=True))
    return await caller.write(action, retention_answer, again=_retention_again)


def _erasure_again(view: Any, found: str) -> ErasureAnswer:  # noqa: ANN401  # a view
    return erasure_answer(view, actions.erasure(view, found))


def _hold_again(view: Any, found: str) -> HoldAnswer:  # noqa: ANN401  # a view
    return hold_answer(view, actions.hold(view, found))


def _retention_again(view: Any, _found: str) -> RetentionAnswer:  # noqa: ANN401  # a view
    return retention_answer(view, actions.retention(view))
