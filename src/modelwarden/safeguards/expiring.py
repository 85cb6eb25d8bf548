"""What time does to switches: some end, ramps go on, and people are told of those that stand (SG-6, SG-11).

These are the program's own acts, called by a reaction; anybody else is refused. The server's clock decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelwarden.errors import NotPermitted
from modelwarden.facts.kinds import Code
from modelwarden.facts.safeguards import SwitchExpired, SwitchReminded
from modelwarden.safeguards import queries
from modelwarden.safeguards.ramp import Verdict, nobody_asked
from modelwarden.safeguards.ramping import advanced, is_baked
from modelwarden.safeguards.reach import reach_of, registrable
from modelwarden.safeguards.releasing import keep, tell_ramp, tell_released
from modelwarden.safeguards.switch import SwitchState
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelwarden.safeguards.ramp import Judge
    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import SwitchId

PASSED: Final = Code("passed")
FAILED: Final = Code("failed")


def due(view: View, *, judge: Judge = nobody_asked) -> tuple[SwitchId, ...]:
    """Return some switches whose end has come, whose ramp moves, or of which people have to be reminded, each once."""
    now = view.now
    moving = [each for each in queries.ramping(view) if _move(view, each, judge) is not None]
    found = (*queries.ending(view, now), *moving, *queries.untold(view, now))
    return tuple(dict.fromkeys(switch.id for switch in _movable(view, found)))


def keep_time(change: Change, switch_id: SwitchId, *, judge: Judge = nobody_asked) -> Switch | None:
    """Do to a switch what is due by now: end it, move its ramp, or remind people of it; None where nothing is any more.

    The row is locked and read again, so that of two processes that see the same step due one moves it.
    """
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("time does this, not a person", reasons=("not_the_program",))
    switch = queries.locked_switch(change, switch_id)
    if switch is not None and switch.is_due(change.now):
        return _expire(change, switch)
    verdict = None if switch is None else _move(change, switch, judge)
    if switch is not None and verdict is not None:
        return _ramp(change, switch, verdict)
    if switch is not None and switch.is_to_be_reminded_of(change.now):
        return _remind(change, switch)
    change.unchanged("switch", switch_id)
    return None


def _move(view: View, switch: Switch, judge: Judge) -> Verdict | None:
    """Return by which verdict the ramp of a switch moves now; None where it stays.

    A step that fails is taken back before its time; one passes only after it, and nobody moves what is not known.
    """
    if switch.state is not SwitchState.RAMPING:
        return None
    verdict = judge(view, switch)
    if verdict is Verdict.PASS:
        return verdict if is_baked(switch, view.now) else None
    return verdict if verdict is Verdict.FAIL else None


def _ramp(change: Change, switch: Switch, verdict: Verdict) -> Switch:
    if verdict is Verdict.FAIL:
        return keep(change, switch, FAILED)
    moved = change.save(advanced(switch, at=change.now))
    tell_ramp(change, moved, PASSED)
    if not moved.is_live and moved.ended_notes is not None:
        tell_released(change, moved, notes=moved.ended_notes)
    return moved


def _expire(change: Change, switch: Switch) -> Switch:
    ended = change.save(switch.expire(by=change.actor, at=change.now))
    change.record(
        SwitchExpired(
            switch=ended.id,
            environment=Code(ended.environment),
            models=registrable(reach_of(ended).models),
            expires_at=ended.expires_at or change.now,
        )
    )
    return ended


def _remind(change: Change, switch: Switch) -> Switch:
    told = change.save(replace(switch, reminded_at=change.now))
    change.record(
        SwitchReminded(
            switch=told.id,
            environment=Code(told.environment),
            models=registrable(reach_of(told).models),
            state=Code(told.state),
            since=told.activated_at,
            expires_at=told.expires_at,
        )
    )
    return told


def _movable(view: View, found: Iterable[Switch]) -> Iterable[Switch]:
    """Leave out what a restore left behind the ledger: a person decides about those first (LG-46)."""
    return (switch for switch in found if not view.is_frozen("switch", switch.id))
