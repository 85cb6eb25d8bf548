"""Routes of triggers, of what they fired, and of the ways in which models fail."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, may
from modelwarden.api.shapes import Shape, Text, Word, answers, page, pages
from modelwarden.permissions import Permission
from modelwarden.safeguards import actions
from modelwarden.safeguards.triggers.answers import (
    failure_mode_answers,
    firing_answer,
    trigger_answer,
)
from modelwarden.values.pages import Page
from modelwarden.values.triggers import FailureModeAnswer, FiringAnswer, TriggerAnswer
from modelwarden.values.words import named

router = APIRouter(prefix="/api/governance", route_class=StrictRoute, tags=["triggers"])

Reader = Annotated[Caller, may(Permission.SWITCH_READ)]
Writer = Annotated[Caller, may(Permission.TRIGGER_WRITE)]
Part = Annotated[Page, Depends(page)]
Figure = str | int | float
Count = Annotated[int, Field(ge=0, le=10**9)]


class Rung(Shape):
    """A step of a ladder, and between which figures it stands."""

    step: Word
    threshold: Figure
    clear: Figure


class TriggerBody(Shape):
    """Body of PUT triggers/{name}; what is left out comes from the signal."""

    model: Word
    signal: Word
    environment: Word = "production"
    by: Word | None = None
    ladder: Annotated[list[Rung], Field(max_length=5)] | None = None
    window_s: Count | None = None
    n_min: Count | None = None
    consecutive: Count | None = None
    dry_run: bool = False
    auto_activate: bool = False
    max_share: Count = 2_500
    budget: Count = 3
    owner: Word | None = None
    account: Word | None = None

    def value(self, name: str) -> actions.NewTrigger:
        """Return what the action takes. Raises ValueInvalid."""
        ladder = None if self.ladder is None else [rung.model_dump() for rung in self.ladder]
        return actions.NewTrigger(
            name=name,
            model=self.model,
            signal=self.signal,
            environment=named(actions.Environment, self.environment, field="environment"),
            by=self.by,
            ladder=ladder,
            window_s=self.window_s,
            n_min=self.n_min,
            consecutive=self.consecutive,
            dry_run=self.dry_run,
            auto_activate=self.auto_activate,
            max_share=self.max_share,
            budget=self.budget,
            owner=self.owner,
            account=self.account,
        )


class NamedTrigger(TriggerBody):
    """Body of POST triggers."""

    name: Word


class Override(Shape):
    """Body of POST firings/{firing}/severity."""

    severity: Word
    reason: Text = ""


@router.post("/triggers", status_code=201, responses=answers(TriggerAnswer, status=201))
async def add(body: NamedTrigger, caller: Writer) -> Response:
    """Write a trigger, or a version of it."""
    return await _set(caller, body.value(body.name), status=201)


@router.get("/triggers", responses=pages(TriggerAnswer))
async def triggers(
    caller: Reader,
    part: Part,
    *,
    model: Annotated[str | None, Query(max_length=128)] = None,
) -> Response:
    """List the triggers that are in force or wait, by name."""
    action = partial(actions.triggers, page=part, model=model)
    return await caller.page(action, trigger_answer, name="triggers")


@router.get("/triggers/{trigger}", responses=answers(TriggerAnswer))
async def show(trigger: str, caller: Reader) -> Response:
    """Show the newest version of a trigger."""
    return await caller.read(partial(actions.trigger, name=trigger), trigger_answer)


@router.put("/triggers/{trigger}", responses=answers(TriggerAnswer))
async def put(trigger: str, body: TriggerBody, caller: Writer) -> Response:
    """Write a version of a trigger; the same again is none."""
    return await _set(caller, body.value(trigger), status=200)


@router.get("/triggers/{trigger}/versions", responses=pages(TriggerAnswer))
async def versions(trigger: str, caller: Reader, part: Part) -> Response:
    """List the versions of a trigger, newest first."""
    action = partial(actions.trigger_versions, name=trigger, page=part)
    return await caller.page(action, trigger_answer, name="trigger-versions")


@router.get("/triggers/{trigger}/firings", responses=pages(FiringAnswer))
async def firings(trigger: str, caller: Reader, part: Part) -> Response:
    """List what a trigger fired, newest first."""
    action = partial(actions.firings, name=trigger, page=part)
    return await caller.page(action, firing_answer, name="firings")


@router.post("/triggers/{trigger}/approve", responses=answers(TriggerAnswer))
async def approve(trigger: str, caller: Writer) -> Response:
    """Agree, as the second person, to the version that waits, or to the end of a trigger."""
    action = partial(actions.approve_trigger, name=trigger)
    return await caller.write(action, trigger_answer, again=partial(_again, name=trigger))


@router.post("/triggers/{trigger}/retire", responses=answers(TriggerAnswer))
async def retire(trigger: str, caller: Writer) -> Response:
    """Ask for the end of a trigger; it judges until a second person agrees."""
    action = partial(actions.retire_trigger, name=trigger)
    return await caller.write(action, trigger_answer, again=partial(_again, name=trigger))


@router.post("/firings/{firing}/severity", responses=answers(FiringAnswer))
async def override_severity(
    firing: str, body: Override, caller: Annotated[Caller, may(Permission.SWITCH_ACTIVATE)]
) -> Response:
    """Say how bad a firing is, instead of the rules."""
    action = partial(
        actions.override_severity,
        firing_id=firing,
        severity=named(actions.SwitchSeverity, body.severity, field="severity"),
        reason=body.reason,
    )

    def again(view: Any, _found: str) -> FiringAnswer:  # noqa: ANN401  # a view
        return firing_answer(view, actions.firing(view, firing))

    return await caller.write(action, firing_answer, again=again)


@router.get("/failure-modes", responses=pages(FailureModeAnswer))
async def failure_modes(
    caller: Reader,
    model: Annotated[str, Query(min_length=1, max_length=128)],
    environment: Annotated[str, Query(max_length=64)] = "production",
) -> Response:
    """List the ways in which a model fails, and what would notice each."""
    place = named(actions.Environment, environment, field="environment")
    action = partial(actions.covered, model=model, environment=place)
    return await caller.read(action, failure_mode_answers)


async def _set(caller: Caller, new: actions.NewTrigger, *, status: int) -> Response:
    action = partial(actions.set_trigger, new=new)
    again = partial(_again, name=new.name)
    return await caller.write(action, trigger_answer, again=again, status=status)


def _again(view: Any, _found: str, *, name: str) -> TriggerAnswer:  # noqa: ANN401  # a view
    return trigger_answer(view, actions.trigger(view, name))
