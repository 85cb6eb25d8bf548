"""Routes of kill switches. Activating has a reserve of calls that nothing else uses up (AC-70)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.api.bodies import OpenRoute, StrictRoute
from modelwarden.api.caller import Caller, claimed, may
from modelwarden.api.limits import Rate
from modelwarden.api.shapes import Claims, Moment, Shape, Text, Word, answers, page, pages
from modelwarden.permissions import Permission
from modelwarden.safeguards import actions
from modelwarden.safeguards.answers import (
    activation_answer,
    check_answer,
    switch_answer,
    toggles_answer,
)
from modelwarden.safeguards.fleet.reads import confirmations_answer
from modelwarden.safeguards.preview import preview_answer
from modelwarden.values.guards import ConfirmationsAnswer
from modelwarden.values.pages import Page
from modelwarden.values.previews import PreviewAnswer
from modelwarden.values.switches import SwitchAnswer, SwitchCheckAnswer, TogglesAnswer
from modelwarden.values.words import maybe_named, named

router = APIRouter(
    prefix="/api/governance/kill-switches", route_class=StrictRoute, tags=["kill switches"]
)

checks = APIRouter(prefix=router.prefix, route_class=OpenRoute, tags=["kill switches"])
"""Comes before `router`, which would take the word for a switch."""

Reader = Annotated[Caller, may(Permission.SWITCH_READ)]
Releaser = Annotated[Caller, may(Permission.SWITCH_RELEASE)]
Conditions = Annotated[dict[str, Any], Field(max_length=32)]
Steps = Annotated[list[Word], Field(max_length=8)]
THEIRS: Final = {"exception": "except"}
"""What is carved out, as requests call it, stands beside our name in answers."""


class NewSwitch(Claims):
    """Body of POST kill-switches."""

    scope: Conditions = Field(default_factory=dict)
    reason: Text = ""
    except_: Conditions | None = Field(default=None, alias="except")
    action: Word | None = None
    fallback: Word | Steps | None = None
    severity: Word = "SEV2"
    environment: Word = "production"
    incident: Word | None = None
    evidence: Word | None = None
    expires_at: Moment | None = None
    on_expiry: Word | None = None
    unknown: Word = "match"
    lkg_before: Moment | None = None
    everything: bool = False
    allow_unknown: bool = False

    def value(self) -> actions.NewSwitch:
        """Return what the action takes. Raises ValueInvalid."""
        return actions.NewSwitch(
            reason=self.reason,
            scope=self.scope,
            exception=self.except_ or {},
            environment=named(actions.Environment, self.environment, field="environment"),
            action=maybe_named(actions.SwitchAction, self.action, field="action"),
            fallback=actions.steps(self.fallback),
            severity=named(actions.SwitchSeverity, self.severity, field="severity"),
            incident=self.incident,
            evidence=self.evidence,
            expires_at=self.expires_at,
            on_expiry=maybe_named(actions.OnExpiry, self.on_expiry, field="on_expiry"),
            unknown=named(actions.Unknown, self.unknown, field="unknown"),
            lkg_before=self.lkg_before,
            everything=self.everything,
            allow_unknown=self.allow_unknown,
        )


class Previewed(Shape):
    """Body of POST kill-switches/preview."""

    scope: Conditions = Field(default_factory=dict)
    except_: Conditions | None = Field(default=None, alias="except")
    environment: Word = "production"


class ToggleFile(Shape):
    """Body of POST kill-switches/apply: the file's own name, and the switches that it names."""

    source: Word = "switches"
    switches: Annotated[list[dict[str, Any]], Field(max_length=200)]


class ReleaseRequest(Claims):
    """Body of POST kill-switches/{switch}/request-release."""

    notes: Text = ""
    verification: Text | None = None


class Confirmation(Claims):
    """Body of POST kill-switches/{switch}/confirm-release."""

    notes: Text = ""
    ramp: Word | None = None
    bake: Word | None = None


class ReleaseNotes(Claims):
    """Body of POST kill-switches/{switch}/refuse-release."""

    notes: Text = ""


class Withdrawal(Claims):
    """Body of POST kill-switches/{switch}/withdraw-release."""

    notes: Text | None = None


@router.post(
    "",
    status_code=201,
    responses=answers(SwitchAnswer, status=201) | answers(SwitchAnswer),
)
async def activate(
    body: NewSwitch, caller: Annotated[Caller, may(Permission.SWITCH_ACTIVATE, rate=Rate.RESERVE)]
) -> Response:
    """Stop predictions in a scope; 200 where an active switch does so already."""
    action = claimed(partial(actions.activate, new=body.value()), body.claims())
    return await caller.write(
        action, activation_answer, again=_again, status=_made_or_found, names=THEIRS
    )


