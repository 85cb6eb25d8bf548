"""Facts about the gate and about what runs where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import (
        Commitment,
        DeploymentId,
        Digest,
        ModelName,
        RequestId,
        VersionName,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GateEvaluated:
    """The gate let a version pass (RL-33); where it denies, the refusal is in the ledger."""

    model: ModelName
    version: VersionName
    environment: Code
    request: RequestId | None
    artifact: Digest
    decisions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStarted:
    """A version is on its way to an environment."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    strategy: Code
    request: RequestId | None
    artifact: Digest | None
    notes: Commitment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentLive:
    """All traffic of the environment goes to this version; the one before is superseded."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    replaces: DeploymentId | None
    replaced: VersionName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRecorded:
    """Someone says that a deployment was made elsewhere; no route moved here (RL-36a)."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    at: datetime
    request: RequestId | None
    replaces: DeploymentId | None
    notes: Commitment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRolledBack:
    """An earlier version was made live again; its approval may have `expired` since (RL-38)."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    replaces: DeploymentId
    replaced: VersionName
    artifact: Digest | None
    expired: bool
    reason: Commitment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BypassDetected:
    """A version runs without a valid approval: `reasons` are what the gate would have said."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    reasons: tuple[Code, ...]


KINDS: Final = (
    Kind(GateEvaluated, Family.CHANGE, Severity.INFO),
    Kind(DeploymentStarted, Family.CHANGE, Severity.INFO),
    Kind(DeploymentLive, Family.CHANGE, Severity.INFO),
    Kind(DeploymentRecorded, Family.CHANGE, Severity.WARNING),
    Kind(DeploymentRolledBack, Family.CHANGE, Severity.HIGH),
    Kind(BypassDetected, Family.CHANGE, Severity.CRITICAL),
)
