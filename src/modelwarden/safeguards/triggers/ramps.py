"""What triggers say of a release in steps: each step needs their pass (SG-11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.registry.queries import find_model
from modelwarden.safeguards import ramp
from modelwarden.safeguards.reach import reach_of
from modelwarden.safeguards.triggers import queries
from modelwarden.safeguards.triggers.judge import Verdict
from modelwarden.safeguards.triggers.reads import verdict_of

if TYPE_CHECKING:
    from modelwarden.safeguards.switch import Switch
    from modelwarden.safeguards.triggers.trigger import Trigger
    from modelwarden.store.change import View


def by_triggers(view: View, switch: Switch) -> ramp.Verdict:
    """Judge by all triggers of the models that a switch may touch: fail, else unknown, else pass.

    Where no trigger is in force there is no rule to be asked, and a step that has stood for its time passes. One that
    is only tried out is not asked.
    """
    found = {
        verdict_of(view, each)
        for each in queries.in_force(view)
        if not each.dry_run
        and each.environment is switch.environment
        and _touches(view, switch, each)
    }
    if Verdict.FAIL in found:
        return ramp.Verdict.FAIL
    return ramp.Verdict.UNKNOWN if Verdict.UNKNOWN in found else ramp.Verdict.PASS


def _touches(view: View, switch: Switch, trigger: Trigger) -> bool:
    model = find_model(view, trigger.model)
    return reach_of(switch).may_touch(trigger.model, None if model is None else model.type)
