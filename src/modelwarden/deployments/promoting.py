"""A version walks environments, and stops at whatever the gate refuses; it approves nothing (RL-39)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modelwarden.access.allowed import authorize
from modelwarden.approvals import gate
from modelwarden.deployments import evidence, queries
from modelwarden.deployments.rollout import DeploymentState
from modelwarden.deployments.starting import DEPLOY, Launch, start
from modelwarden.errors import AutoApproveUnsupported, ValueInvalid
from modelwarden.registry import reads as registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.deployments.evidence import Prepared
    from modelwarden.deployments.rollout import Deployment
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.store.change import Change


class Promoted(NamedTuple):
    """How far a version came: its deployments, and where and why it stopped, if it did.

    Attributes:
        stopped_at: the environment that it does not go to, or has not gone through yet.
    """

    deployments: tuple[Deployment, ...]
    stopped_at: Environment | None = None
    reasons: tuple[gate.Reason, ...] = ()


def promote(
    change: Change,
    model: str,
    version: str,
    *,
    through: Sequence[Environment],
    prepared: Prepared,
    auto_approve: bool = False,
) -> Promoted:
    """Start a version in one environment after the other, as far as the gate allows.

    Each goes by its own rollout: with one that takes time the walk ends there, and is taken up by asking again.

    Raises:
        AutoApproveUnsupported: nothing is approved by walking.
        ValueInvalid, NotPermitted, ModelNotFound, VersionNotFound, DeploymentInProgress.
        GateRefused: not even the first step could be taken.
    """
    if auto_approve:
        raise AutoApproveUnsupported("a walk approves nothing; ask for an approval first")
    if not through or sorted(set(through), key=list(type(through[0])).index) != list(through):
        raise ValueInvalid("through", "environments from the lowest to the highest, each once")
    made: list[Deployment] = []
    for place in through:
        refused = _refused(change, model, version, place, prepared) if made else ()
        if refused:
            return Promoted(tuple(made), place, refused)
        done = start(change, model, version, prepared=prepared, launch=Launch(environment=place))
        made.append(done)
        if done.state is not DeploymentState.LIVE:
            reason = gate.Reason("in_progress", f"{done.id} has not gone all its steps")
            return Promoted(tuple(made), place, (reason,))
    return Promoted(tuple(made))


def _refused(
    change: Change, model: str, version: str, place: Environment, prepared: Prepared
) -> tuple[gate.Reason, ...]:
    """Return why it can't go to a further environment: what has been done stays done."""
    going, owner = registry.version(change, model, version), registry.model(change, model)
    authorize(change, DEPLOY[place], on=registry.resource_of(owner, place))
    live = queries.live(change, owner.name, place)
    if live is not None and live.version == going.name:
        return ()
    busy = queries.unfinished(change, owner.name, place)
    if busy is not None:
        return (gate.Reason("deployment_in_progress", f"{busy.id} is under way"),)
    case = evidence.gate_case(
        change,
        going,
        model=owner,
        environment=place,
        artifact=evidence.artifact_now(prepared, going, now=change.now),
        permitted=True,
    )
    return gate.weigh(case).reasons
