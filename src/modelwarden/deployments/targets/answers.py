"""What targets were told, as callers get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.deployments import reads
from modelwarden.deployments.targets import queries
from modelwarden.deployments.targets.asking import is_open
from modelwarden.deployments.targets.step import TargetState
from modelwarden.values.answers import TargetAnswer

if TYPE_CHECKING:
    from modelwarden.deployments.rollout import Deployment
    from modelwarden.deployments.targets.step import TargetStep
    from modelwarden.store.change import View


def target_answers(view: View, deployment: Deployment) -> tuple[TargetAnswer, ...]:
    """Return all that targets were told of a deployment, in the order of its steps, the way back last."""
    return tuple(_answer(one, deployment) for one in queries.steps_of(view, deployment.id))


def target_answer(view: View, asked: TargetStep) -> TargetAnswer:
    """Return what one target was told of one step, and what it said. Raises NotFound."""
    return _answer(asked, reads.deployment(view, asked.deployment))


def _answer(asked: TargetStep, deployment: Deployment) -> TargetAnswer:
    is_void = asked.state is TargetState.WAITING and not is_open(asked, deployment)
    return TargetAnswer(
        target=asked.target,
        step=asked.step,
        version=asked.version,
        state="void" if is_void else asked.state.value,
        sha256=asked.artifact,
        reported=asked.reported,
        asked_at=asked.asked_at,
        due_at=asked.due_at,
        settled_at=asked.settled_at,
    )
