"""Guards, and how far they confirm a switch, as callers get them."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the API reads the annotations at run time
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAnswer:
    """Something amiss among a guard's calls in the last five minutes: clip_rate, stuck_output, bad_inputs.

    Attributes:
        n: among so many calls.
        value: what part of them.
    """

    signal: str
    since: datetime
    n: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardAnswer:
    """A guard that was heard of in the last day, and did not say goodbye.

    Attributes:
        status: live, late (silent for 15 s), or lost (for 120 s).
        silent_s: whole seconds since it was last heard of.
        versions: label → SHA-256 of what it loaded; null where it named none.
    """

    instance: str
    environment: str
    model: str
    host: str
    pid: int
    reported_by: str
    status: str
    silent_s: int
    epoch: int
    generation: int
    state: str
    source: str
    age_s: int | None
    applied_ms: int
    versions: Mapping[str, str | None]
    rejected: str | None
    signals: tuple[SignalAnswer, ...]
    heard_at: datetime
    first_heard_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardModeAnswer:
    """How the guards of a model behave in one environment.

    Attributes:
        fail: without news for too long: static goes on, closed falls back or blocks. A stricter setting counts.
        breakers: normal, or metrics_only: they count and refuse nobody, until the fleet has recovered.
        set_by: None where nobody said anything, and it is as everywhere.
    """

    model: str
    environment: str
    fail: str
    breakers: str
    set_by: str | None
    set_at: datetime | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingAnswer:
    """How one guard stands to a switch: confirmed, waiting, late or lost."""

    instance: str
    model: str
    host: str
    pid: int
    standing: str
    silent_s: int
    epoch: int
    generation: int
    after_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationsAnswer:
    """Which guards applied a switch, now. Guards that read a file alone are not counted.

    Attributes:
        state: none (not counted yet), open, unconfirmed (half a minute passed), confirmed, ended.
        entry: the number of the entry that activated it; a guard confirms by a snapshot of this generation or later.
        after_ms: of a standing, from the activation to the report.
    """

    switch: str
    state: str
    entry: int
    epoch: int
    confirmed: int
    expected: int
    lost: int
    guards: tuple[StandingAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageAnswer:
    """How far the guards of one model can be relied on in one environment; all 0 where nobody guards it.

    Attributes:
        guards: heard of in the last day, and not gone; `live` of them in the last 15 s, `lost` not for 120 s.
        stale: whose own snapshot is not fresh; `rejecting` would not take the newest that it was given.
        oldest, newest: the generations that they applied; none without guards.
    """

    model: str
    environment: str
    guards: int
    live: int
    lost: int
    stale: int
    rejecting: int
    oldest: int | None
    newest: int | None

    @property
    def late(self) -> int:
        """Return how many are silent for 15 s or more, and not lost yet."""
        return self.guards - self.live - self.lost
