"""Routes on the path of a version by which it is asked about, decided on, deployed and taken back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from pydantic import AliasChoices, Field, model_validator
from starlette.responses import Response

from modelwarden.api.approvals import Ballot, asked, decided
from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, claimed, may
from modelwarden.api.limits import Rate
from modelwarden.api.shapes import Claims, Moment, Reference, Text, Word, answers, page, pages
from modelwarden.approvals import actions as approvals
from modelwarden.approvals.answers import dossier_answer, request_answer
from modelwarden.deployments import actions as deployments
from modelwarden.deployments.answers import deployment_answer, gate_answer, live_answer
from modelwarden.errors import NothingToRollBackTo
from modelwarden.permissions import Permission
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.answers import DeploymentAnswer, GateAnswer, LiveAnswer, RequestAnswer
from modelwarden.values.pages import Page
from modelwarden.values.words import maybe_named, named

router = APIRouter(prefix="/api/governance", route_class=StrictRoute, tags=["releases"])

PRODUCTION: Final = Environment.PRODUCTION.value
REQUEST_THEIRS: Final = MappingProxyType({"model": "model_id", "version": "model_version"})
DEPLOYMENT_THEIRS: Final = MappingProxyType(
    {
        "model": "model_id",
        "version": "model_version",
        "strategy": "deployment_stage",
        "notes": "deployment_notes",
        "reference": "deployment_id",
    }
)
VERSION: Final = "/models/{model}/versions/{version}"
SHORT: Final = "/models/{model}/{version}"


class Question(Claims):
    """Body of POST …/request-approval."""

    justification: Text
    environment: Word = PRODUCTION
    strategy: Word | None = None


class PlacedBallot(Ballot):
    """Body of POST …/approve and reject: without an environment, production's request first."""

    environment: Word | None = None


class Launch(Claims):
    """Body of POST …/deploy."""

    environment: Word = PRODUCTION
    strategy: Word | None = None
    notes: Annotated[
        Text | None, Field(validation_alias=AliasChoices("notes", "deployment_notes"))
    ] = None
    reference: Annotated[
        Reference | None, Field(validation_alias=AliasChoices("reference", "deployment_id"))
    ] = None
    target: Word | None = None

    @model_validator(mode="before")
    @classmethod
    def _stage(cls, given: Any) -> Any:  # noqa: ANN401  # what came in
        """Read `deployment_stage`: an environment where it names one, else the strategy."""
        if not isinstance(given, dict) or "deployment_stage" not in given:
            return given
        rest = {name: value for name, value in given.items() if name != "deployment_stage"}
        stage = given["deployment_stage"]
        ours = "environment" if stage in set(Environment) else "strategy"
        if ours in rest:
            raise ValueError(f"deployment_stage and {ours} are one field; send one of them")
        return rest | {ours: stage}


class Return(Claims):
    """Body of POST …/rollback: the version that is live goes; without `to`, the one before comes back."""

    reason: Text = ""
    environment: Word = PRODUCTION
    to: Word | None = None


class Noted(Claims):
    """Body of POST deployments/record: a deployment that was made elsewhere."""

    model: Annotated[Word, Field(validation_alias=AliasChoices("model", "model_id"))]
    version: Annotated[Word, Field(validation_alias=AliasChoices("version", "model_version"))]
    environment: Word = PRODUCTION
    at: Moment | None = None
    notes: Text | None = None
    reference: Reference | None = None


@router.post(
    f"{VERSION}/request-approval", status_code=201, responses=answers(RequestAnswer, status=201)
)
async def request_approval(
    model: str,
    version: str,
    body: Question,
    caller: Annotated[Caller, may(Permission.MODEL_SUBMIT)],
) -> Response:
    """Ask whether a version may go to an environment."""
    action = partial(
        approvals.request,
        model=model,
        version=version,
        justification=body.justification,
        environment=_place(body.environment),
        strategy=body.strategy,
    )
    return await caller.write(
        claimed(action, body.claims()),
        request_answer,
        again=asked(),
        status=201,
        names=REQUEST_THEIRS,
    )


