"""Drills as callers get them."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the API reads the annotations at run time
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillReportAnswer:
    """What came of a drill.

    Attributes:
        missed: what it failed by: `struck` (no answer was), `detect`, `activate`, `confirm`; none if it passed.
        silent: signals that ought to have fired and did not.
        struck: answers that guards say were struck; of those a fallback answered `fell`, and nothing `unanswered`.
        fallback_share: `fell` as a part of `struck`, as decimal text.
        detect_ms, activate_ms, confirm_ms: from the start to the first sign, to a switch, and to its confirmation.
        detected_by: what saw it first, as `trigger.fired:error_rate`.
    """

    passed: bool
    missed: tuple[str, ...]
    silent: tuple[str, ...]
    struck: int
    fell: int
    unanswered: int
    fallback_share: str | None
    detect_ms: int | None
    detected_by: str | None
    activate_ms: int | None
    confirm_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillAnswer:
    """A drill. Guards are struck while `state` is `running`.

    Attributes:
        state: requested (a second person has to confirm it), running, ended, reported, or lapsed (it never ran).
        share: the part of the scope that is struck, as decimal text.
        plan: the line of `drills.schedule` that ran it.
        cause: why it ended: ttl, stopped, switch, lapsed.
        report: what came of it, about a minute after its end.
    """

    id: str
    state: str
    environment: str
    model: str
    scope: Mapping[str, Any]
    exception: Mapping[str, Any]
    fault: str
    share: str
    ttl_s: int
    detect_within_s: int | None
    activate_within_s: int | None
    confirm_within_s: int | None
    plan: str | None
    requested_by: str
    requested_at: datetime
    confirmed_by: str | None
    started_at: datetime | None
    ends_at: datetime | None
    ended_by: str | None
    ended_at: datetime | None
    cause: str | None
    report: DrillReportAnswer | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueAnswer:
    """A way to fail that no drill made happen on a model for too long, or none ever.

    Attributes:
        fault: what a drill of it is run with.
    """

    model: str
    failure_mode: str
    fault: str
    last_drill: str | None
    last_started_at: datetime | None
    due_since: datetime | None
