"""What a rung that fires is to do: how bad it is, how much it touches, whether a drill made it (SG-48, SG-52)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelwarden.registry.queries import find_model
from modelwarden.safeguards.drills import queries as drills
from modelwarden.safeguards.severity.classify import Concern, classify
from modelwarden.safeguards.triggers import queries
from modelwarden.safeguards.triggers.evaluating import HOUR
from modelwarden.safeguards.triggers.ladder import Choice, Moment, Step, choose
from modelwarden.safeguards.triggers.signal import DRILLED, known

if TYPE_CHECKING:
    from modelwarden.safeguards.severity.classify import Classified, Severities
    from modelwarden.safeguards.triggers.evaluating import Turn
    from modelwarden.safeguards.triggers.judge import Rung
    from modelwarden.store.change import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a rung that fires is to do: decided again inside the change that does it."""

    turn: Turn
    rung: Rung
    choice: Choice
    classified: Classified
    tier: int | None


def planned(view: View, turn: Turn, rung: Rung, severities: Severities) -> Planned:
    """Return what a rung that fires is to do now."""
    trigger = turn.trigger
    moment = Moment(
        share=turn.share,
        spent=queries.spent(view, trigger.name, view.now - HOUR),
        is_drill=_is_drilled(view, turn),
    )
    model = find_model(view, trigger.model)
    tier = None if model is None else model.risk_tier
    concern = Concern(trigger.signal, known(turn.window.value), turn.share, tier)
    return Planned(
        turn=turn,
        rung=rung,
        choice=choose(Step(rung.step), trigger.limits, moment),
        classified=classify(concern, severities(view, trigger.model, trigger.environment)),
        tier=tier,
    )


def _is_drilled(view: View, turn: Turn) -> bool:
    """Tell whether a drill made some of the evidence; where counts don't tell, whether one ran meanwhile."""
    counts = [each["counts"] for each in turn.evidence]
    if any(each.get(DRILLED) for each in counts):
        return True
    trigger, until = turn.trigger, turn.window.until
    return any(DRILLED not in each for each in counts) and drills.ran_between(
        view, trigger.environment, trigger.model, since=turn.since, until=until
    )