@router.post(f"{VERSION}/approve", responses=answers(RequestAnswer))
@router.post(f"{SHORT}/approve", responses=answers(RequestAnswer))
async def approve(
    model: str,
    version: str,
    caller: Annotated[Caller, may(Permission.APPROVAL_DECIDE)],
    body: PlacedBallot | None = None,
) -> Response:
    """Answer the open question about a version with yes."""
    return await _decide(caller, approvals.approve, model, version, body or PlacedBallot())


@router.post(f"{VERSION}/reject", responses=answers(RequestAnswer))
@router.post(f"{SHORT}/reject", responses=answers(RequestAnswer))
async def reject(
    model: str,
    version: str,
    body: PlacedBallot,
    caller: Annotated[Caller, may(Permission.APPROVAL_DECIDE)],
) -> Response:
    """Answer the open question about a version with no, and say why."""
    return await _decide(caller, approvals.reject, model, version, body)


@router.get(f"{VERSION}/gate", responses=answers(GateAnswer))
async def gate(
    model: str,
    version: str,
    caller: Annotated[Caller, may(Permission.MODEL_READ, rate=Rate.WRITE)],
    environment: str = PRODUCTION,
) -> Response:
    """Say what the gate would say now, hashing the artifact for it."""
    place = _place(environment)
    prepared = await _hashed(caller, partial(deployments.candidate, model=model, version=version))

    def read(view: Any) -> GateAnswer:  # noqa: ANN401  # a view
        outlook = deployments.gate_answer(
            view, model, version, environment=place, prepared=prepared
        )
        return gate_answer(outlook, model=model, version=version, environment=environment)

    return await caller.read(read, lambda _view, answer: answer)


@router.post(f"{VERSION}/deploy", status_code=201, responses=answers(DeploymentAnswer, status=201))
@router.post(f"{SHORT}/deploy", status_code=201, responses=answers(DeploymentAnswer, status=201))
async def deploy(
    model: str,
    version: str,
    caller: Annotated[Caller, may(Permission.DEPLOY_PRODUCTION)],
    body: Launch | None = None,
) -> Response:
    """Take a version live, if the gate allows; to staging with `deploy.staging`."""
    said = body or Launch()
    launch = deployments.Launch(
        environment=_place(said.environment),
        strategy=said.strategy,
        notes=said.notes,
        reference=said.reference,
        target=said.target,
    )
    prepared = await _hashed(caller, partial(deployments.candidate, model=model, version=version))
    action = partial(
        deployments.start, model=model, version=version, prepared=prepared, launch=launch
    )
    return await caller.write(
        claimed(action, said.claims()),
        deployment_answer,
        again=_again,
        status=201,
        names=DEPLOYMENT_THEIRS,
    )


@router.post(
    "/models/{model}/rollback", status_code=201, responses=answers(DeploymentAnswer, status=201)
)
async def rollback(
    model: str,
    body: Return,
    caller: Annotated[Caller, may(Permission.DEPLOY_ROLLBACK, rate=Rate.RESERVE)],
) -> Response:
    """Make the version that was live before, or the one that `to` names, live again."""
    return await _go_back(caller, model, body, gone=None)


@router.post(
    f"{VERSION}/rollback", status_code=201, responses=answers(DeploymentAnswer, status=201)
)
async def rollback_version(
    model: str,
    version: str,
    body: Return,
    caller: Annotated[Caller, may(Permission.DEPLOY_ROLLBACK, rate=Rate.RESERVE)],
) -> Response:
    """Take back this version, which has to be live."""
    return await _go_back(caller, model, body, gone=version)


@router.get("/models/{model}/live", responses=answers(LiveAnswer))
async def live(
    model: str,
    caller: Annotated[Caller, may(Permission.MODEL_READ)],
    environment: str = PRODUCTION,
    as_of: Moment | None = None,
) -> Response:
    """Say what is live, or was at a moment, and the artifact that has to be running."""
    place = _place(environment)

    def read(view: Any) -> LiveAnswer:  # noqa: ANN401  # a view
        found = deployments.live(view, model, environment=place, as_of=as_of)
        return live_answer(view, found, model=model, environment=environment, as_of=as_of)

    return await caller.read(read, lambda _view, answer: answer)


