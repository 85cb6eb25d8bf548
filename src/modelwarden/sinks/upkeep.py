"""What the ledger says of its sinks: how far each is, that one is behind, that a copy differs (LG-9, LG-50, LG-51).

One process leads. Each hour it records how far the sinks are, and compares random ranges of what they wrote with the
database. What falls behind for more than fifteen minutes is told at once, and so is a follower that stopped for good.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from modelwarden.errors import SinkDiffers as DiffersError
from modelwarden.errors import WardenError
from modelwarden.facts.kinds import Code
from modelwarden.facts.sinks import (
    FollowerStopped,
    SinkBehind,
    SinkDiffers,
    SinkRecovered,
    SinkSealed,
)
from modelwarden.sinks.comparing import compare
from modelwarden.sinks.delay import Delay
from modelwarden.sinks.opening import follower_name
from modelwarden.sinks.sink import kind_of
from modelwarden.store import entries, positions
from modelwarden.values.canonical import MAX_INTEGER
from modelwarden.values.ids import Digest
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.ledger.result import Problem
    from modelwarden.sinks.far_ends import FarEnds
    from modelwarden.sinks.opening import OpenSink
    from modelwarden.store.change import Change
    from modelwarden.store.database import Lead
    from modelwarden.store.follower import Follower, Position
    from modelwarden.store.opening import Store
    from modelwarden.values.clock import Clock
    from modelwarden.values.principal import Principal

T = TypeVar("T")
FIRST_S: Final = 60.0
LOOK_S: Final = 30.0
HOUR_S: Final = 3_600.0
BEHIND_S: Final = 900
RANGES: Final = 8
WIDTH: Final = 256
"""Entries of a range that is read back."""
LOG: Final = logging.getLogger("modelwarden.sinks")
_SEALER: Final = system("sealer")


class Acts(Protocol):
    """What upkeep needs of the Warden."""

    def change(self, principal: Principal, action: Callable[[Change], T]) -> T:
        """Run a change and wait for its commit."""
        ...


class Upkeep:
    """A thread that looks after the sinks of one store. Not started where there are none."""

    def __init__(  # noqa: PLR0913  # what is looked after, and by which clocks
        self,
        warden: Acts,
        store: Store,
        sinks: Sequence[OpenSink],
        followers: Sequence[Follower],
        clock: Clock,
        elapsed: Callable[[], float] = time.monotonic,
        *,
        far_ends: FarEnds,
    ) -> None:
        self._warden, self._store, self._clock = warden, store, clock
        self._sinks, self._followers = tuple(sinks), tuple(followers)
        self._delays = {
            each.address.name: Delay(
                follower_name(each.address.name),
                store.database,
                follower=each.follower,
                elapsed=elapsed,
            )
            for each in sinks
        }
        self._far_ends = far_ends
        self._ends_told: dict[str, Problem] = {}
        self._sealed: dict[str, int] = {}
        self._behind: set[str] = set()
        self._stopped: set[str] = set()
        self._differing: set[str] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelwarden-upkeep", daemon=True)

    def start(self) -> None:
        """Begin to look, a minute from now."""
        if self._sinks:
            self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Tell of sinks that fell behind or recovered, and of followers that stopped for good."""
        for each in self._sinks:
            name = each.address.name
            lag = self._delays[name].lag(now=self._clock.now())
            if lag.seconds > BEHIND_S and name not in self._behind:
                self._tell(
                    SinkBehind(sink=Code(name), entries=lag.entries, seconds=int(lag.seconds))
                )
                self._behind.add(name)  # once it was told: what could not be told comes again
            elif lag.seconds <= BEHIND_S and name in self._behind:
                self._tell(SinkRecovered(sink=Code(name)))
                self._behind.remove(name)
            if isinstance(each.follower.failing, DiffersError):
                self._tell_difference(name, self._position(each).next_seq, DiffersError.code)
        self._look_at_ends()
        for follower in self._followers:
            if follower.stopped is not None and follower.name not in self._stopped:
                seq = positions.stored(self._store.database, follower.name).next_seq
                self._tell(FollowerStopped(follower=Code(follower.name), seq=seq))
                self._stopped.add(follower.name)

    def _look_at_ends(self) -> None:
        """Tell of far ends that do not end as the ledger does, each time that what is wrong is another thing.

        Somebody may have written a number there that no entry can hold.
        """
        now = self._far_ends.differing
        for name, problem in now.items():
            if self._ends_told.get(name) != problem:
                LOG.critical("the copy %s differs: %s", name, problem.detail)
                self._tell_difference(name, min(problem.seq, MAX_INTEGER), problem.code)
        self._ends_told = dict(now)

    def seal(self) -> None:
        """Record how far each sink is that moved by more than what seals themselves add."""
        for each in self._sinks:
            name = each.address.name
            at = self._position(each)
            if at.next_seq - self._sealed.get(name, 0) > len(self._sinks):
                self._tell(_sealed(name, at))
                self._sealed[name] = at.next_seq

    def read_back(self) -> None:
        """Compare random ranges of each copy with the database, its end among them."""
        for each in self._sinks:
            try:
                self._read_back(each)
            except WardenError as error:
                LOG.warning("could not read the copy %s back: %s", each.address.name, error)

    def _read_back(self, each: OpenSink) -> None:
        name, origin = each.address.name, self._store.around.keyring.origin
        size = self._position(each).next_seq
        for first in _starts(size):
            last = min(first + WIDTH, size) - 1
            with (
                closing(kind_of(each.address).open_copy(each.address, origin=origin)) as copy,
                self._store.database.reading() as connection,
            ):
                ours = entries.lines(connection, origin, first, last)
                found = compare(ours, copy, name=name, first=first, last=last)
                found += tuple(copy.problems())
            for problem in found[:1]:
                LOG.critical("the copy %s differs: %s", name, problem.detail)
                self._tell_difference(name, problem.seq, problem.code)
                return
        self._differing.discard(name)

    def _tell_difference(self, name: str, seq: int, code: str) -> None:
        """Record that a copy differs, once until it was read back without a difference."""
        if name not in self._differing:
            self._tell(SinkDiffers(sink=Code(name), seq=seq, problem=Code(code)))
            self._differing.add(name)

    def _position(self, each: OpenSink) -> Position:
        """Return how far a sink is: who leads it knows better than the database, which may have been edited."""
        return each.follower.done or positions.stored(self._store.database, each.follower.name)

    def _run(self) -> None:
        if self._closing.wait(FIRST_S):
            return
        while not self._closing.is_set():
            lead = self._try_to_lead()
            if lead is None:
                self._closing.wait(LOOK_S)
                continue
            with closing(lead):
                hour: float | None = None
                while lead.holds() and not self._closing.is_set():
                    hour = self._round(hour)
                    self._closing.wait(LOOK_S)

    def _try_to_lead(self) -> Lead | None:
        try:
            return self._store.database.lead("upkeep")
        except Exception as error:  # noqa: BLE001  # the edge: whatever keeps us from leading may pass
            LOG.warning("could not try to look after the sinks: %s", error)
            return None

    def _round(self, hour: float | None) -> float | None:
        try:
            self.look()
            if hour is None or time.monotonic() - hour > HOUR_S:
                self.read_back()
                self.seal()
                hour = time.monotonic()
        except Exception as error:  # noqa: BLE001  # the edge: a copy may raise anything; the next round comes
            LOG.warning("looking after the sinks failed: %s", error)
        return hour

    def _tell(
        self, fact: SinkBehind | SinkDiffers | SinkRecovered | SinkSealed | FollowerStopped
    ) -> None:
        self._warden.change(_SEALER, partial(_record, fact=fact))


def _record(
    change: Change, *, fact: SinkBehind | SinkDiffers | SinkRecovered | SinkSealed | FollowerStopped
) -> None:
    change.record(fact)


def _sealed(name: str, at: Position) -> SinkSealed:
    return SinkSealed(sink=Code(name), next_seq=at.next_seq, entry_hash=Digest(at.entry_hash.hex()))


def _starts(size: int) -> list[int]:
    """Return where the ranges begin that are read back: the end, and some places drawn at random."""
    if not size:
        return []
    most = max(0, size - WIDTH)
    return sorted({most, *(random.randint(0, most) for _ in range(RANGES - 1))})  # noqa: S311  # no secret
