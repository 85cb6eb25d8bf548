"""Routes of proposed switches: what triggers would do, and a person may by one press (SG-48)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, may
from modelwarden.api.limits import Rate
from modelwarden.api.shapes import Shape, Text, answers, page, pages
from modelwarden.permissions import Permission
from modelwarden.safeguards import actions
from modelwarden.safeguards.triggers.answers import proposal_answer
from modelwarden.values.pages import Page
from modelwarden.values.triggers import ProposalAnswer

router = APIRouter(
    prefix="/api/governance/kill-switches/proposals",
    route_class=StrictRoute,
    tags=["kill switches"],
)


class Acceptance(Shape):
    """Body of POST kill-switches/proposals/{proposal}/accept."""

    reason: Text | None = None


@router.get("", responses=pages(ProposalAnswer))
async def proposals(
    caller: Annotated[Caller, may(Permission.SWITCH_READ)],
    part: Annotated[Page, Depends(page)],
    *,
    everything: bool = False,
) -> Response:
    """List proposed switches that are open, newest first; with `everything`, all that ever were."""
    action = partial(actions.proposals, page=part, everything=everything)
    return await caller.page(action, proposal_answer, name="proposals")


@router.post("/{proposal}/accept", responses=answers(ProposalAnswer))
async def accept(
    proposal: str,
    body: Acceptance,
    caller: Annotated[Caller, may(Permission.SWITCH_ACTIVATE, rate=Rate.RESERVE)],
) -> Response:
    """Put a proposed switch in force as it was proposed."""
    action = partial(actions.accept, proposal_id=proposal, reason=body.reason)

    def again(view: Any, _found: str) -> ProposalAnswer:  # noqa: ANN401  # a view
        return proposal_answer(view, actions.proposal(view, proposal))

    return await caller.write(action, proposal_answer, again=again)
