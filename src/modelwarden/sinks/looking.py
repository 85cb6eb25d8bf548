"""How each sink is, for whoever looks from outside: health, figures, readiness (LG-50, LG-51)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelwarden.sinks.opening import follower_name
from modelwarden.sinks.pressure import MOST_ENTRIES, MOST_S
from modelwarden.store import positions

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.sinks.opening import OpenSink
    from modelwarden.store.opening import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkState:
    """One sink at one moment. `trouble` is the code of what keeps it in this process, `since` when that began."""

    name: str
    required: bool
    entries: int
    seconds: float
    trouble: str | None
    since: datetime | None

    @property
    def is_behind(self) -> bool:
        """Tell whether it is so far behind that writes would wait for a required one."""
        return self.entries > MOST_ENTRIES or self.seconds > MOST_S

    @property
    def words(self) -> str:
        """Say it in a line."""
        lag = f"{self.entries:,} entries, {self.seconds:.0f} s behind"
        since = "" if self.since is None else f" since {self.since:%Y-%m-%d %H:%M:%S} UTC"
        return lag if self.trouble is None else f"{lag}; failing{since}: {self.trouble}"


def state_of(each: OpenSink, store: Store, *, now: datetime) -> SinkState:
    """Return how a sink is, by its position in the database, whoever leads it. Raises LedgerUnavailable."""
    lag = positions.lag(store.database, follower_name(each.address.name), now=now)
    follower = each.follower
    error = follower.stopped or follower.failing
    return SinkState(
        name=each.address.name,
        required=each.address.required,
        entries=lag.entries,
        seconds=lag.seconds,
        trouble=None if error is None else getattr(error, "code", "error"),
        since=follower.failing_since,
    )
