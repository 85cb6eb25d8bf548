"""Routes of use cases (RL-8 to RL-11)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from pydantic import AliasChoices, Field
from starlette.responses import Response

from modelwarden.api.approvals import Ballot, decided
from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, claimed, may
from modelwarden.api.shapes import Claims, Moment, Shape, Text, Word, answers, page, pages
from modelwarden.approvals import actions as approvals
from modelwarden.approvals.answers import dossier_answer
from modelwarden.audit import actions as audit
from modelwarden.permissions import Permission
from modelwarden.registry import actions
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.use_cases.answers import use_case_answer
from modelwarden.sla import actions as sla
from modelwarden.sla.answers import usage_answer
from modelwarden.values.answers import EntryAnswer, RequestAnswer
from modelwarden.values.pages import Page
from modelwarden.values.use_cases import UsageAnswer, UseCaseAnswer
from modelwarden.values.words import maybe_named

router = APIRouter(prefix="/api/governance/usecases", route_class=StrictRoute, tags=["use cases"])

THEIRS: Final = MappingProxyType({"usecase": "usecase_id", "models": "model_ids"})
Reader = Annotated[Caller, may(Permission.USE_CASE_READ)]
Decider = Annotated[Caller, may(Permission.APPROVAL_DECIDE)]


class Words(Shape):
    """Body of PATCH usecases/{usecase}: what is left out stays."""

    name: Text | None = None
    description: Text | None = None
    owner: Word | None = None
    owner_person: Word | None = None
    models: Annotated[
        list[Word] | None, Field(validation_alias=AliasChoices("models", "model_ids"))
    ] = None
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    impact_level: Word | None = None
    affected_systems: list[Word] | None = None

    def said(self) -> actions.UseCaseWords:
        """Return what the action is told."""
        return actions.UseCaseWords(
            title=self.name,
            description=self.description,
            owner=self.owner,
            owner_person=self.owner_person,
            models=None if self.models is None else tuple(self.models),
            input_schema=self.input_schema,
            output_schema=self.output_schema,
            impact=self.impact_level,
            systems=None if self.affected_systems is None else tuple(self.affected_systems),
        )


class NewUseCase(Words):
    """Body of POST usecases."""

    usecase: Annotated[Word, Field(validation_alias=AliasChoices("usecase", "usecase_id"))]


class Submission(Claims):
    """Body of POST usecases/{usecase}/submit."""

    comment: Annotated[Text, Field(validation_alias=AliasChoices("comment", "approval_notes"))]


class Use(Claims):
    """Body of POST usecases/{usecase}/deploy: without an environment the next one, staging first."""

    environment: Word | None = None


class End(Claims):
    """Body of POST usecases/{usecase}/deprecate."""

    replacement: Word | None = None
    sunset_at: Moment | None = None
    reason: Text = ""


@router.post("", status_code=201, responses=answers(UseCaseAnswer, status=201))
@router.post("/create", status_code=201, responses=answers(UseCaseAnswer, status=201))
async def create(
    body: NewUseCase, caller: Annotated[Caller, may(Permission.USE_CASE_CREATE)]
) -> Response:
    """Write a use case down, as a draft."""
    action = partial(actions.create_use_case, name=body.usecase, words=body.said())
    return await caller.write(
        action, use_case_answer, again=_again(body.usecase), status=201, names=THEIRS
    )


@router.get("", responses=pages(UseCaseAnswer))
async def use_cases(
    caller: Reader,
    part: Annotated[Page, Depends(page)],
    model: str | None = None,
    status: str | None = None,
) -> Response:
    """List use cases, by name; of one model, or in one state."""
    action = partial(actions.use_cases, page=part, model=model, state=status)
    return await caller.page(action, use_case_answer, name="usecases")


@router.get("/{usecase}", responses=answers(UseCaseAnswer))
async def use_case(usecase: str, caller: Reader) -> Response:
    """Show a use case."""
    action = partial(actions.use_case, name=usecase)
    return await caller.read(action, use_case_answer, names=THEIRS)


@router.get("/{usecase}/usage", responses=answers(UsageAnswer))
async def usage(
    usecase: str,
    caller: Reader,
    *,
    environment: str = Environment.PRODUCTION.value,
    since: Moment | None = None,
    until: Moment | None = None,
    step: Annotated[str | None, Query(max_length=8)] = None,
) -> Response:
    """Show what guards counted for a use case, of the last 30 days unless asked otherwise."""
    action = partial(
        sla.usage, name=usecase, environment=environment, since=since, until=until, step=step
    )
    return await caller.read(action, usage_answer)


@router.patch("/{usecase}", responses=answers(UseCaseAnswer))
async def update(
    usecase: str, body: Words, caller: Annotated[Caller, may(Permission.USE_CASE_UPDATE)]
) -> Response:
    """Change a use case; what was approved and changes is a draft again."""
    action = partial(
        actions.update_use_case, name=usecase, words=body.said(), revision=caller.revision
    )
    return await caller.write(action, use_case_answer, again=_again(usecase), names=THEIRS)


@router.get("/{usecase}/history", responses=pages(EntryAnswer))
async def history(usecase: str, caller: Reader, part: Annotated[Page, Depends(page)]) -> Response:
    """List what happened to a use case, newest first."""
    action = partial(audit.use_case_history, name=usecase, page=part)
    return await caller.page(action, lambda _view, entry: entry, name="entries")


@router.post("/{usecase}/submit", responses=answers(UseCaseAnswer))
async def submit(
    usecase: str, body: Submission, caller: Annotated[Caller, may(Permission.USE_CASE_SUBMIT)]
) -> Response:
    """Ask for its approval, with all that it says of itself."""
    action = partial(approvals.submit_use_case, name=usecase, comment=body.comment)
    return await _written(caller, action, body, usecase)


@router.post("/{usecase}/approve", responses=answers(RequestAnswer))
async def approve(usecase: str, caller: Decider, body: Ballot | None = None) -> Response:
    """Answer the open question about a use case with yes."""
    return await _decide(caller, approvals.approve, usecase, body or Ballot())


@router.post("/{usecase}/reject", responses=answers(RequestAnswer))
async def reject(usecase: str, body: Ballot, caller: Decider) -> Response:
    """Answer the open question about a use case with no, and say why."""
    return await _decide(caller, approvals.reject, usecase, body)


@router.post("/{usecase}/deploy", responses=answers(UseCaseAnswer))
async def deploy(
    usecase: str,
    caller: Annotated[Caller, may(Permission.USE_CASE_DEPLOY)],
    body: Use | None = None,
) -> Response:
    """Let a use case go into use where each of its models is live: in staging, then in production."""
    said = body or Use()
    place = maybe_named(Environment, said.environment, field="environment")
    action = partial(approvals.deploy_use_case, name=usecase, environment=place)
    return await _written(caller, action, said, usecase)


@router.post("/{usecase}/deprecate", responses=answers(UseCaseAnswer))
async def deprecate(
    usecase: str,
    caller: Annotated[Caller, may(Permission.USE_CASE_DEPRECATE)],
    body: End | None = None,
) -> Response:
    """End a use case; calls that carry it are refused from its sunset on, or from now on."""
    said = body or End()
    action = partial(
        approvals.deprecate_use_case,
        name=usecase,
        replacement=said.replacement,
        sunset_at=said.sunset_at,
        reason=said.reason,
    )
    return await _written(caller, action, said, usecase)


async def _written(caller: Caller, action: Any, body: Claims, usecase: str) -> Response:  # noqa: ANN401  # a change
    told = claimed(action, body.claims())
    return await caller.write(told, use_case_answer, again=_again(usecase), names=THEIRS)


async def _decide(caller: Caller, act: Callable[..., Any], usecase: str, body: Ballot) -> Response:
    ballot = body.given()

    def decide(change: Any) -> Any:  # noqa: ANN401  # a change, a dossier
        return act(change, approvals.find_use_case_request(change, usecase).id, ballot=ballot)

    return await caller.write(claimed(decide, body.claims()), dossier_answer, again=decided())


def _again(name: str) -> Any:  # noqa: ANN401  # reads the use case for a repeat
    return lambda view, _id: use_case_answer(view, actions.use_case(view, name))
