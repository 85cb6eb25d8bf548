"""What callers get about deployments that go in steps, and about freezes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003  # the SDK reads annotations at run time

from modelwarden.values.answers import (  # noqa: TC001  # the same
    DeploymentAnswer,
    ReasonAnswer,
    RequestAnswer,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionAnswer:
    """How far a version came; `stopped_at` is where it does not go yet, for these reasons, and None at the end."""

    deployments: tuple[DeploymentAnswer, ...]
    stopped_at: str | None
    reasons: tuple[ReasonAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyAnswer:
    """How far an emergency change came: what people answer, and the deployment, or what it waits for."""

    request: RequestAnswer
    deployment: DeploymentAnswer | None
    waits: tuple[ReasonAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeAnswer:
    """A time in which nothing goes forward; `model` is None for a whole environment."""

    id: str
    environment: str
    model: str | None
    starts_at: datetime
    ends_at: datetime
    reason: str | None
    set_by: str
    set_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None
    revision: int
