"""Routes of models."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, may
from modelwarden.api.shapes import Shape, Text, Word, answers, page, pages
from modelwarden.permissions import Permission
from modelwarden.registry import actions
from modelwarden.registry.answers import comparison_answer, model_answer
from modelwarden.values.answers import ComparisonAnswer, ModelAnswer
from modelwarden.values.pages import Listing, Page

router = APIRouter(prefix="/api/governance/models", route_class=StrictRoute, tags=["models"])


class NewModel(Shape):
    """Body of POST models."""

    name: Word
    owner: Word | None = None
    business_purpose: Text | None = None
    type: str = ""
    risk_tier: int = 3
    team: str = ""
    tags: list[str] = Field(default_factory=list)


class ModelChanges(Shape):
    """Body of PATCH models/{model}: what is left out stays."""

    owner: Word | None = None
    business_purpose: Text | None = None
    type: str | None = None
    risk_tier: int | None = None
    team: str | None = None
    tags: list[str] | None = None


class Retirement(Shape):
    """Body of POST models/{model}/retire."""

    replacement: Word | None = None
    reason: Text = ""


@router.post("", status_code=201, responses=answers(ModelAnswer, status=201))
async def register(
    body: NewModel, caller: Annotated[Caller, may(Permission.MODEL_REGISTER)]
) -> Response:
    """Register a model."""
    new = actions.NewModel(
        name=body.name,
        owner=body.owner,
        purpose=body.business_purpose,
        type=body.type,
        risk_tier=body.risk_tier,
        team=body.team,
        tags=tuple(body.tags),
    )
    action = partial(actions.register_model, new=new)
    return await caller.write(action, model_answer, again=_again(body.name), status=201)


@router.get("", responses=pages(ModelAnswer))
async def models(  # noqa: PLR0913, PLR0917  # the filters of a list
    caller: Annotated[Caller, may(Permission.MODEL_READ)],
    part: Annotated[Page, Depends(page)],
    owner: str | None = None,
    status: str | None = None,
    stage: str | None = None,
    tag: str | None = None,
    text: str | None = None,
) -> Response:
    """List the models that the caller may read, by name."""

    def read(view: Any) -> Listing[Any]:  # noqa: ANN401  # a view
        wanted = actions.model_filter(status=status, stage=stage, tag=tag, text=text)
        if owner is not None:
            wanted = actions.owner_filter(view, owner, wanted=wanted)
        return actions.models(view, part, wanted=wanted)

    return await caller.page(read, model_answer, name="models")


@router.get("/{model}", responses=answers(ModelAnswer))
async def model(model: str, caller: Annotated[Caller, may(Permission.MODEL_READ)]) -> Response:
    """Show a model."""
    return await caller.read(partial(actions.model, name=model), model_answer)


@router.patch("/{model}", responses=answers(ModelAnswer))
async def update(
    model: str, body: ModelChanges, caller: Annotated[Caller, may(Permission.MODEL_UPDATE)]
) -> Response:
    """Set what is known of a model; naming owner and purpose confirms them (RL-1)."""
    changes = actions.ModelChanges(
        owner=body.owner,
        purpose=body.business_purpose,
        type=body.type,
        risk_tier=body.risk_tier,
        team=body.team,
        tags=None if body.tags is None else tuple(body.tags),
    )
    action = partial(actions.update_model, name=model, changes=changes, revision=caller.revision)
    return await caller.write(action, model_answer, again=_again(model))


@router.post("/{model}/retire", responses=answers(ModelAnswer))
async def retire(
    model: str,
    caller: Annotated[Caller, may(Permission.MODEL_RETIRE)],
    body: Retirement | None = None,
) -> Response:
    """End a line of work; nothing of it may be live."""
    said = body or Retirement()
    action = partial(
        actions.retire_model, name=model, replacement=said.replacement, reason=said.reason
    )
    return await caller.write(action, model_answer, again=_again(model))


@router.get("/{model}/compare", responses=answers(ComparisonAnswer))
async def compare(
    model: str, a: str, b: str, caller: Annotated[Caller, may(Permission.MODEL_READ)]
) -> Response:
    """Show how two versions of a model differ."""
    return await caller.read(
        partial(actions.compare, model_name=model, a=a, b=b), comparison_answer
    )


def _again(name: str) -> Any:  # noqa: ANN401  # reads the model for a repeat
    return lambda view, _id: model_answer(view, actions.model(view, name))
