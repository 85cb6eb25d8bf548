"""The route of a model in an environment. Pure (SG-29, SG-30)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.guard.router import parse_route

if TYPE_CHECKING:
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import DeploymentId, Label, ModelName

BY_KEY: Final = "key"
BY_WORKER: Final = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTable:
    """Who gets which version of a model in one environment.

    Attributes:
        id: `environment/model`: there is one.
        salt: 32 hex digits, fixed by the deployment.
        by: whose bucket counts: that of the caller's `key`, or of the `worker`.
        stable: what answers whoever the candidate does not.
        candidate, share: a second version, and its basis points.
        shadow: the version that runs afterwards and answers nobody.
        previous: what the route before named and this one does not: workers may keep it, to go back to.
    """

    id: str
    environment: Environment
    model: ModelName
    deployment: DeploymentId
    strategy: str
    salt: str
    by: str
    stable: Label
    candidate: Label | None = None
    share: int = 0
    shadow: Label | None = None
    previous: Label | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        """Check that guards will take it. Raises RouteInvalid."""
        parse_route(self.as_body())

    def as_body(self) -> dict[str, object]:
        """Return the route as snapshots hold it."""
        return {
            "deployment": self.deployment,
            "strategy": self.strategy,
            "salt": self.salt,
            "by": self.by,
            "stable": self.stable,
            "shares": {} if self.candidate is None else {self.candidate: self.share},
            "shadow": self.shadow,
        }

    @property
    def labels(self) -> frozenset[Label]:
        """The versions that may run here: workers load them."""
        named = (self.stable, self.candidate, self.shadow)
        return frozenset(label for label in named if label is not None)


def route_id(environment: Environment, model: ModelName) -> str:
    """Return the id of the one route of a model in an environment."""
    return f"{environment.value}/{model}"
