"""A guard as the server hears of it, and the arithmetic of who confirmed a switch. Pure (SG-23)."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from modelwarden.safeguards.local_stops.stop import SaidStop

LATE: Final = timedelta(seconds=15)
"""A guard that is silent for longer is late."""
LOST: Final = timedelta(seconds=120)
"""A guard that is silent for longer is lost, and nobody waits for it."""
LISTED: Final = timedelta(hours=24)
"""How long a guard that is silent stays in lists."""
GONE: Final = "gone"
"""The state of a guard that said goodbye."""
WARNED_AFTER: Final = timedelta(seconds=30)


class LoadedVersion(NamedTuple):
    """A version that a guard has loaded."""

    label: str
    sha256: str | None


class Signal(NamedTuple):
    """Something amiss among a guard's calls: since when, among how many of them, and how large it is."""

    signal: str
    since: str
    n: int
    value: float


class VersionCount(NamedTuple):
    """What became of the calls that a route gave to one version, since the guard began (RL-37).

    Attributes:
        busy_ms: how long they took in all.
        differed: answers of a shadow that were not those of the version that answered.
    """

    label: str
    calls: int
    failed: int
    busy_ms: int
    differed: int


class Cell(NamedTuple):
    """So many decisions of calls of which a guard knows these values: dimension → value."""

    context: Mapping[str, str]
    n: int


class Traffic(NamedTuple):
    """What a guard decided in the last hour, or since it began; `span_s` says which."""

    span_s: int
    cells: tuple[Cell, ...]


class Instance(NamedTuple):
    """What one guard said last. An instance belongs to who reports it: nobody overwrites another's.

    Attributes:
        epoch, generation: of the snapshot that it applied.
        applied_at: when the first report of that snapshot came in.
        applied_ms: what the guard itself measured, from receiving to having swapped.
        age_s: how old its snapshot was, in whole seconds.
        state: fresh, stale, none, or gone.
        traffic: what it decided in the last hour, by what it knows of the calls.
        local_stops: what it blocks by itself.
        by_version: read once, for what it adds; not kept with the guard.
    """

    environment: str
    model: str
    actor: str
    instance: str
    host: str
    pid: int
    epoch: int
    generation: int
    applied_at: datetime
    applied_ms: int
    first_heard_at: datetime
    heard_at: datetime
    source: str
    state: str
    age_s: int | None
    versions: tuple[LoadedVersion, ...]
    counts: Mapping[str, int]
    rejected: str | None
    signals: tuple[Signal, ...] = ()
    traffic: Traffic | None = None
    local_stops: tuple[SaidStop, ...] = ()
    by_version: tuple[VersionCount, ...] = ()

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from every other."""
        return self.environment, self.model, self.actor, self.instance

    def has_applied(self, epoch: int, seq: int) -> bool:
        """Tell whether its snapshot holds what entry `seq` did; one of a later epoch does."""
        return self.epoch > epoch or (self.epoch == epoch and self.generation >= seq)

    def standing(self, epoch: int, seq: int, now: datetime) -> Standing:
        """Return how it stands to a switch that was activated by entry `seq`."""
        if self.has_applied(epoch, seq):
            return Standing.CONFIRMED
        silent = now - self.heard_at
        if silent >= LOST:
            return Standing.LOST
        return Standing.LATE if silent >= LATE else Standing.WAITING


class Silent(NamedTuple):
    """A guard that is lost: silent for two minutes, and without a goodbye (SG-23)."""

    model: str
    instance: str
    heard_at: datetime


class GuardCounts(NamedTuple):
    """How the guards of one model are, of those that were heard of and did not say goodbye.

    Attributes:
        stale: whose snapshot is not fresh; `rejecting` would not take the newest that they were given.
        oldest, newest: the generations that they applied; None without guards.
    """

    heard: int = 0
    live: int = 0
    lost: int = 0
    stale: int = 0
    rejecting: int = 0
    oldest: int | None = None
    newest: int | None = None


class Standing(StrEnum):
    """How one guard stands to one switch."""

    CONFIRMED = "confirmed"
    WAITING = "waiting"
    LATE = "late"
    LOST = "lost"


class Open(NamedTuple):
    """How far a switch is confirmed. `state` is open, unconfirmed (people were told), confirmed, or ended."""

    switch: str
    environment: str
    epoch: int
    seq: int
    at: datetime
    state: str = "open"
    expected: int = 0
    confirmed: int = 0
    lost: int = 0

    def expects(self, instance: Instance) -> bool:
        """Tell whether a guard counts: it was heard of in the two minutes before, or since, and has not left."""
        if instance.environment != self.environment or instance.source == "file":
            return False  # file-only guards can't be waited for
        return instance.heard_at >= self.at - LOST and instance.state != GONE


class Tally(NamedTuple):
    """Who confirmed a switch at a moment."""

    standings: tuple[tuple[Instance, Standing], ...]

    def of(self, standing: Standing) -> list[Instance]:
        """Return the guards that stand so."""
        return [instance for instance, found in self.standings if found is standing]

    @property
    def expected(self) -> int:
        """How many guards count."""
        return len(self.standings)

    @property
    def is_complete(self) -> bool:
        """Tell whether every guard that is not lost confirmed, and some did."""
        found = {standing for _, standing in self.standings}
        return Standing.CONFIRMED in found and found <= {Standing.CONFIRMED, Standing.LOST}


def tally(tracked: Open, instances: Iterable[Instance], now: datetime) -> Tally:
    """Return how the guards that a switch concerns stand to it."""
    found = [
        (each, each.standing(tracked.epoch, tracked.seq, now))
        for each in instances
        if tracked.expects(each)
    ]
    return Tally(tuple(found))


def times_ms(since: datetime, confirmed: Sequence[Instance]) -> tuple[int, int]:
    """Return the median and the longest time until the report of those that confirmed came in, in milliseconds."""
    times = sorted(
        max(0, (each.applied_at - since) // timedelta(milliseconds=1)) for each in confirmed
    )
    return times[(len(times) - 1) // 2], times[-1]