@router.get("", responses=pages(SwitchAnswer))
async def switches(
    caller: Reader,
    part: Annotated[Page, Depends(page)],
    *,
    active: bool = False,
    model: Annotated[str | None, Query(max_length=200)] = None,
    environment: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """List switches, newest first; those that are enforced alone, or those that may touch a model."""
    wanted = actions.SwitchFilter(
        live=active,
        model=model,
        environment=maybe_named(actions.Environment, environment, field="environment"),
    )
    action = partial(actions.switches, page=part, wanted=wanted)
    return await caller.page(action, switch_answer, name="kill-switches", names=THEIRS)


@checks.get("/check", responses=answers(SwitchCheckAnswer))
async def check(request: Request, caller: Reader, environment: str = "production") -> Response:
    """Say what the live switches do to a call; each parameter but `environment` is a dimension."""
    given = request.query_params.items()
    context = {name: value for name, value in given if name != "environment"}
    place = named(actions.Environment, environment, field="environment")
    action = partial(actions.check, context=context, environment=place)
    return await caller.read(action, check_answer)


@router.post("/preview", responses=answers(PreviewAnswer))
async def preview(body: Previewed, caller: Reader) -> Response:
    """Say what a switch would hit if it were put in force now: nothing is."""
    action = partial(
        actions.preview,
        scope=body.scope,
        exception=body.except_,
        environment=named(actions.Environment, body.environment, field="environment"),
    )
    return await caller.read(action, preview_answer, names=THEIRS)


@router.post("/apply", responses=answers(TogglesAnswer))
async def apply(
    body: ToggleFile, caller: Annotated[Caller, may(Permission.SWITCH_ACTIVATE, rate=Rate.RESERVE)]
) -> Response:
    """Bring switches in force as a file names them; what it no longer names only has its release asked for."""
    action = partial(actions.apply, document=body.model_dump())
    return await caller.write(action, toggles_answer)


@router.get("/{switch}", responses=answers(SwitchAnswer))
async def show(switch: str, caller: Reader) -> Response:
    """Show a switch, live or not."""
    action = partial(actions.switch, switch_id=switch)
    return await caller.read(action, switch_answer, names=THEIRS)


@router.get("/{switch}/confirmations", responses=answers(ConfirmationsAnswer))
async def confirmations(switch: str, caller: Reader) -> Response:
    """Say which guards applied a switch, counted now."""
    action = partial(actions.confirmations, switch_id=switch)
    return await caller.read(action, confirmations_answer)


@router.post("/{switch}/request-release", responses=answers(SwitchAnswer))
async def request_release(switch: str, body: ReleaseRequest, caller: Releaser) -> Response:
    """Ask to let predictions go on; the switch stays enforced until it is confirmed."""
    action = partial(
        actions.request_release,
        switch_id=switch,
        notes=body.notes,
        verification=body.verification,
    )
    return await _move(caller, switch, action, body)


@router.post("/{switch}/confirm-release", responses=answers(SwitchAnswer))
async def confirm_release(switch: str, body: Confirmation, caller: Releaser) -> Response:
    """Release a switch whose release was asked for, at once or in steps; it never comes back."""
    action = partial(
        actions.confirm_release,
        switch_id=switch,
        notes=body.notes,
        ramp=body.ramp,
        bake=body.bake,
    )
    return await _move(caller, switch, action, body)


@router.post("/{switch}/refuse-release", responses=answers(SwitchAnswer))
async def refuse_release(
    switch: str, body: ReleaseNotes, caller: Annotated[Caller, may(Permission.SWITCH_ACTIVATE)]
) -> Response:
    """Keep a switch whose release was asked for; who may release it may do this too."""
    action = partial(actions.refuse_release, switch_id=switch, notes=body.notes)
    return await _move(caller, switch, action, body)


@router.post("/{switch}/withdraw-release", responses=answers(SwitchAnswer))
async def withdraw_release(switch: str, body: Withdrawal, caller: Releaser) -> Response:
    """Take one's own request back; the switch stays active."""
    action = partial(actions.withdraw_release, switch_id=switch, notes=body.notes)
    return await _move(caller, switch, action, body)


async def _move(caller: Caller, switch: str, action: Any, body: Claims) -> Response:  # noqa: ANN401  # a bound action
    def again(view: Any, _found: str) -> SwitchAnswer:  # noqa: ANN401  # a view
        return _again(view, switch)

    run = claimed(action, body.claims())
    return await caller.write(run, switch_answer, again=again, names=THEIRS)


def _again(view: Any, found: str) -> SwitchAnswer:  # noqa: ANN401  # a view
    return switch_answer(view, actions.switch(view, found))


def _made_or_found(answer: SwitchAnswer) -> int:
    return 200 if answer.repeated else 201
