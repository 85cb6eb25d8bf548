"""A deployment: one version going to one environment, and its states. Pure (product.md, "Lifecycles")."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.errors import IllegalMove, ValueInvalid
from modelwarden.values.ids import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.deployments.plan import Strategy
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import (
        ActorId,
        Commitment,
        DeploymentId,
        Digest,
        Label,
        ModelName,
        PersonId,
        RequestId,
        VersionName,
    )


class DeploymentState(StrEnum):
    """`in_progress → live | failed | aborted | rolled_back`; `live → superseded | rolled_back`."""

    IN_PROGRESS = "in_progress"
    LIVE = "live"
    FAILED = "failed"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolled_back"


class DeploymentKind(StrEnum):
    """Forward to a version, or back to the one before (RL-38)."""

    RELEASE = "release"
    ROLLBACK = "rollback"


class Origin(StrEnum):
    """Made here, or elsewhere and only noted (RL-36a)."""

    WARDEN = "warden"
    RECORDED = "recorded"


_S = DeploymentState
MOVES: Final[Mapping[DeploymentState, frozenset[DeploymentState]]] = MappingProxyType(
    {
        _S.IN_PROGRESS: frozenset({_S.LIVE, _S.FAILED, _S.ABORTED, _S.ROLLED_BACK}),
        _S.LIVE: frozenset({_S.SUPERSEDED, _S.ROLLED_BACK}),
    }
)
"""A state that is no key is final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One version on its way to, in, or gone from one environment.

    Attributes:
        request: the approval that it rests on; None where the policy asks for no human.
        artifact_sha256: digest of the bytes that were hashed for the gate.
        replaces: the deployment that was live before.
        notes: erasable words: notes of a release, the reason of a rollback.
        reference: the caller's own id for it, unique in the model (RL-36a).
        verdict: what the gate found when it let this pass, signed by the server's key: a DSSE line (RL-27).
    """

    id: DeploymentId
    model: ModelName
    label: Label
    version: VersionName
    environment: Environment
    strategy: Strategy
    kind: DeploymentKind
    origin: Origin
    artifact_sha256: Digest | None
    started_by: ActorId
    started_person: PersonId
    started_at: datetime
    state: DeploymentState = DeploymentState.IN_PROGRESS
    request: RequestId | None = None
    live_at: datetime | None = None
    ended_at: datetime | None = None
    replaces: DeploymentId | None = None
    notes: Commitment | None = None
    reference: str | None = None
    verdict: str | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        """Check the reference's form. Raises ValueInvalid."""
        if self.reference is not None and not REFERENCE.fullmatch(self.reference):
            raise ValueInvalid("reference", "1 to 128 printable characters without spaces")

    def go_live(self, *, at: datetime) -> Deployment:
        """Return this deployment with all traffic on it. Raises IllegalMove."""
        return replace(self._moved(_S.LIVE), live_at=at)

    def end(self, state: DeploymentState, *, at: datetime) -> Deployment:
        """Return this deployment, ended in that state. Raises IllegalMove."""
        if state is _S.LIVE:
            raise IllegalMove("deployment", self.state, state)
        return replace(self._moved(state), ended_at=at)

    def _moved(self, to: DeploymentState) -> Deployment:
        if to not in MOVES.get(self.state, frozenset()):
            raise IllegalMove("deployment", self.state, to)
        return replace(self, state=to)
