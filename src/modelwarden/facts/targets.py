"""Facts about webhook targets of deployments: asked, and what they said (RL-40)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import DeploymentId, Digest, ModelName, TargetName, VersionName


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetAsked:
    """A target is told of a step, and has until `due` to say which bytes it serves by.

    Attributes:
        step: from 1; 0 tells that the deployment is over and `version` has all the traffic.
    """

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    target: TargetName
    step: int
    traffic: int
    artifact: Digest
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetAcknowledged:
    """A target said, signed with its secret, that it serves by the bytes of the step."""

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    target: TargetName
    step: int
    artifact: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFailed:
    """A target did not do as it was told: `cause` is target_silent, target_unknown or wrong_fingerprint.

    Attributes:
        reported: the digest of what it says that it serves by; None where it said nothing.
    """

    deployment: DeploymentId
    model: ModelName
    version: VersionName
    environment: Code
    target: TargetName
    step: int
    artifact: Digest
    cause: Code
    reported: Digest | None


KINDS: Final = (
    Kind(TargetAsked, Family.CHANGE, Severity.INFO),
    Kind(TargetAcknowledged, Family.CHANGE, Severity.INFO),
    Kind(TargetFailed, Family.CHANGE, Severity.HIGH),
)
