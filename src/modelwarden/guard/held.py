"""What a guard holds now: one immutable tuple behind one reference, its age, and what that age means (SG-19, SG-21).

Readers take `holder.held` once and need no lock. Whoever brings news, and the call that finds the age due, builds the
next tuple under a short lock. How old is too old is decided here; where news comes from is the feed's to know.
"""

from __future__ import annotations

import logging
import time
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import ValueInvalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.guard.drilling import Drills
    from modelwarden.guard.faults import Faults
    from modelwarden.guard.match import Matcher
    from modelwarden.guard.snapshot import Snapshot

MAX_STALE_S: Final = 86_400.0
MAX_STALE_CLOSED_S: Final = 300.0
BEHIND_S: Final = 30.0
"""A wall clock further behind the server's than this says nothing of an age."""

JUDGED_S: Final = 1.0
"""How long a judgement of the age holds: a wall clock that is set forward is seen after so long."""

LOGGED_S: Final = 60.0

STALE: Final = "stale_snapshot"
NONE: Final = "no_snapshot"

_LOG: Final = logging.getLogger("modelwarden.guard")


class Fail(StrEnum):
    """What a guard does without news: go on with what it has, or not at all."""

    STATIC = "static"
    CLOSED = "closed"


class State(StrEnum):
    """How a guard stands; only `FRESH` is ready."""

    FRESH = "fresh"
    STALE = "stale"
    NONE = "none"


class Clocks(NamedTuple):
    """Where time comes from: seconds that nobody sets, and Unix seconds."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


class Rules(NamedTuple):
    """What decides a call. Another object means: match again (SG-25).

    Attributes:
        snapshot: whose switches, versions and limits count.
        local: the scopes that the stop file blocks (SG-13).
        diverts: why every call falls back or is blocked, without any switch: `stale_snapshot` or `no_snapshot`.
        faults: those of drills that run here (SG-53).
    """

    snapshot: Snapshot | None = None
    local: Matcher | None = None
    diverts: str | None = None
    faults: Faults | None = None


class Held(NamedTuple):
    """What a call reads, once.

    Attributes:
        born: the moment of the monotonic clock at which the snapshot's age was 0; age is the moment less born.
        until: when the age has to be judged again.
        source: stream, poll, file, persisted or bootstrap.
    """

    rules: Rules
    snapshot: Snapshot | None
    state: State
    born: float
    until: float
    generation: int
    source: str | None


class Holder:
    """Holds the snapshot and the local stops of one guard. May be used from any thread.

    Attributes:
        held: what counts now; replaced, never changed.
        behind: how often an age was judged while the wall clock was over 30 s behind the server's.
        is_behind: whether it was so the last time.
    """

    def __init__(
        self,
        *,
        model: str,
        fail: Fail = Fail.STATIC,
        max_stale_s: float | None = None,
        clocks: Clocks | None = None,
        drills: Drills | None = None,
    ) -> None:
        if max_stale_s is not None and not max_stale_s > 0:
            raise ValueInvalid("max_stale_s", "seconds above 0")
        self.behind = 0
        self.is_behind = False
        self._model = model
        self._fail = Fail(fail)
        self._max_stale_s = max_stale_s
        self._clocks = clocks or Clocks()
        self._drills = drills
        self._lock = Lock()
        self._heard = self._clocks.monotonic()
        self._logged: float | None = None
        closed = self._fail is Fail.CLOSED
        self.held = Held(
            Rules(diverts=NONE if closed else None), None, State.NONE, self._heard, 0.0, 0, None
        )

    def take(self, snapshot: Snapshot, *, source: str) -> bool:
        """Hold a snapshot from now on; return whether it is news. One that is held already makes nothing younger."""
        with self._lock:
            if snapshot is self.held.snapshot:
                return False
            self._heard = self._clocks.monotonic()
            self.held = self._judged(snapshot, self.held.rules.local, source)
        return True

    def stop(self, local: Matcher | None) -> None:
        """Let these local stops count from now on, beside whatever the snapshot says (SG-13)."""
        with self._lock:
            self.held = self._judged(self.held.snapshot, local, self.held.source)

    def judge(self) -> Held:
        """Return what counts now, its age judged anew."""
        with self._lock:
            before = self.held
            self.held = held = self._judged(before.snapshot, before.rules.local, before.source)
            silent = held.state is State.FRESH or not self._is_due()
        if not silent:
            self._tell(held)
        return held

    @property
    def is_ready(self) -> bool:
        """Say whether there is a snapshot that is not stale."""
        return self.judge().state is State.FRESH

    def age_s(self) -> float | None:
        """Return the age of the snapshot in seconds, or None where there is none."""
        held = self.judge()
        return None if held.snapshot is None else max(0.0, self._clocks.monotonic() - held.born)

    def after_fork(self) -> None:
        """Make the holder usable in a forked child: another thread may have held the lock."""
        self._lock = Lock()

    # --- under the lock ----------------------------------------------------------------------------

    def _judged(self, snapshot: Snapshot | None, local: Matcher | None, source: str | None) -> Held:
        now = self._clocks.monotonic()
        if snapshot is None:
            closed = self._fail is Fail.CLOSED
            rules = self._rules(None, local, NONE if closed else None)
            return Held(rules, None, State.NONE, now, now + JUDGED_S, 0, None)
        drills = self._drills
        faults = None if drills is None else drills.live(snapshot, source)
        behind_s = 0.0 if drills is None else drills.behind_s(faults)
        age = max(now - self._heard, self._wall_age(snapshot, behind_s))
        closed = snapshot.fails_closed or self._fail is Fail.CLOSED
        most = self._most(closed=closed)
        if drills is not None and drills.cuts_off(faults):
            age = max(age, most + JUDGED_S)
        stale = age > most
        rules = self._rules(snapshot, local, STALE if stale and closed else None, faults)
        until = now + (JUDGED_S if stale else min(JUDGED_S, most - age))
        state = State.STALE if stale else State.FRESH
        return Held(rules, snapshot, state, now - age, until, snapshot.head.at.generation, source)

    def _wall_age(self, snapshot: Snapshot, behind_s: float) -> float:
        age = self._clocks.wall() - behind_s - snapshot.head.checked_at.timestamp()
        self.is_behind = age < -BEHIND_S
        self.behind += self.is_behind
        return age

    def _most(self, *, closed: bool) -> float:
        limit = MAX_STALE_CLOSED_S if closed else MAX_STALE_S
        return limit if self._max_stale_s is None else min(limit, self._max_stale_s)

    def _rules(
        self,
        snapshot: Snapshot | None,
        local: Matcher | None,
        diverts: str | None,
        faults: Faults | None = None,
    ) -> Rules:
        """Return the rules that are held if they say the same: a head signed anew changes no answer."""
        before = self.held.rules
        same = (
            before.local is local
            and before.diverts == diverts
            and before.faults is faults
            and (
                before.snapshot is snapshot
                or (
                    before.snapshot is not None
                    and snapshot is not None
                    and before.snapshot.switches is snapshot.switches
                )
            )
        )
        return before if same else Rules(snapshot, local, diverts, faults)

    def _is_due(self) -> bool:
        now = self._clocks.monotonic()
        if self._logged is not None and now - self._logged < LOGGED_S:
            return False
        self._logged = now
        return True

    def _tell(self, held: Held) -> None:
        what = "has no snapshot" if held.state is State.NONE else "holds a stale snapshot"
        then = "falls back or blocks" if held.rules.diverts else "goes on without news of switches"
        _LOG.warning("guard of %s: it %s, and %s", self._model, what, then)
