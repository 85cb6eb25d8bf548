"""How a deployment that is under way stands: what its next step waits for, and whether it has to go back.

Whoever moves it asks here first: people, the reaction to time, and the answers that show it. What is unknown waits.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.approvals.gate import Reason
from modelwarden.deployments import queries
from modelwarden.deployments.judging import VALUE, Compared
from modelwarden.deployments.rollout import DeploymentState
from modelwarden.deployments.targets.asking import unacknowledged
from modelwarden.policies.rollout import ALL
from modelwarden.registry.queries import find_version
from modelwarden.safeguards.by_version.figures import figures
from modelwarden.safeguards.routes.moving import readiness

if TYPE_CHECKING:
    from modelwarden.deployments.rollout import Deployment
    from modelwarden.policies.rollout import Condition
    from modelwarden.store.change import View

ENOUGH: Final = 0.95
"""SG-32: of the workers that are heard of now."""
BAKING: Final = "baking"
NOT_LOADED: Final = "not_loaded"
WORKERS_SILENT: Final = "workers_silent"
CONDITION_FAILED: Final = "condition_failed"
CONDITION_UNKNOWN: Final = "condition_unknown"


class Standing(NamedTuple):
    """How a deployment stands.

    Attributes:
        waits: why its next step can't be taken now, the gate apart.
        ends_by: the condition that takes it back, with what was measured.
    """

    waits: tuple[Reason, ...] = ()
    ends_by: Compared | None = None

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of what it waits for, each once."""
        return tuple(dict.fromkeys(reason.code for reason in self.waits))


def standing(view: View, deployment: Deployment) -> Standing:
    """Return how a deployment stands now."""
    plan = deployment.plan
    if deployment.state is not DeploymentState.IN_PROGRESS or plan is None:
        return Standing()
    stable = queries.live(view, deployment.model, deployment.environment)
    asked = (each for each in plan.rollback_when if _is_comparable(deployment, each))
    back = (_compared(view, deployment, stable, each) for each in asked)
    ends_by = next((one for one in back if one.takes_back), None)
    waits = [
        *_time(view, deployment),
        *workers(view, deployment),
        *unacknowledged(view, deployment),
    ]
    if deployment.traffic_at is not None:
        for each in plan.hold:
            if _is_comparable(deployment, each):
                waits += _held(_compared(view, deployment, stable, each))
    return Standing(tuple(waits), ends_by)


def workers(view: View, deployment: Deployment) -> list[Reason]:
    """Return why workers are not ready for a step: too few have the version loaded, or none is heard of (SG-32).

    Where no guard that names versions was heard of for a day there is no traffic of ours to move, and nobody to wait
    for.
    """
    version = find_version(view, deployment.version)
    found = readiness(
        view,
        deployment.environment,
        deployment.model,
        label=deployment.label,
        sha256=None if version is None else version.subject_sha256,
    )
    if not found.listed:
        return []
    if not found.live:
        return [Reason(WORKERS_SILENT, f"none of {found.listed} workers is heard of now")]
    if found.loaded < ENOUGH * found.live:
        said = f"{found.loaded} of {found.live} workers have {deployment.label} loaded"
        return [Reason(NOT_LOADED, said)]
    return []


def _is_comparable(deployment: Deployment, condition: Condition) -> bool:
    """Tell whether there is anything to compare with: with all the traffic on one version there is no other."""
    return condition.against == VALUE or deployment.traffic < ALL


def _time(view: View, deployment: Deployment) -> list[Reason]:
    baked = deployment.baked_at
    if baked is None or view.now >= baked:
        return []
    left = timedelta(seconds=int((baked - view.now).total_seconds()))
    return [Reason(BAKING, f"{left} left at {deployment.traffic} %")]


def _held(found: Compared) -> list[Reason]:
    what = f"{found.condition.metric} of {found.candidate.calls} calls"
    if found.exceeds is None:
        return [Reason(CONDITION_UNKNOWN, f"{what}: too little is known")]
    if found.exceeds:
        return [Reason(CONDITION_FAILED, f"{what} is {found.value:.6g}, above {found.bound:.6g}")]
    return []


def _compared(
    view: View, deployment: Deployment, stable: Deployment | None, condition: Condition
) -> Compared:
    until, window = view.now, timedelta(seconds=condition.window_s)
    since = until - window
    labels = [deployment.label, *([] if stable is None else [stable.label])]
    found = figures(
        view,
        deployment.model,
        deployment.environment.value,
        labels=labels,
        since=since,
        until=until,
    )
    began = deployment.traffic_at
    return Compared(
        condition=condition,
        since=since,
        until=until,
        candidate=found[deployment.label],
        baseline=found[labels[-1]],
        is_whole=began is not None and began <= since,
    )
