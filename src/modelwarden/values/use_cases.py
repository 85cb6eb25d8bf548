"""What callers get about use cases."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the SDK reads annotations at run time
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003  # the same
from typing import Any


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
