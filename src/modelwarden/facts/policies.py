"""Facts about policies: what was published, what governs what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from modelwarden.values.ids import Digest, ModelName, PermitId, PolicyName


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


KINDS: Final = (
    Kind(PolicyPublished, Family.COMPLIANCE, Severity.WARNING),
    Kind(PolicyAssigned, Family.COMPLIANCE, Severity.WARNING),
    Kind(PolicyRetired, Family.COMPLIANCE, Severity.WARNING),
)
