"""Switches as callers get them, with handles and words filled in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from modelwarden.access.accounts import handle_of
from modelwarden.guard.switch import Action
from modelwarden.safeguards.fleet.reads import applied
from modelwarden.safeguards.switch import CHAIN
from modelwarden.store.erasing import shown
from modelwarden.values.switches import (
    SwitchAnswer,
    SwitchCheckAnswer,
    SwitchMatchAnswer,
    ToggleAnswer,
    TogglesAnswer,
)

if TYPE_CHECKING:
    from modelwarden.safeguards.activating import Activation
    from modelwarden.safeguards.reads import Check
    from modelwarden.safeguards.switch import Switch
    from modelwarden.safeguards.toggles import Toggles
    from modelwarden.store.change import View
    from modelwarden.values.ids import ActorId


def switch_answer(view: View, switch: Switch) -> SwitchAnswer:
    """Return a switch as callers see it."""
    return SwitchAnswer(
        id=switch.id,
        state=switch.state.value,
        name=switch.name,
        source=switch.source,
        environment=switch.environment.value,
        scope=json.loads(switch.scope),
        exception=json.loads(switch.exception),
        everything=switch.is_everything,
        action=switch.action.value,
        fallback=switch.fallback,
        severity=switch.severity.value,
        reason=shown(view, switch.reason),
        incident=switch.incident,
        evidence=switch.evidence,
        expires_at=switch.expires_at,
        on_expiry=None if switch.on_expiry is None else switch.on_expiry.value,
        unknown=switch.unknown.value,
        lkg_before=switch.lkg_before,
        via=switch.origin.value,
        activated_by=handle_of(view, switch.activated_by),
        activated_at=switch.activated_at,
        reminded_at=switch.reminded_at,
        release_requested_by=_handle(view, switch.requested_by),
        release_requested_at=switch.requested_at,
        notes=shown(view, switch.notes),
        verification=shown(view, switch.verification),
        ended_by=_handle(view, switch.ended_by),
        ended_at=switch.ended_at,
        ended_notes=shown(view, switch.ended_notes),
        revision=switch.revision,
        ramp=switch.ramp,
        bake_s=switch.bake_s,
        ramp_step=None if switch.ramp_step is None else switch.ramp_step + 1,
        ramp_moved_at=switch.ramp_moved_at,
        held=switch.held if switch.is_live else 0,
        applied=applied(view, switch.id),
    )


def activation_answer(view: View, activation: Activation) -> SwitchAnswer:
    """Return a switch that was just activated, or was in force before."""
    return replace(switch_answer(view, activation.switch), repeated=activation.repeated)


def check_answer(_view: View, check: Check) -> SwitchCheckAnswer:
    """Return what the switches say of a call as callers see it."""
    match = check.match
    fallback: tuple[str, ...] = ()
    if match.action is Action.FALLBACK:
        fallback = (CHAIN,) if match.steps is None else match.steps
    return SwitchCheckAnswer(
        environment=check.environment.value,
        context=check.context,
        action=match.action.name.lower(),
        fallback=fallback,
        missing=match.missing,
        matches=tuple(
            SwitchMatchAnswer(
                switch=each.switch.id,
                action=each.switch.action.value,
                severity=each.switch.severity.value,
                state=each.switch.state.value,
                why=each.why,
            )
            for each in check.matches
        ),
    )


def toggles_answer(_view: View, toggles: Toggles) -> TogglesAnswer:
    """Return what became of a file of switches as callers see it."""
    return TogglesAnswer(
        source=toggles.source,
        toggles=tuple(
            ToggleAnswer(
                name=each.name,
                outcome=each.outcome.value,
                switch=None if each.switch is None else each.switch.id,
            )
            for each in toggles.toggles
        ),
    )


def _handle(view: View, actor: ActorId | None) -> str | None:
    return None if actor is None else handle_of(view, actor)
