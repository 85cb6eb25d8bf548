"""Facts about policies: what was published, what governs what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import (
        CheckRunId,
        Digest,
        EvidenceId,
        ModelName,
        PermitId,
        PolicyName,
        VersionName,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPublished:
    """A version of a policy was numbered and hashed; it never changes (POL-2)."""

    policy: PolicyName
    version: int
    hash: Digest
    permit: PermitId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAssigned:
    """A policy governs a model, a model in one environment, or whatever nothing else governs."""

    policy: PolicyName
    previous: PolicyName | None
    model: ModelName | None
    environment: Code | None
    permit: PermitId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRetired:
    """A policy takes no new versions and no assignments."""

    policy: PolicyName


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRecorded:
    """Somebody gave evidence about a version; it never changes (EV-1)."""

    evidence: EvidenceId
    kind: Code
    model: ModelName
    version: VersionName
    subject: Digest
    value: Digest
    assurance: Code
    produced_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksEvaluated:
    """All checks that govern a version somewhere were weighed against the evidence (EVAL-6).

    `blocking` failed and stop a release; `unknown` stop it for want of evidence.
    """

    run: CheckRunId
    occasion: Code
    model: ModelName
    version: VersionName
    environment: Code
    policies: tuple[Digest, ...]
    checks: int
    blocking: int
    unknown: int
    digest: Digest
    waived: int | None = None


KINDS: Final = (
    Kind(PolicyPublished, Family.COMPLIANCE, Severity.WARNING),
    Kind(PolicyAssigned, Family.COMPLIANCE, Severity.WARNING),
    Kind(PolicyRetired, Family.COMPLIANCE, Severity.WARNING),
    Kind(EvidenceRecorded, Family.COMPLIANCE, Severity.INFO),
    Kind(ChecksEvaluated, Family.COMPLIANCE, Severity.INFO),
)
