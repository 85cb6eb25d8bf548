"""Which switches stop a version by its label: what the gate asks before it lets it go further (RL-33)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.safeguards import queries
from modelwarden.safeguards.reach import holds, reach_of
from modelwarden.safeguards.switch import SwitchAction

if TYPE_CHECKING:
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.registry.version import Version
    from modelwarden.store.change import View

VERSION: Final = "version"


def switches_naming(view: View, environment: Environment, version: Version) -> tuple[str, ...]:
    """Return the switches that stop calls of a version and say so; those that only count stop nothing."""
    found = queries.live_switches(view, environment, version.model)
    return tuple(
        str(switch.id)
        for switch in found
        if switch.action is not SwitchAction.OBSERVE
        and VERSION in (scope := reach_of(switch).scope)
        and holds(scope[VERSION], version.label, VERSION)
    )
