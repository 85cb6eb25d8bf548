"""The moves of a switch whose release goes in steps (SG-11). Pure: who may move it, and when, is said elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from modelwarden.errors import SwitchNotActive
from modelwarden.safeguards.switch import SwitchState

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.safeguards.ramp import Ramp
    from modelwarden.safeguards.switch import Switch
    from modelwarden.values.ids import ActorId, Commitment


def begun(switch: Switch, ramp: Ramp, *, by: ActorId, notes: Commitment, at: datetime) -> Switch:
    """Return a switch whose release is confirmed in steps: the first stands. Raises as `Switch.release` does."""
    switch.require_confirmable()
    return replace(
        switch.moved(SwitchState.RAMPING),
        ended_by=by,
        ended_notes=notes,
        ramp=ramp.steps,
        bake_s=ramp.bake_s,
        ramp_step=0,
        ramp_moved_at=at,
    )


def advanced(switch: Switch, *, at: datetime) -> Switch:
    """Return a switch a step further; behind the last but one it is released. Raises SwitchNotActive."""
    if switch.state is not SwitchState.RAMPING or switch.ramp is None or switch.ramp_step is None:
        raise SwitchNotActive(switch.id, switch.state, "moved a step")
    step = switch.ramp_step + 1
    if step < len(switch.ramp) - 1:
        return replace(switch, ramp_step=step, ramp_moved_at=at)
    ended = switch.moved(SwitchState.RELEASED)
    return replace(ended, ramp_step=step, ramp_moved_at=at, ended_at=at)


def is_baked(switch: Switch, now: datetime) -> bool:
    """Tell whether the step that stands has stood for its time."""
    return (
        switch.state is SwitchState.RAMPING
        and switch.ramp_moved_at is not None
        and switch.ramp_moved_at + timedelta(seconds=switch.bake_s or 0) <= now
    )
