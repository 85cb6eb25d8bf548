"""A drill: one fault in a part of one model's traffic, for a while, and the moves that it may make. Pure (SG-53)."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal, DecimalException
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelwarden.errors import DrillRefused, ValueInvalid
from modelwarden.guard.faults import OF_GUARD, OF_MODEL, parse_fault
from modelwarden.guard.freshness import span_s
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.values.ids import ActorId, DrillId, ModelName, PersonId

WHOLE: Final = 10_000
MOST_SHARE: Final[Mapping[Environment, int]] = MappingProxyType(
    {Environment.STAGING: WHOLE, Environment.PRODUCTION: 500}
)
"""Basis points of the scope."""
LONGEST: Final[Mapping[Environment, timedelta]] = MappingProxyType(
    {Environment.STAGING: timedelta(hours=24), Environment.PRODUCTION: timedelta(minutes=30)}
)
CONFIRMED_WITHIN: Final = timedelta(hours=1)
"""A drill that nobody confirms for so long never runs."""
SETTLED: Final = timedelta(seconds=45)
"""How long after its end a drill is reported: switches are confirmed or not by then, and guards have said more."""


class DrillState(StrEnum):
    """Where a drill stands; guards are struck while it is `running`."""

    REQUESTED = "requested"
    RUNNING = "running"
    ENDED = "ended"
    REPORTED = "reported"
    LAPSED = "lapsed"


MOVES: Final[Mapping[DrillState, frozenset[DrillState]]] = MappingProxyType(
    {
        DrillState.REQUESTED: frozenset({DrillState.RUNNING, DrillState.LAPSED}),
        DrillState.RUNNING: frozenset({DrillState.ENDED}),
        DrillState.ENDED: frozenset({DrillState.REPORTED}),
    }
)
"""Allowed moves; a state that is no key is final, so that no drill runs twice."""


class Cause(StrEnum):
    """Why a drill ended, or never began."""

    TTL = "ttl"
    STOPPED = "stopped"
    SWITCH = "switch"
    """A switch of SEV1 or SEV2 came that touches the model."""
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One fault in a part of one model's traffic.

    Attributes:
        scope, exception: whom it may strike, as canonical JSON of `guard.scope`.
        fault: as `guard.faults` reads it.
        share: basis points of the scope.
        detect_s, activate_s, confirm_s: targets, in seconds from the start; None for none.
        plan: the schedule that ran it.
        requested_persons: who may have stood behind the request.
        cause: why it ended.
        report: what came of it, as canonical JSON of `report.Report`.
    """

    id: DrillId
    state: DrillState = DrillState.REQUESTED
    environment: Environment
    model: ModelName
    scope: str
    exception: str = "{}"
    fault: str
    share: int
    ttl_s: int
    detect_s: int | None = None
    activate_s: int | None = None
    confirm_s: int | None = None
    plan: str | None = None
    requested_by: ActorId
    requested_persons: tuple[PersonId, ...]
    requested_at: datetime
    confirmed_by: ActorId | None = None
    started_at: datetime | None = None
    ends_at: datetime | None = None
    ended_by: ActorId | None = None
    ended_at: datetime | None = None
    cause: Cause | None = None
    report: str | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        """Check what belongs together. Raises ValueInvalid."""
        most, longest = MOST_SHARE[self.environment], LONGEST[self.environment]
        if not 1 <= self.share <= most:
            raise ValueInvalid("share", f"0.0001 to {most / WHOLE:g} in {self.environment}")
        if not timedelta(seconds=1) <= self.ttl <= longest:
            raise ValueInvalid("ttl", f"at most {longest} in {self.environment}")
        names = {*json.loads(self.scope), *json.loads(self.exception)}
        if parse_fault(self.fault).kind in OF_GUARD and not names <= OF_MODEL:
            raise ValueInvalid("scope", "the model alone: this fault strikes whole guards")

    @property
    def ttl(self) -> timedelta:
        """How long it runs at most."""
        return timedelta(seconds=self.ttl_s)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The names of the dimensions that its scope names."""
        return tuple(sorted(json.loads(self.scope)))

    @property
    def needs_two(self) -> bool:
        """Tell whether a second person has to confirm it (SG-53)."""
        return self.environment is Environment.PRODUCTION

    def start(self, *, by: ActorId, at: datetime) -> Drill:
        """Return this drill, running. Raises DrillRefused."""
        running = self._moved(DrillState.RUNNING)
        return replace(running, confirmed_by=by, started_at=at, ends_at=at + self.ttl)

    def stop(self, *, by: ActorId, at: datetime, cause: Cause) -> Drill:
        """Return this drill, ended, or lapsed where it never ran. Raises DrillRefused."""
        ran = self.state is DrillState.RUNNING
        moved = self._moved(DrillState.ENDED if ran else DrillState.LAPSED)
        return replace(moved, ended_by=by, ended_at=at, cause=cause)

    def reported(self, report: str) -> Drill:
        """Return this drill with its report. Raises DrillRefused."""
        return replace(self._moved(DrillState.REPORTED), report=report)

    def is_over(self, now: datetime) -> bool:
        """Tell whether its time has passed."""
        if self.state is DrillState.REQUESTED:
            return self.requested_at + CONFIRMED_WITHIN <= now
        ends = self.ends_at
        return self.state is DrillState.RUNNING and ends is not None and ends <= now

    def is_to_be_reported(self, now: datetime) -> bool:
        """Tell whether all that belongs to it can have been heard of."""
        ended = self.ended_at
        return self.state is DrillState.ENDED and ended is not None and ended + SETTLED <= now

    def rule(self) -> dict[str, Any]:
        """Return what a snapshot says of it (SG-15)."""
        if self.ends_at is None:
            raise DrillRefused(f"{self.id} never ran")
        return {
            "drill": self.id,
            "fault": self.fault,
            "scope": json.loads(self.scope),
            "except": json.loads(self.exception),
            "share": self.share,
            "until": timestamp(self.ends_at),
        }

    def _moved(self, state: DrillState) -> Drill:
        if state not in MOVES.get(self.state, ()):
            raise DrillRefused(f"{self.id} is {self.state} and can't become {state}; run another")
        return replace(self, state=state)


def basis_points(share: float | str) -> int:
    """Return a part such as 0.01 in basis points. Raises ValueInvalid for none, or a finer one than 0.0001."""
    try:
        found = Decimal(str(share)) * WHOLE
        if not found.is_finite() or found != found.to_integral_value():
            raise ValueInvalid("share", "a part of 1 in steps of 0.0001, as 0.01")
    except DecimalException as error:
        raise ValueInvalid("share", "a part of 1, as 0.01") from error
    return int(found) if 0 <= found <= WHOLE else 0


def part_of(points: int) -> str:
    """Return basis points as a part of 1, as text."""
    return format((Decimal(points) / WHOLE).normalize(), "f")


def seconds(field: str, text: str) -> int:
    """Return the seconds that a span such as `10m` has. Raises ValueInvalid."""
    try:
        return int(span_s(text))
    except ValueInvalid as error:
        raise ValueInvalid(field, 'a time such as "30s", "10m" or "1h"') from error