@router.get("/deployments", responses=pages(DeploymentAnswer))
async def listing(
    caller: Annotated[Caller, may(Permission.DEPLOYMENT_READ)],
    part: Annotated[Page, Depends(page)],
    model: str | None = None,
    environment: str | None = None,
    state: str | None = None,
    kind: str | None = None,
) -> Response:
    """List deployments, newest first."""
    action = partial(
        deployments.deployments,
        page=part,
        model=model,
        environment=maybe_named(Environment, environment, field="environment"),
        state=maybe_named(deployments.DeploymentState, state, field="state"),
        kind=maybe_named(deployments.DeploymentKind, kind, field="kind"),
    )
    return await caller.page(action, deployment_answer, name="deployments")


@router.post(
    "/deployments/record", status_code=201, responses=answers(DeploymentAnswer, status=201)
)
async def record(
    body: Noted, caller: Annotated[Caller, may(Permission.DEPLOY_PRODUCTION)]
) -> Response:
    """Note a deployment made elsewhere; without a valid approval it is recorded as a bypass (RL-36a)."""
    made = deployments.Made(
        environment=_place(body.environment), at=body.at, notes=body.notes, reference=body.reference
    )
    action = partial(deployments.record, model=body.model, version=body.version, made=made)
    return await caller.write(
        claimed(action, body.claims()), deployment_answer, again=_again, status=201
    )


@router.get("/deployments/{deployment}", responses=answers(DeploymentAnswer))
async def deployment(
    deployment: str, caller: Annotated[Caller, may(Permission.DEPLOYMENT_READ)]
) -> Response:
    """Show a deployment."""
    action = partial(deployments.deployment, deployment_id=deployment)
    return await caller.read(action, deployment_answer)


async def _decide(
    caller: Caller, act: Callable[..., Any], model: str, version: str, body: PlacedBallot
) -> Response:
    place = maybe_named(Environment, body.environment, field="environment")
    ballot = body.given()

    def decide(change: Any) -> Any:  # noqa: ANN401  # a change, a dossier
        found = approvals.find_open_request(change, model, version, environment=place)
        return act(change, found.id, ballot=ballot)

    return await caller.write(
        claimed(decide, body.claims()), dossier_answer, again=decided(), names=REQUEST_THEIRS
    )


async def _go_back(caller: Caller, model: str, body: Return, *, gone: str | None) -> Response:
    place = _place(body.environment)
    find = partial(deployments.candidate_before, model=model, environment=place, to=body.to)
    prepared = await _hashed(caller, find)
    act = partial(
        deployments.rollback,
        model=model,
        reason=body.reason,
        prepared=prepared,
        environment=place,
    )

    def go_back(change: Any) -> Any:  # noqa: ANN401  # a change, a deployment
        found = None if gone is None else deployments.live(change, model, environment=place)
        if gone is not None and (found is None or found.label != gone):
            raise NothingToRollBackTo(f"{model}@{gone} is not live in {place}")
        return act(change)

    return await caller.write(
        claimed(go_back, body.claims()), deployment_answer, again=_again, status=201
    )


async def _hashed(
    caller: Caller, find: Callable[[Any], deployments.Candidate]
) -> deployments.Prepared:
    """Find the artifact, then read it with no transaction open (RL-34)."""
    chosen = await caller.look(find)
    warden = caller.host.warden
    return await caller.prepare(
        partial(deployments.hashed, chosen, warden.settings, warden.sources)
    )


def _again(view: Any, deployment_id: str) -> DeploymentAnswer:  # noqa: ANN401  # a view
    return deployment_answer(view, deployments.deployment(view, deployment_id))


def _place(word: str) -> Environment:
    return named(Environment, word, field="environment")
