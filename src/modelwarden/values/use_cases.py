"""What callers get about use cases."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the SDK reads annotations at run time
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003  # the same
from typing import Any

from modelwarden.values.slas import PointAnswer  # noqa: TC001  # the same


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCaseAnswer:
    """A use case.

    Attributes:
        owner: a person, or a group; `owner_person` is the person who stands in duties.
        risk_tier: what its impact level forces on the models that it uses.
        request: the newest approval request about it.
        stopped_at: since when calls that carry it are refused.
    """

    usecase: str
    name: str | None
    description: str | None
    owner: str
    owner_person: str
    models: tuple[str, ...]
    input_schema: Mapping[str, Any] | None
    output_schema: Mapping[str, Any] | None
    impact_level: str | None
    risk_tier: int | None
    affected_systems: tuple[str, ...]
    status: str
    live_in: tuple[str, ...]
    request: str | None
    created_by: str
    created_at: datetime
    deprecated_at: datetime | None
    replacement: str | None
    sunset_at: datetime | None
    stopped_at: datetime | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsage:
    """What guards of one model counted for a use case.

    Attributes:
        unattributed: attempts at the model that were counted for no use case at all; None where nobody counted.
        last_used: the minute of the last attempt, later the five minutes and then the hour; None for none in this time.
    """

    model: str
    whole: PointAnswer
    unattributed: int | None
    last_used: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualUsage:
    """What was measured of a use case under a definition; it may count the same attempts, so it is added to nothing."""

    sli: str
    whole: PointAnswer
    last_used: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageAnswer:
    """How a use case was used in a time: what guards counted for it, added up over its models (SL-40).

    Attributes:
        step_s: the length of a point in seconds; points begin at whole multiples of it, in UTC.
        relative_error: no quantile is further from the true one than this part of it.
        whole: all points together; without figures where no guard reported for it.
        manual: what was measured by hand.
        left_out: models that the caller may not see, or that are too many for one answer; they are in no figure.
    """

    usecase: str
    environment: str
    since: datetime
    until: datetime
    step_s: int
    relative_error: float
    whole: PointAnswer
    points: tuple[PointAnswer, ...]
    last_used: datetime | None
    models: tuple[ModelUsage, ...]
    manual: tuple[ManualUsage, ...]
    left_out: int
