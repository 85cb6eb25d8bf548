"""What time does to switches: those end that were to end, and people are told of those that still stand (SG-6).

These are the program's own acts, called by a reaction; anybody else is refused. The server's clock decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modelwarden.errors import NotPermitted
from modelwarden.facts.kinds import Code
from modelwarden.facts.safeguards import SwitchExpired, SwitchReminded
from modelwarden.safeguards import queries
from modelwarden.safeguards.reach import reach_of, registrable
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import SwitchId


def due(view: View) -> tuple[SwitchId, ...]:
    """Return some switches whose end has come, or of which people have to be reminded, each once."""
    now = view.now
    found = (*queries.ending(view, now), *queries.untold(view, now))
    return tuple(dict.fromkeys(switch.id for switch in _movable(view, found)))


def keep_time(change: Change, switch_id: SwitchId) -> Switch | None:
    """End a switch whose end has come, or remind people of one that stands; None where neither is due any more."""
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("time does this, not a person", reasons=("not_the_program",))
    switch = queries.locked_switch(change, switch_id)
    if switch is not None and switch.is_due(change.now):
        return _expire(change, switch)
    if switch is not None and switch.is_to_be_reminded_of(change.now):
        return _remind(change, switch)
    change.unchanged("switch", switch_id)
    return None


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
