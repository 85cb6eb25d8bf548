"""Routes of local stops: what guards block by themselves, and what people make of it (SG-13, SG-17)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, claimed, may
from modelwarden.api.limits import Rate
from modelwarden.api.shapes import Claims, Text, Word, answers, page, pages
from modelwarden.permissions import Permission
from modelwarden.safeguards import actions
from modelwarden.safeguards.local_stops.reads import adopted_answer, local_stop_answer
from modelwarden.values.local_stops import LocalStopAnswer
from modelwarden.values.pages import Page
from modelwarden.values.words import maybe_named

router = APIRouter(
    prefix="/api/governance/local-stops", route_class=StrictRoute, tags=["kill switches"]
)

THEIRS: Final = {"exception": "except"}
Reader = Annotated[Caller, may(Permission.SWITCH_READ)]


class Adoption(Claims):
    """Body of POST local-stops/{stop}/adopt."""

    reason: Text = ""
    severity: Word | None = None
    everything: bool = False


class Dropping(Claims):
    """Body of POST local-stops/{stop}/drop."""

    notes: Text = ""


@router.get("", responses=pages(LocalStopAnswer))
async def local_stops(
    caller: Reader, part: Annotated[Page, Depends(page)], *, standing: bool = False
) -> Response:
    """List local stops, newest first; those alone that wait for a person."""
    action = partial(actions.local_stops, page=part, standing=standing)
    return await caller.page(action, local_stop_answer, name="local-stops", names=THEIRS)


@router.get("/{stop}", responses=answers(LocalStopAnswer))
async def show(stop: str, caller: Reader) -> Response:
    """Show a local stop."""
    action = partial(actions.local_stop, stop_id=stop)
    return await caller.read(action, local_stop_answer, names=THEIRS)


@router.post("/{stop}/adopt", responses=answers(LocalStopAnswer))
async def adopt(
    stop: str,
    body: Adoption,
    caller: Annotated[Caller, may(Permission.SWITCH_ACTIVATE, rate=Rate.RESERVE)],
) -> Response:
    """Make a switch of what a guard blocks by itself."""
    action = partial(
        actions.adopt_local_stop,
        stop_id=stop,
        reason=body.reason,
        severity=maybe_named(actions.SwitchSeverity, body.severity, field="severity"),
        everything=body.everything,
    )
    run = claimed(action, body.claims())
    return await caller.write(run, adopted_answer, again=_again(stop), names=THEIRS)


@router.post("/{stop}/drop", responses=answers(LocalStopAnswer))
async def drop(
    stop: str, body: Dropping, caller: Annotated[Caller, may(Permission.SWITCH_RELEASE)]
) -> Response:
    """Say that a local stop need not be kept up; a stop file goes on blocking on its machine."""
    action = partial(actions.drop_local_stop, stop_id=stop, notes=body.notes)
    run = claimed(action, body.claims())
    return await caller.write(run, local_stop_answer, again=_again(stop), names=THEIRS)


def _again(stop: str) -> Any:  # noqa: ANN401  # a function of a view
    def again(view: Any, _found: str) -> LocalStopAnswer:  # noqa: ANN401  # a view
        return local_stop_answer(view, actions.local_stop(view, stop))

    return again
