"""What one target was told of one step, and what it said. Pure (RL-40)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from modelwarden.errors import IllegalMove
from modelwarden.values.ids import TargetStepId

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import DeploymentId, Digest, TargetName, VersionName

BACK: Final = 0
"""The number of the step that tells that a deployment is over: all the traffic goes to the version it names."""


class TargetState(StrEnum):
    """`waiting → acknowledged | failed`."""

    WAITING = "waiting"
    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStep:
    """One target at one step of one deployment.

    Attributes:
        id: `deployment.step.target`, which is also the id of the message: sent twice, it is one.
        target: the name of a webhook endpoint.
        step: from 1, or `BACK`.
        artifact: SHA-256 of the bytes that the target has to serve by.
        due_at: silence until then is failure.
        reported: what it said that it serves by.
    """

    id: TargetStepId
    deployment: DeploymentId
    target: TargetName
    step: int
    version: VersionName
    traffic: int
    artifact: Digest
    asked_at: datetime
    due_at: datetime
    state: TargetState = TargetState.WAITING
    reported: Digest | None = None
    settled_at: datetime | None = None
    revision: int = 0

    def acknowledged(self, *, at: datetime) -> TargetStep:
        """Return this step as the target did it. Raises IllegalMove."""
        settled = self._settled(TargetState.ACKNOWLEDGED, at=at)
        return replace(settled, reported=self.artifact)

    def failed(self, *, at: datetime, reported: Digest | None) -> TargetStep:
        """Return this step as the target did not do it. Raises IllegalMove."""
        return replace(self._settled(TargetState.FAILED, at=at), reported=reported)

    def _settled(self, state: TargetState, *, at: datetime) -> TargetStep:
        if self.state is not TargetState.WAITING:
            raise IllegalMove("target_step", self.state, state)
        return replace(self, state=state, settled_at=at)


def step_id(deployment: str, step: int, target: str) -> TargetStepId:
    """Return the id under which one step of one target is kept."""
    return TargetStepId(f"{deployment}.{step}.{target}")
