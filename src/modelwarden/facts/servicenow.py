"""Facts about changes in ServiceNow: opened by us, judged as they stand there, told what was deployed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from modelwarden.values.ids import (
        DeploymentId,
        ModelName,
        RequestId,
        ServicenowId,
        VersionName,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicenowChangeOpened:
    """A change stands in ServiceNow for a request: opened now, or found by its marker (RL-51)."""

    request: RequestId
    model: ModelName
    version: VersionName
    change: ServicenowId


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicenowChangeJudged:
    """A change came to something else than when it was read last; the gate reads it again for itself (RL-52)."""

    request: RequestId
    model: ModelName
    version: VersionName
    change: ServicenowId
    state: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicenowChangeTold:
    """The change got a work note: the version is live (RL-52)."""

    request: RequestId
    model: ModelName
    version: VersionName
    change: ServicenowId
    deployment: DeploymentId


KINDS: Final = (
    Kind(ServicenowChangeOpened, Family.CHANGE, Severity.INFO),
    Kind(ServicenowChangeJudged, Family.CHANGE, Severity.INFO),
    Kind(ServicenowChangeTold, Family.CHANGE, Severity.INFO),
)
