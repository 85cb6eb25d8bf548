"""Routes of deployments that go in steps, of looking back at them, and of freezes (RL-36 to RL-41)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from pydantic import AliasChoices, Field
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, claimed, may
from modelwarden.api.limits import Rate
from modelwarden.api.shapes import Claims, Moment, Shape, Text, Word, answers, page, pages
from modelwarden.deployments import actions
from modelwarden.deployments.answers import (
    deployment_answer,
    emergency_answer,
    freeze_answer,
    promotion_answer,
)
from modelwarden.permissions import Permission
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.answers import DeploymentAnswer
from modelwarden.values.pages import Page
from modelwarden.values.rollouts import EmergencyAnswer, FreezeAnswer, PromotionAnswer
from modelwarden.values.words import maybe_named, named

router = APIRouter(prefix="/api/governance", route_class=StrictRoute, tags=["releases"])

PRODUCTION: Final = Environment.PRODUCTION.value
Freezer = Annotated[Caller, may(Permission.DEPLOY_FREEZE)]


class Walk(Claims):
    """Body of POST deployments/promote: environments from the lowest to the highest."""

    model: Annotated[Word, Field(validation_alias=AliasChoices("model", "model_id"))]
    version: Annotated[Word, Field(validation_alias=AliasChoices("version", "model_version"))]
    through: Annotated[list[Word], Field(min_length=1, max_length=2)] = Field(
        default_factory=lambda: [place.value for place in Environment]
    )
    auto_approve: bool = False


class Urgent(Shape):
    """Body of POST models/{model}/versions/{version}/emergency."""

    reason: Text = ""
    ticket: Word


class Break(Shape):
    """Body of POST deployments/{deployment}/abort."""

    reason: Text = ""


class Look(Shape):
    """Body of POST deployments/{deployment}/review."""

    outcome: Word
    findings: Text = ""


class NewFreeze(Shape):
    """Body of POST freezes: a model, or a whole environment; from now on unless said."""

    ends_at: Moment
    starts_at: Moment | None = None
    environment: Word = PRODUCTION
    model: Word | None = None
    reason: Text = ""


@router.post(
    "/deployments/promote", status_code=201, responses=answers(PromotionAnswer, status=201)
)
async def promote(
    body: Walk, caller: Annotated[Caller, may(Permission.DEPLOY_STAGING)]
) -> Response:
    """Take a version through environments, as far as the gate allows; nothing is approved by it (RL-39)."""
    through = [named(Environment, word, field="through") for word in body.through]
    find = partial(actions.candidate, model=body.model, version=body.version)
    prepared = await _hashed(caller, find)
    action = partial(
        actions.promote,
        model=body.model,
        version=body.version,
        through=through,
        prepared=prepared,
        auto_approve=body.auto_approve,
    )
    return await caller.write(claimed(action, body.claims()), promotion_answer, status=201)


@router.post(
    "/models/{model}/versions/{version}/emergency",
    status_code=201,
    responses=answers(EmergencyAnswer, status=201),
)
async def emergency(
    model: str,
    version: str,
    body: Urgent,
    caller: Annotated[Caller, may(Permission.DEPLOY_EMERGENCY, rate=Rate.RESERVE)],
) -> Response:
    """Let a version go to production before people have agreed; checks and missing seats alone are passed over."""
    find = partial(actions.candidate, model=model, version=version)
    prepared = await _hashed(caller, find)
    action = partial(
        actions.emergency,
        model=model,
        version=version,
        prepared=prepared,
        reason=body.reason,
        ticket=body.ticket,
    )
    return await caller.write(action, emergency_answer, status=201)


@router.post("/deployments/{deployment}/advance", responses=answers(DeploymentAnswer))
async def advance(
    deployment: str, caller: Annotated[Caller, may(Permission.DEPLOY_PRODUCTION)]
) -> Response:
    """Take the next step, if its time has passed, its conditions hold and the gate allows."""
    prepared = await _hashed(caller, partial(actions.candidate_of, deployment_id=deployment))
    action = partial(actions.advance, deployment_id=deployment, prepared=prepared)
    return await caller.write(action, deployment_answer, again=_again)


@router.post("/deployments/{deployment}/abort", responses=answers(DeploymentAnswer))
async def abort(
    deployment: str,
    body: Break,
    caller: Annotated[Caller, may(Permission.DEPLOY_ROLLBACK, rate=Rate.RESERVE)],
) -> Response:
    """End an unfinished deployment; what was live has all the traffic again."""
    action = partial(actions.abort, deployment_id=deployment, reason=body.reason)
    return await caller.write(action, deployment_answer, again=_again)


@router.post("/deployments/{deployment}/review", responses=answers(DeploymentAnswer))
async def review(
    deployment: str, body: Look, caller: Annotated[Caller, may(Permission.DEPLOY_REVIEW)]
) -> Response:
    """Say what a look back at a deployment found, as somebody who had no part in it."""
    outcome = named(actions.ReviewOutcome, body.outcome, field="outcome")
    action = partial(
        actions.review, deployment_id=deployment, outcome=outcome, findings=body.findings
    )
    return await caller.write(action, deployment_answer, again=_again)


@router.post("/freezes", status_code=201, responses=answers(FreezeAnswer, status=201))
async def add_freeze(body: NewFreeze, caller: Freezer) -> Response:
    """Let nothing go forward for a while, in an environment or for one model there."""
    wanted = actions.NewFreeze(
        ends_at=body.ends_at,
        starts_at=body.starts_at,
        environment=named(Environment, body.environment, field="environment"),
        model=body.model,
    )
    action = partial(actions.add_freeze, wanted=wanted, reason=body.reason)
    return await caller.write(action, freeze_answer, again=_freeze_again, status=201)


@router.get("/freezes", responses=pages(FreezeAnswer))
async def freezes(
    caller: Annotated[Caller, may(Permission.DEPLOYMENT_READ)],
    part: Annotated[Page, Depends(page)],
    environment: str | None = None,
) -> Response:
    """List freezes, newest first."""
    place = maybe_named(Environment, environment, field="environment")
    action = partial(actions.freezes, page=part, environment=place)
    return await caller.page(action, freeze_answer, name="freezes")


@router.get("/freezes/{freeze}", responses=answers(FreezeAnswer))
async def freeze(
    freeze: str, caller: Annotated[Caller, may(Permission.DEPLOYMENT_READ)]
) -> Response:
    """Show a freeze."""
    return await caller.read(partial(actions.freeze, freeze_id=freeze), freeze_answer)


@router.post("/freezes/{freeze}/lift", responses=answers(FreezeAnswer))
async def lift_freeze(freeze: str, caller: Freezer) -> Response:
    """End a freeze before its time."""
    action = partial(actions.lift_freeze, freeze_id=freeze)
    return await caller.write(action, freeze_answer, again=_freeze_again)


async def _hashed(caller: Caller, find: Any) -> actions.Prepared:  # noqa: ANN401  # reads a candidate
    """Find the artifact, then read it with no transaction open (RL-34)."""
    chosen = await caller.look(find)
    warden = caller.host.warden
    return await caller.prepare(partial(actions.hashed, chosen, warden.settings, warden.sources))


def _again(view: Any, deployment_id: str) -> DeploymentAnswer:  # noqa: ANN401  # a view
    return deployment_answer(view, actions.deployment(view, deployment_id))


def _freeze_again(view: Any, freeze_id: str) -> FreezeAnswer:  # noqa: ANN401  # a view
    return freeze_answer(view, actions.freeze(view, freeze_id))
