"""What a target answers, or that it does not: the step goes on, or the deployment fails (RL-40).

Whoever calls has checked that the target itself says it, or has seen the time pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.deployments import queries as deployments
from modelwarden.deployments.advancing import locked, require_program
from modelwarden.deployments.rollout import DeploymentState
from modelwarden.deployments.stepping import restore_route
from modelwarden.deployments.targets import queries
from modelwarden.deployments.targets.asking import is_open
from modelwarden.deployments.targets.step import BACK, TargetState, TargetStep
from modelwarden.errors import AcknowledgementLate, AlreadyAcknowledged, NotFound, NotInProgress
from modelwarden.facts.deployments import DeploymentFailed
from modelwarden.facts.kinds import Code
from modelwarden.facts.targets import TargetAcknowledged, TargetFailed

if TYPE_CHECKING:
    from modelwarden.deployments.rollout import Deployment
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import Digest

SILENT: Final = Code("target_silent")
UNKNOWN: Final = Code("target_unknown")
WRONG: Final = Code("wrong_fingerprint")


def waiting(view: View) -> list[tuple[TargetStep, Deployment]]:
    """Return what targets have to be told or are waited for, each with its deployment.

    A step that a deployment has left or will never leave is none; nor is one that a restore left behind.
    """
    found: list[tuple[TargetStep, Deployment]] = []
    for asked in queries.waiting(view):
        deployment = deployments.find_deployment(view, asked.deployment)
        is_frozen = view.is_frozen("target_step", asked.id)
        if deployment is not None and not is_frozen and is_open(asked, deployment):
            found.append((asked, deployment))
    return found


def acknowledge(change: Change, step: str, *, reported: Digest) -> TargetStep:
    """Keep what a target says that it serves by: the step may be left, or the deployment fails. Said once.

    Raises:
        NotFound: it was never asked.
        AlreadyAcknowledged: it said something else before, or its time was over.
        AcknowledgementLate: it is over now.
        NotInProgress: the deployment has left that step, or ended.
    """
    require_program(change)
    asked, deployment = _locked(change, step)
    if asked.state is not TargetState.WAITING:
        if asked.reported != reported:
            raise AlreadyAcknowledged(f"{asked.id} is {asked.state} already")
        change.unchanged("target_step", asked.id)
        return asked
    if not is_open(asked, deployment):
        raise NotInProgress(f"{deployment.id} is {deployment.state}, and not at that step")
    if change.now >= asked.due_at:
        raise AcknowledgementLate(f"{asked.id} was due before; the deployment fails")
    if reported != asked.artifact:
        return _failed(change, asked, deployment, cause=WRONG, reported=reported)
    kept = change.save(asked.acknowledged(at=change.now))
    change.record(
        TargetAcknowledged(
            deployment=kept.deployment,
            model=deployment.model,
            version=kept.version,
            environment=Code(deployment.environment),
            target=kept.target,
            step=kept.step,
            artifact=kept.artifact,
        )
    )
    return kept


def give_up(change: Change, step: str, *, cause: Code) -> TargetStep | None:
    """Fail what a target has not answered in time, or what nobody can tell it; None where it did after all."""
    require_program(change)
    asked, deployment = _locked(change, step)
    is_over = cause == UNKNOWN or change.now >= asked.due_at
    if asked.state is not TargetState.WAITING or not is_open(asked, deployment) or not is_over:
        change.unchanged("target_step", asked.id)
        return None
    return _failed(change, asked, deployment, cause=cause, reported=None)


def _failed(
    change: Change,
    asked: TargetStep,
    deployment: Deployment,
    *,
    cause: Code,
    reported: Digest | None,
) -> TargetStep:
    """Tell that a target did not follow; a deployment that is under way ends, and what was live has it all again."""
    kept = change.save(asked.failed(at=change.now, reported=reported))
    change.record(
        TargetFailed(
            deployment=kept.deployment,
            model=deployment.model,
            version=kept.version,
            environment=Code(deployment.environment),
            target=kept.target,
            step=kept.step,
            artifact=kept.artifact,
            cause=cause,
            reported=reported,
        )
    )
    if kept.step != BACK:
        ended = change.save(deployment.end(DeploymentState.FAILED, at=change.now))
        change.record(
            DeploymentFailed(
                deployment=ended.id,
                model=ended.model,
                version=ended.version,
                environment=Code(ended.environment),
                traffic=deployment.traffic,
                cause=cause,
            )
        )
        restore_route(change, ended)
    return kept


def _locked(change: Change, step: str) -> tuple[TargetStep, Deployment]:
    found = queries.find_step(change, step)
    if found is None:
        raise NotFound("step of a target", step)
    deployment, _ = locked(change, found.deployment)
    return queries.locked_step(change, step) or found, deployment
