"""Routes of drills: faults put into predictions on purpose (SG-53, SG-54)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, claimed, may
from modelwarden.api.limits import Rate
from modelwarden.api.shapes import Claims, Figure, Word, answers, page, pages
from modelwarden.api.switches import THEIRS, Conditions
from modelwarden.permissions import Permission
from modelwarden.safeguards import actions
from modelwarden.safeguards.drills.answers import drill_answer, overdue_answer
from modelwarden.values.drills import DrillAnswer, OverdueAnswer
from modelwarden.values.pages import Page
from modelwarden.values.words import named

router = APIRouter(prefix="/api/governance/drills", route_class=StrictRoute, tags=["drills"])

Reader = Annotated[Caller, may(Permission.SWITCH_READ)]
Runner = Annotated[Caller, may(Permission.DRILL_RUN)]


class NewDrill(Claims):
    """Body of POST drills."""

    fault: Word
    scope: Conditions = Field(default_factory=dict)
    except_: Conditions | None = Field(default=None, alias="except")
    share: Figure = "0.01"
    ttl: Word = "10m"
    environment: Word = "staging"
    detect_within: Word | None = None
    activate_within: Word | None = None
    confirm_within: Word | None = None

    def value(self) -> actions.NewDrill:
        """Return what the action takes. Raises ValueInvalid."""
        return actions.NewDrill(
            fault=self.fault,
            scope=self.scope,
            exception=self.except_ or {},
            share=self.share,
            ttl=self.ttl,
            environment=named(actions.Environment, self.environment, field="environment"),
            detect_within=self.detect_within,
            activate_within=self.activate_within,
            confirm_within=self.confirm_within,
        )


class Move(Claims):
    """Body of POST drills/{drill}/confirm and stop."""


@router.post("", status_code=201, responses=answers(DrillAnswer, status=201))
async def run(body: NewDrill, caller: Runner) -> Response:
    """Put a fault into a part of a model's traffic; in production another person has to confirm it first."""
    action = claimed(partial(actions.run_drill, new=body.value()), body.claims())
    return await caller.write(action, drill_answer, again=_again, status=201, names=THEIRS)


@router.get("", responses=pages(DrillAnswer))
async def drills(
    caller: Reader,
    part: Annotated[Page, Depends(page)],
    *,
    model: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """List drills, newest first."""
    action = partial(actions.drills, page=part, model=model)
    return await caller.page(action, drill_answer, name="drills", names=THEIRS)


@router.get("/overdue", responses=pages(OverdueAnswer))
async def overdue(caller: Reader, part: Annotated[Page, Depends(page)]) -> Response:
    """List the ways to fail that no drill made happen for too long, by model and name."""
    action = partial(actions.overdue, page=part)
    return await caller.page(action, overdue_answer, name="overdue-drills")


@router.get("/{drill}", responses=answers(DrillAnswer))
async def show(drill: str, caller: Reader) -> Response:
    """Show a drill, and once it is reported what came of it."""
    return await caller.read(partial(actions.drill, drill_id=drill), drill_answer, names=THEIRS)


@router.post("/{drill}/confirm", responses=answers(DrillAnswer))
async def confirm(drill: str, body: Move, caller: Runner) -> Response:
    """Let a drill begin that another person asked for."""
    return await _moved(caller, drill, partial(actions.confirm_drill, drill_id=drill), body)


@router.post("/{drill}/stop", responses=answers(DrillAnswer))
async def stop(
    drill: str,
    body: Move,
    caller: Annotated[Caller, may(Permission.SWITCH_ACTIVATE, rate=Rate.RESERVE)],
) -> Response:
    """End a drill at once; who may stop the model may do so too."""
    return await _moved(caller, drill, partial(actions.stop_drill, drill_id=drill), body)


async def _moved(caller: Caller, drill: str, action: Any, body: Claims) -> Response:  # noqa: ANN401  # a bound action
    def again(view: Any, _found: str) -> DrillAnswer:  # noqa: ANN401  # a view
        return _again(view, drill)

    run = claimed(action, body.claims())
    return await caller.write(run, drill_answer, again=again, names=THEIRS)


def _again(view: Any, found: str) -> DrillAnswer:  # noqa: ANN401  # a view
    return drill_answer(view, actions.drill(view, found))
