"""Facts about the gate and about what runs where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from modelwarden.values.ids import (
        Commitment,
        DeploymentId,
        Digest,
        FreezeId,
        ModelName,
        PersonId,
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
class ExternalEvidenceAccepted:
    """The gate let a version pass by what another system says, as it was read within the minute before (RL-34).

    Attributes:
        digest: of the raw answer.
        url: where a person finds it.
        persons: who agreed there, by the identity map.
    """

    model: ModelName
    version: VersionName
    environment: Code
    system: Code
    digest: Digest
    url: Commitment
    seen_at: datetime
    persons: tuple[PersonId, ...]


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
class EmergencyChangeMade:
    """A version goes forward before people have agreed: approvers and auditors have to know at once (RL-44).

    Attributes:
        overridden: the codes of what the gate passed over.
        signed: who had signed the request before.
        ticket: digest of the reference of its ticket.
        approve_by: when it goes back unless it is approved.
        review_due: when somebody has to have looked back at it.
    """

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    request: RequestId
    artifact: Digest | None
    replaced: VersionName
    overridden: tuple[Code, ...]
    signed: tuple[PersonId, ...]
    reason: Commitment
    ticket: Commitment
    approve_by: datetime
    review_due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyChangeApproved:
    """People agreed to an emergency change in its time: it stays."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    request: RequestId


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyChangeStands:
    """An emergency change that nobody approved in its time can't be rolled back: `reasons` say why."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    reasons: tuple[Code, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAdvanced:
    """A deployment has so much of the traffic now, in percent (RL-35)."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    step: int
    steps: int
    traffic: int
    artifact: Digest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutHeld:
    """A deployment does not go on though its time has passed: `reasons` say why, none that it can again."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    traffic: int
    reasons: tuple[Code, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentAborted:
    """An unfinished deployment ended, and the version that was live has all the traffic again (RL-36)."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    traffic: int
    cause: Code
    reason: Commitment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentFailed:
    """An unfinished deployment ended since a target did not follow; what was live has all the traffic again (RL-40)."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    traffic: int
    cause: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRolledBack:
    """The policy's conditions ended an unfinished deployment (RL-37): both versions over the same time."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    restored: VersionName
    traffic: int
    metric: Code
    against: Code
    limit: Decimal
    value: Decimal | None
    calls: int
    baseline: Decimal | None
    baseline_calls: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeAdded:
    """Nothing goes forward for a while, in an environment or for one model (RL-36)."""

    freeze: FreezeId
    environment: Code
    model: ModelName | None
    starts_at: datetime
    ends_at: datetime
    reason: Commitment


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeLifted:
    """A freeze ended before its time."""

    freeze: FreezeId
    environment: Code
    model: ModelName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRecorded:
    """Somebody who had no part in a deployment looked back at it (RL-41)."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    outcome: Code
    due: datetime
    findings: Commitment


@dataclass(frozen=True, slots=True, kw_only=True)
class BypassDetected:
    """A version runs without a valid approval: `reasons` are what the gate would have said.

    With `alias`, a protected alias of MLflow was seen at a version that is not live there, or at none (RL-57).
    """

    deployment: DeploymentId | None
    model: ModelName
    version: VersionName | None
    environment: Code
    reasons: tuple[Code, ...]
    alias: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasMoved:
    """A protected alias of MLflow names the version that a deployment took live (RL-40)."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    alias: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasReturned:
    """A protected alias of MLflow that had strayed names again what is live."""

    model: ModelName
    environment: Code
    alias: Code


KINDS: Final = (
    Kind(GateEvaluated, Family.CHANGE, Severity.INFO),
    Kind(ExternalEvidenceAccepted, Family.CHANGE, Severity.INFO),
    Kind(DeploymentStarted, Family.CHANGE, Severity.INFO),
    Kind(DeploymentLive, Family.CHANGE, Severity.INFO),
    Kind(StepAdvanced, Family.CHANGE, Severity.INFO),
    Kind(RolloutHeld, Family.CHANGE, Severity.WARNING),
    Kind(DeploymentAborted, Family.CHANGE, Severity.WARNING),
    Kind(DeploymentFailed, Family.CHANGE, Severity.HIGH),
    Kind(RolloutRolledBack, Family.CHANGE, Severity.HIGH),
    Kind(FreezeAdded, Family.CHANGE, Severity.WARNING),
    Kind(FreezeLifted, Family.CHANGE, Severity.WARNING),
    Kind(ReviewRecorded, Family.CHANGE, Severity.INFO),
    Kind(DeploymentRecorded, Family.CHANGE, Severity.WARNING),
    Kind(DeploymentRolledBack, Family.CHANGE, Severity.HIGH),
    Kind(EmergencyChangeMade, Family.CHANGE, Severity.CRITICAL),
    Kind(EmergencyChangeApproved, Family.CHANGE, Severity.INFO),
    Kind(EmergencyChangeStands, Family.CHANGE, Severity.CRITICAL),
    Kind(BypassDetected, Family.CHANGE, Severity.CRITICAL),
    Kind(AliasMoved, Family.CHANGE, Severity.INFO),
    Kind(AliasReturned, Family.CHANGE, Severity.WARNING),
)
