"""Local stops as callers get them."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the API reads the annotations at run time
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStopAnswer:
    """Something that a guard blocks by itself.

    Attributes:
        state: standing (a person has to decide), adopted, dropped.
        kind: file (a stop file beside the program), or carried (a switch that a restore forgot).
        model, host: of the guard that reported it first.
        switch: the switch that is carried; this database may not know it.
        since: by the guard's own clock.
        adopted_as: the switch that was made of it.
        ended_at: since when no guard reports it any more; none while some does.
    """

    id: str
    state: str
    kind: str
    environment: str
    model: str
    host: str | None
    scope: Mapping[str, Any]
    exception: Mapping[str, Any]
    everything: bool
    action: str
    fallback: tuple[str, ...]
    severity: str
    switch: str | None
    reported_by: str
    since: datetime
    seen_at: datetime
    adopted_as: str | None
    resolved_by: str | None
    resolved_at: datetime | None
    notes: str | None
    ended_at: datetime | None
    revision: int
