"""Asking targets, inside the change that moves a deployment: a row and a fact for each (RL-40)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from modelwarden.approvals.gate import Reason
from modelwarden.deployments.targets import queries
from modelwarden.deployments.targets.step import BACK, TargetState, TargetStep, step_id
from modelwarden.facts.kinds import Code
from modelwarden.facts.targets import TargetAsked
from modelwarden.policies.target import target
from modelwarden.values.ids import TargetName

if TYPE_CHECKING:
    from modelwarden.deployments.rollout import Deployment
    from modelwarden.policies.target import Target
    from modelwarden.store.change import Change, View

UNACKNOWLEDGED: Final = "target_waiting"


def ask(change: Change, deployment: Deployment) -> None:
    """Ask each target of a deployment to follow it to the step that it just took."""
    plan = deployment.plan
    if plan is not None and deployment.step is not None:
        for each in plan.targets:
            _ask(change, deployment, each, step=deployment.step + 1)


def ask_back(change: Change, gone: Deployment, live: Deployment, *, under: Deployment) -> None:
    """Ask whoever was told of a deployment that is gone to serve by what is live; what it answers moves nothing.

    It is kept under the deployment that made the move: the one that ended, or a rollback, which has targets by it.
    """
    for name in sorted({told.target for told in queries.steps_of(change, gone.id)}):
        _ask(change, live, target(name), step=BACK, under=under)


def is_open(asked: TargetStep, deployment: Deployment) -> bool:
    """Tell whether an answer can still matter: at the step that stands, or once all is over."""
    if asked.state is not TargetState.WAITING or asked.step == BACK:
        return asked.state is TargetState.WAITING
    is_here = deployment.step is not None and asked.step == deployment.step + 1
    return is_here and deployment.is_under_way


def unacknowledged(view: View, deployment: Deployment) -> list[Reason]:
    """Return why the step that stands can't be left: targets that have not said yet what they serve by."""
    plan = deployment.plan
    if plan is None or not plan.targets or deployment.step is None:
        return []
    number = deployment.step + 1
    done = {
        told.target
        for told in queries.steps_of(view, deployment.id)
        if told.step == number and told.state is TargetState.ACKNOWLEDGED
    }
    return [
        Reason(UNACKNOWLEDGED, f"{each.endpoint} has not said that it serves {deployment.label}")
        for each in plan.targets
        if each.endpoint not in done
    ]


def _ask(
    change: Change,
    serving: Deployment,
    asked: Target,
    *,
    step: int,
    under: Deployment | None = None,
) -> None:
    about, artifact = under or serving, serving.artifact_sha256
    if artifact is None:  # made elsewhere: nobody knows its bytes
        return
    kept = change.save(
        TargetStep(
            id=step_id(about.id, step, asked.endpoint),
            deployment=about.id,
            target=TargetName(asked.endpoint),
            step=step,
            version=serving.version,
            traffic=serving.traffic,
            artifact=artifact,
            asked_at=change.now,
            due_at=change.now + timedelta(seconds=asked.within_s),
        )
    )
    change.record(
        TargetAsked(
            deployment=kept.deployment,
            model=serving.model,
            version=kept.version,
            environment=Code(serving.environment),
            target=kept.target,
            step=step,
            traffic=kept.traffic,
            artifact=artifact,
            due=kept.due_at,
        )
    )
