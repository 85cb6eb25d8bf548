"""Routes of approvals: the question put to people, and their signed answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import AliasChoices, Field
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, may
from modelwarden.api.limits import Rate
from modelwarden.api.shapes import Base64, Claims, LongText, Shape, Text, Word, answers, page, pages
from modelwarden.approvals import actions
from modelwarden.approvals.answers import dossier_answer, request_answer
from modelwarden.deployments import actions as deployments
from modelwarden.errors import FilterInvalid, RequestInvalid
from modelwarden.permissions import Permission
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.answers import RequestAnswer
from modelwarden.values.approvals import CommentAnswer, OutsideAnswer, TimesAnswer
from modelwarden.values.ids import Commitment
from modelwarden.values.pages import Page
from modelwarden.values.words import maybe_named, named

router = APIRouter(prefix="/api/governance/approvals", route_class=StrictRoute, tags=["approvals"])

STATEMENT_TYPE = "application/vnd.in-toto+json"
LINES_TYPE = "application/x-ndjson"
LOCK_TYPE = "application/json"


class NewRequest(Shape):
    """Body of POST approvals: a release of a version, or leave for one exact sensitive act (AC-40)."""

    type: Literal["release", "access"] = "release"
    model: Word | None = None
    version: Word | None = None
    environment: Word | None = None
    strategy: Word | None = None
    action: Word | None = None
    payload: dict[str, Any] | None = None
    justification: Text


class Ballot(Claims):
    """Body of POST approvals/{request}/approve and reject. The envelope is a DSSE line, as text."""

    comment: Annotated[
        Text | None, Field(validation_alias=AliasChoices("comment", "approval_notes"))
    ] = None
    comment_salt: Base64 | None = None
    envelope: LongText | None = None
    seat: Annotated[int, Field(ge=0, le=1_000)] | None = None
    on_behalf_of: Word | None = None

    def given(self) -> actions.Ballot:
        """Return what the action is told."""
        return actions.Ballot(
            seat=self.seat,
            comment=self.comment,
            comment_salt=self.comment_salt,
            envelope=self.envelope,
            on_behalf_of=self.on_behalf_of,
        )


@router.post("", status_code=201, responses=answers(RequestAnswer, status=201))
async def ask(
    body: NewRequest, caller: Annotated[Caller, may(Permission.MODEL_SUBMIT)]
) -> Response:
    """Ask for a release, or for leave to do one sensitive thing, which takes that thing's permission."""
    return await caller.write(_question(body), request_answer, again=asked(), status=201)


@router.get("", responses=pages(RequestAnswer))
async def approvals(
    caller: Annotated[Caller, may(Permission.APPROVAL_READ)],
    part: Annotated[Page, Depends(page)],
    waiting_for: str | None = None,
    state: str | None = None,
    type: str | None = None,  # noqa: A002  # the filter's name
) -> Response:
    """List requests, newest first; `waiting_for=me` keeps those that the caller can answer."""
    if waiting_for not in {None, "me"}:
        raise FilterInvalid("waiting_for", "me")
    action = partial(
        actions.approvals,
        page=part,
        waiting_for_me=waiting_for is not None,
        state=maybe_named(actions.RequestState, state, field="state"),
        kind=maybe_named(actions.RequestType, type, field="type"),
    )
    return await caller.page(action, request_answer, name="approvals")


@router.get("/times", responses=answers(TimesAnswer))
async def times(
    caller: Annotated[Caller, may(Permission.APPROVAL_READ)], days: int = 90
) -> Response:
    """Show how many questions wait, and how long those took that were decided in these days (RL-19)."""
    return await caller.read(partial(actions.times, days=days), lambda _view, found: found)


@router.get("/{request}", responses=answers(RequestAnswer))
async def approval(
    request: str, caller: Annotated[Caller, may(Permission.APPROVAL_READ)]
) -> Response:
    """Show a request with its seats, decisions, and how many people could fill each seat."""
    return await caller.read(partial(actions.approval, request_id=request), dossier_answer)


@router.get("/{request}/statement", responses=answers(bytes, kind=STATEMENT_TYPE))
async def statement(
    request: str,
    caller: Annotated[Caller, may(Permission.APPROVAL_DECIDE)],
    decision: str = "approve",
    seat: int | None = None,
    comment_digest: str | None = None,
    on_behalf_of: str | None = None,
) -> Response:
    """Return the caller's own bytes to sign, issued now; `on_behalf_of` whoever handed on the decision (RL-18)."""
    action = partial(
        actions.statement,
        request_id=request,
        answer=named(actions.Answer, decision, field="decision"),
        seat=seat,
        comment_digest=None if comment_digest is None else Commitment(comment_digest),
        on_behalf_of=on_behalf_of,
    )
    return Response(await caller.look(action), media_type=STATEMENT_TYPE)


@router.get("/{request}/envelopes", responses=answers(bytes, kind=LINES_TYPE))
async def envelopes(
    request: str, caller: Annotated[Caller, may(Permission.APPROVAL_READ)]
) -> Response:
    """Return the people's signed envelopes, one a line."""
    action = partial(actions.envelopes, request_id=request)
    return Response(await caller.look(action), media_type=LINES_TYPE)


