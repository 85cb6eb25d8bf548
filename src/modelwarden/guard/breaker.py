"""A circuit breaker around one version at one endpoint (SG-40). Pure but for the clock that it is given.

    ticket = breaker.admit()                       # 0: not now
    …the host's code runs; no lock is held (SG-41)…
    breaker.done(ticket, started, ended)           # or, behind it, Amiss.FAILED or Amiss.BAD

Closed, a call that went well costs two comparisons and one addition. Everything else takes the lock, for the time of
some additions. Whoever was admitted in one state can't count in another: tickets are of one period.

Counts of good calls are added without a lock: under CPython's global lock none is lost; without it some may be, which
makes the breaker open sooner, never later.
"""

from __future__ import annotations

import math
import random
import time
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.guard.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable

BUCKETS: Final = 10
BUCKET_S: Final = 1.0
_NEVER: Final = float("-inf")


class State(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    DISABLED = "disabled"
    METRICS_ONLY = "metrics_only"
    """Counts and refuses nobody: for a fleet of which too much is open (SG-41)."""


class Amiss(StrEnum):
    """How a call went wrong."""

    FAILED = "failed"
    """It raised or timed out."""
    BAD = "bad"
    """Its answer failed the output checks."""


REFUSING: Final = frozenset({State.OPEN, State.HALF_OPEN, State.FORCED_OPEN})
"""States in which calls are refused, or only a few let through to try."""

BY_HAND: Final = frozenset({State.FORCED_OPEN, State.DISABLED, State.METRICS_ONLY, State.CLOSED})
"""States that a person, or the server, may set (SG-41)."""


class Thresholds(Value):
    """When a breaker opens, and how it comes back (SG-40). Raises ValueInvalid.

    Attributes:
        failures: part of the calls in the last ten seconds that raised or timed out.
        slow: part that took `slow_s` or longer.
        bad: part whose answer failed its output checks.
        least: so few calls decide nothing.
        open_s: how long it is open the first time; each time that it opens again doubles it, up to `most_open_s`.
        probes: calls in flight at once while half open, each on a lease of `lease_s`.
        spread: part of the wait by which it is longer or shorter at random.
        successes: good calls, one after the other, that close it.
    """

    failures: float
    slow: float
    bad: float
    least: int
    slow_s: float
    open_s: float
    most_open_s: float
    spread: float
    probes: int
    lease_s: float
    successes: int

    def __init__(  # noqa: PLR0913 - each has its own default
        self, *, failures: float = 0.5, slow: float = 0.8, bad: float = 0.2, least: int = 20,
        slow_s: float = 1.0, open_s: float = 5.0, most_open_s: float = 300.0, spread: float = 0.2,
        probes: int = 2, lease_s: float = 30.0, successes: int = 5,
    ) -> None:  # fmt: skip
        self._set(
            failures=failures, slow=slow, bad=bad, least=least, slow_s=slow_s, open_s=open_s, most_open_s=most_open_s,
            spread=spread, probes=probes, lease_s=lease_s, successes=successes,
        )  # fmt: skip
        for name in ("failures", "slow", "bad"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueInvalid(name, "a part of the calls, above 0 and at most 1")
        for name in ("least", "slow_s", "open_s", "most_open_s", "probes", "lease_s", "successes"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueInvalid(name, "a finite number above 0")
        if not 0 <= self.spread < 1:
            raise ValueInvalid("spread", "a part of the wait, below 1")


class _Bucket:
    """The calls of one second."""

    __slots__ = ("bad", "calls", "failures", "second", "slow")

    def __init__(self) -> None:
        self.second = _NEVER
        self.calls = self.failures = self.slow = self.bad = 0


class Totals(NamedTuple):
    """The calls of the last ten seconds."""

    calls: int
    failures: int
    slow: int
    bad: int


class Breaker:
    """A breaker. Every method may be called from any thread; none waits, blocks or calls the host's code.

    Args:
        clock: monotonic seconds; `started` and `ended` are read from the same.
        chance: uniform from 0 to 1; spreads the times at which a fleet tries again.

    Attributes:
        free: the ticket for everyone while closed, else 0: `breaker.free or breaker.admit()` saves a call.
        short: calls that went well and were counted here, by whoever saves the call of `done`; it never falls.
        untimed: a call is timed where none of these bits is set in `short`; each number has one of -1: none is timed.
        quiet_until: a good call that ends before may be counted so, if this was the same object when it began: each
            time that the breaker changes it is another. Such a call was quick, too.
    """

    def __init__(
        self,
        thresholds: Thresholds | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.thresholds: Final = thresholds or Thresholds()
        self._clock = clock
        self._chance = chance
        self._lock = Lock()
        self._slow_s = self.thresholds.slow_s
        self._state = State.CLOSED
        self._period = 1  # tickets of this period count; 0 refuses
        self.free = 1
        self._tickets = 1
        self._buckets = [_Bucket() for _ in range(BUCKETS)]
        self._good = 0  # calls that went well in `_second`, and are in no bucket yet
        self.short = self._folded = 0
        self.untimed = 0
        self._second = 0.0
        self.quiet_until = _NEVER
        self._leases: dict[int, float] = {}
        self._successes = 0
        self._openings = 0
        self._open_until = _NEVER

    @property
    def state(self) -> State:
        """Return the state; an open breaker whose time is up is half open once somebody asks to be admitted."""
        return self._state

    @property
    def is_amiss(self) -> bool:
        """Say whether it refuses calls, or would if it did not only count."""
        if self._state is not State.METRICS_ONLY:
            return self._state in REFUSING
        with self._lock:
            now = self._clock()
            return now < self._open_until or self._trips(self._totals(now))

    def admit(self) -> int:
        """Return a ticket to be handed to `done`, or 0: the call must not be made now."""
        return self.free or self._admit()

    def done(self, ticket: int, started: float, ended: float, amiss: Amiss | None = None) -> None:
        """Say how an admitted call went, in seconds of the breaker's clock.

        Args:
            ticket: what `admit` gave; a 0, or one of a period that is over, changes nothing.
            started: when the call began.
            ended: when it ended.
            amiss: what went wrong, if anything did; slowness shows by itself.
        """
        if (
            amiss is None
            and ended < self.quiet_until
            and ended - started < self._slow_s
            and ticket == self._period
        ):
            self._good += 1
            return
        self._done(ticket, ended, amiss, ended - started >= self._slow_s)

    def retry_after_s(self) -> float:
        """Return the seconds until an open breaker tries again; 0 where nothing has to be waited for."""
        with self._lock:
            if self._state is State.FORCED_OPEN:
                return self.thresholds.most_open_s
            if self._state is State.HALF_OPEN:
                return self.thresholds.open_s
            return max(0.0, self._open_until - self._clock()) if self._state is State.OPEN else 0.0

    def totals(self) -> Totals:
        """Return what was counted in the last ten seconds."""
        with self._lock:
            return self._totals(self._clock())

    def set(self, state: State) -> None:
        """Force a state by hand, or CLOSED to begin anew. Raises ValueError for OPEN and HALF_OPEN."""
        if state not in BY_HAND:
            raise ValueError(f"a breaker can't be set to {state}; forced_open refuses every call")
        with self._lock:
            self._openings = 0
            if (
                state is State.METRICS_ONLY and self._state in REFUSING
            ):  # as before, until it has counted anew
                self._open_until = self._clock() + BUCKETS * BUCKET_S
            self._move(state)

    def after_fork(self) -> None:
        """Make the breaker usable in a forked child: another thread may have held the lock."""
        self._lock = Lock()
        with self._lock:
            self._leases.clear()

    # --- under the lock ----------------------------------------------------------------------------

    def _admit(self) -> int:
        with self._lock:
            if self._state in {State.CLOSED, State.DISABLED, State.METRICS_ONLY}:
                return self._period
            if self._state is State.FORCED_OPEN:
                return 0
            now = self._clock()
            if self._state is State.OPEN:
                if now < self._open_until:
                    return 0
                self._move(State.HALF_OPEN)
            elif any(end <= now for end in self._leases.values()):
                self._open(now)  # a probe that never came back is a failure
                return 0
            if len(self._leases) >= self.thresholds.probes:
                return 0
            self._tickets += 1
            self._leases[self._tickets] = now + self.thresholds.lease_s
            return self._tickets

    def _done(self, ticket: int, now: float, amiss: Amiss | None, slow: bool) -> None:  # noqa: FBT001
        with self._lock:
            if self._state is State.HALF_OPEN:
                if self._leases.pop(ticket, None) is not None:
                    self._probed(now, well=amiss is None and not slow)
                return
            counts = self._state in {State.CLOSED, State.METRICS_ONLY}
            if not counts or ticket != self._period:
                return
            bucket = self._bucket(now)
            bucket.calls += 1
            bucket.failures += amiss is Amiss.FAILED
            bucket.slow += slow
            bucket.bad += amiss is Amiss.BAD
            if self._state is State.CLOSED and self._trips(totals := self._totals(now)):
                self._open(now)
            elif self._state is State.CLOSED:
                self._arm(now, quiet=not (totals.failures or totals.slow or totals.bad))

    def _bucket(self, now: float) -> _Bucket:
        """Return the bucket of a moment, after the good calls of the last one are put where they belong."""
        self._fold()
        second = now // BUCKET_S
        bucket = self._buckets[int(second % BUCKETS)]
        if second > bucket.second:
            bucket.second = second
            bucket.calls = bucket.failures = bucket.slow = bucket.bad = 0
        return bucket

    def _fold(self) -> None:
        short = self.short
        good = self._good + short - self._folded
        self._good, self._folded = 0, short
        self._buckets[int(self._second % BUCKETS)].calls += good

    def _arm(self, now: float, *, quiet: bool) -> None:
        """Let good calls of this second be counted without the lock, while nothing else is in the window.

        Never for longer than a slow call takes: what begins and ends within that time was no slow one.
        """
        self._second = now // BUCKET_S
        end = min((self._second + 1) * BUCKET_S, now + self._slow_s)
        self.quiet_until = end if quiet else _NEVER

    def _totals(self, now: float) -> Totals:
        self._fold()
        first = now // BUCKET_S - BUCKETS + 1
        live = [bucket for bucket in self._buckets if bucket.second >= first]
        return Totals(
            sum(b.calls for b in live),
            sum(b.failures for b in live),
            sum(b.slow for b in live),
            sum(b.bad for b in live),
        )

    def _trips(self, totals: Totals) -> bool:
        limits = self.thresholds
        calls = totals.calls
        return calls >= limits.least and (  # divided, as 0.2 * 35 may come out above 7
            totals.failures / calls >= limits.failures
            or totals.slow / calls >= limits.slow
            or totals.bad / calls >= limits.bad
        )

    def _probed(self, now: float, *, well: bool) -> None:
        if not well:
            self._open(now)
            return
        self._successes += 1
        if self._successes >= self.thresholds.successes:
            self._openings = 0
            self._move(State.CLOSED)

    def _open(self, now: float) -> None:
        limits = self.thresholds
        wait = min(limits.open_s * 2.0 ** min(self._openings, 64), limits.most_open_s)
        self._openings += 1
        self._open_until = now + wait * (1 - limits.spread + 2 * limits.spread * self._chance())
        self._move(State.OPEN)

    def _move(self, state: State) -> None:
        """Begin another period: no ticket of an earlier one counts, and nothing counted before does."""
        self._tickets += 1
        self._period = self._tickets
        self._state = state
        self.free = self._period if state is State.CLOSED else 0
        self._leases.clear()
        self._successes = 0
        self._good, self._folded = 0, self.short
        self.quiet_until = _NEVER
        for bucket in self._buckets:
            bucket.second = _NEVER
