"""A change that stands in ServiceNow for a request of ours, pinned by its `sys_id`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import (
        DeploymentId,
        Digest,
        ModelName,
        RequestId,
        ServicenowId,
        VersionName,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedChange:
    """The change of a request. Another one that names the request later does not take its place.

    Attributes:
        state: what it came to when it was read last; None before.
        told: the deployment of which it was told last.
    """

    request: RequestId
    change: ServicenowId
    opened_at: datetime
    state: str | None = None
    told: DeploymentId | None = None
    revision: int = 0


class About(NamedTuple):
    """What a request of ours asks for, as far as a change is about it."""

    request: RequestId
    model: ModelName
    version: VersionName
    environment: Environment
    sha256: Digest | None

    def words(self) -> dict[str, str]:
        """Return the fields of a change that is opened for it: the marker, and what people there read."""
        return {
            "correlation_id": self.request,
            "short_description": f"Release {self.version} to {self.environment}",
            "description": (
                f"Modelwarden asks in {self.request} whether {self.version} may go to {self.environment}."
                f" Its artifact has SHA-256 {self.sha256 or 'unknown'}."
            ),
        }