@router.get("/{request}/release", responses=answers(bytes, kind=LINES_TYPE))
async def release_file(
    request: str, caller: Annotated[Caller, may(Permission.APPROVAL_READ)]
) -> Response:
    """Return `release.intoto.jsonl`: the people's envelopes, then the gate's own word (RL-27)."""
    action = partial(deployments.release_file, request_id=request)
    headers = {"Content-Disposition": 'attachment; filename="release.intoto.jsonl"'}
    return Response(await caller.look(action), media_type=LINES_TYPE, headers=headers)


@router.get("/{request}/lock", responses=answers(bytes, kind=LOCK_TYPE))
async def lock_file(
    request: str, caller: Annotated[Caller, may(Permission.APPROVAL_READ)]
) -> Response:
    """Return `release.lock.json`, which the pull request of a release has to hold (RL-47)."""
    action = partial(deployments.lock_file, request_id=request)
    headers = {"Content-Disposition": 'attachment; filename="release.lock.json"'}
    return Response(await caller.look(action), media_type=LOCK_TYPE, headers=headers)


@router.get("/{request}/comments", responses=pages(CommentAnswer))
async def comments(
    request: str, caller: Annotated[Caller, may(Permission.APPROVAL_READ)]
) -> Response:
    """List what people wrote about a request at GitHub, as it was copied, oldest first (RL-49)."""
    action = partial(deployments.comments, request_id=request)
    return await caller.read(action, lambda _view, found: found)


@router.get("/{request}/outside", responses=pages(OutsideAnswer))
async def outside(
    request: str, caller: Annotated[Caller, may(Permission.APPROVAL_READ, rate=Rate.WRITE)]
) -> Response:
    """Say how a request stands at GitHub and in ServiceNow now, read for it: whose word counts, and why."""
    sources = caller.host.warden.sources
    asked, at = await caller.look(lambda view: (deployments.asked_outside(view, request), view.now))
    seen = await caller.prepare(partial(deployments.look_outside, asked, sources, at=at))
    action = partial(deployments.outside_answer, request_id=request, seen=seen)
    return await caller.read(action, lambda _view, found: found)


@router.post("/{request}/approve", responses=answers(RequestAnswer))
async def approve(
    request: str,
    caller: Annotated[Caller, may(Permission.APPROVAL_DECIDE)],
    body: Ballot | None = None,
) -> Response:
    """Agree, signed; without an envelope where the policy lets a token do."""
    ballot = (body or Ballot()).given()
    action = partial(actions.approve, request_id=request, ballot=ballot)
    return await caller.write(action, dossier_answer, again=decided(request))


@router.post("/{request}/reject", responses=answers(RequestAnswer))
async def reject(
    request: str, body: Ballot, caller: Annotated[Caller, may(Permission.APPROVAL_DECIDE)]
) -> Response:
    """Disagree, and say why; signed likewise."""
    action = partial(actions.reject, request_id=request, ballot=body.given())
    return await caller.write(action, dossier_answer, again=decided(request))


@router.post("/{request}/withdraw", responses=answers(RequestAnswer))
async def withdraw(
    request: str, caller: Annotated[Caller, may(Permission.APPROVAL_READ)]
) -> Response:
    """Take back one's own question."""
    action = partial(actions.withdraw, request_id=request)
    return await caller.write(action, request_answer, again=asked(request))


@router.post("/{request}/withdraw-decision", responses=answers(RequestAnswer))
async def withdraw_decision(
    request: str, caller: Annotated[Caller, may(Permission.APPROVAL_READ)]
) -> Response:
    """Take back one's own answer while the request is open."""
    action = partial(actions.withdraw_decision, request_id=request)
    return await caller.write(action, dossier_answer, again=decided(request))


def decided(request: str | None = None) -> Callable[[Any, str], RequestAnswer]:
    """Return how a request is read again, with its seats."""
    return lambda view, found: dossier_answer(view, actions.approval(view, request or found))


def asked(request: str | None = None) -> Callable[[Any, str], RequestAnswer]:
    """Return how a request is read again, without counting who could answer."""

    def again(view: Any, found: str) -> RequestAnswer:  # noqa: ANN401  # a view
        question, _ = actions.approval(view, request or found)
        return request_answer(view, question)

    return again


def _question(body: NewRequest) -> Any:  # noqa: ANN401  # a change
    if body.type == "access":
        missing = _missing(body, "action", "payload")
        _refuse(missing, _given(body, "model", "version", "environment", "strategy"))
        return partial(
            actions.request_access,
            action=body.action or "",
            payload=body.payload or {},
            justification=body.justification,
        )
    _refuse(_missing(body, "model", "version"), _given(body, "action", "payload"))
    return partial(
        actions.request,
        model=body.model or "",
        version=body.version or "",
        justification=body.justification,
        environment=named(Environment, body.environment or "production", field="environment"),
        strategy=body.strategy,
    )


def _missing(body: NewRequest, *fields: str) -> list[str]:
    return [field for field in fields if getattr(body, field) is None]


def _given(body: NewRequest, *fields: str) -> list[str]:
    return [field for field in fields if getattr(body, field) is not None]


def _refuse(missing: list[str], given: list[str]) -> None:
    errors = [(f"body.{field}", "needed for this type") for field in missing]
    errors += [(f"body.{field}", "not for this type") for field in given]
    if errors:
        raise RequestInvalid(tuple(errors))
