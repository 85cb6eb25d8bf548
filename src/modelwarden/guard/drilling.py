"""Whether a guard honours faults, which call one strikes, and what it does there (SG-53).

A fault comes first and bypasses nothing: a switch that matches blocks the call all the same, and what a fault makes of
an answer is checked like any other. What was struck is never remembered, so that no drill outlives itself.

A guard ends a drill by itself: when its wall clock has reached the end, or as much time has passed since it heard of
the drill as the server's clock said was left, whichever comes first. A snapshot from its disk strikes nobody.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

from modelwarden.guard.faults import OF_GUARD, FaultKind
from modelwarden.guard.freshness import Level
from modelwarden.guard.signals import DISAGREEMENT
from modelwarden.guard.spoiling import not_a_number, out_of_range, shifted, without_one

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.guard.begun import Begun
    from modelwarden.guard.contract import Contract
    from modelwarden.guard.faults import Fault, Faults, Rule
    from modelwarden.guard.held import Clocks
    from modelwarden.guard.place import Place
    from modelwarden.guard.site import Site
    from modelwarden.guard.snapshot import Snapshot

LIVE: Final = frozenset({"stream", "poll", "file"})
"""Where a snapshot has to come from for its faults to count: those kept on disk may be old."""
MOST_ENDS: Final = 1_000
OPEN_S: Final = 10.0
"""How long a place counts as one with an open breaker after a drill let a call find it so."""


class DrillError(Exception):
    """Stands for the error of a model that a drill lets fail; no host ever gets it."""


class Struck:
    """One call that a fault strikes."""

    __slots__ = ("_kept", "fault", "rule")

    def __init__(self, rule: Rule, kept: dict[str, object]) -> None:
        self.rule: Final = rule
        self.fault: Final[Fault] = rule.fault
        self._kept = kept

    def wait(self) -> None:
        """Be late, if that is the fault."""
        if self.fault.kind is FaultKind.LATENCY:
            time.sleep(self.fault.amount)

    async def wait_async(self) -> None:
        """Be late, and let other tasks run meanwhile."""
        if self.fault.kind is FaultKind.LATENCY:
            from asyncio import sleep  # noqa: PLC0415 - only hosts that have it loaded come here

            await sleep(self.fault.amount)

    def inputs(self, begun: Begun, name: str | None) -> None:
        """Change the inputs of the call, if that is the fault: its first argument, or what `name` is given."""
        if begun.args:
            begun.args = (self.changed(begun.args[0]), *begun.args[1:])
        elif name is not None and name in begun.kwargs:
            begun.kwargs = {**begun.kwargs, name: self.changed(begun.kwargs[name])}

    def changed(self, given: object) -> object:
        """Return what is taken for the inputs."""
        match self.fault.kind:
            case FaultKind.DRIFT:
                return shifted(given, self.fault.amount)
            case FaultKind.MISSING_FEATURE:
                return without_one(given)
            case _:
                return given

    def judged(self, place: Place, level: Level, reason: str | None) -> tuple[Level, str | None]:
        """Return how old the inputs are, if that is the fault: as those are that name no time."""
        fresh = place.options.fresh
        if self.fault.kind is not FaultKind.STALE_INPUTS or fresh is None:
            return level, reason
        found = fresh.judge(None, now=place.clocks.wall())
        place.counts.stale_inputs += level is Level.FRESH
        return (found.level, found.reason) if found.level > level else (level, reason)

    @property
    def opens_breaker(self) -> bool:
        """Say whether the call finds its breaker open."""
        return self.fault.kind is FaultKind.BREAKER_OPEN

    def value(self, value: object, contract: Contract | None) -> object:
        """Return what is taken for the model's answer."""
        match self.fault.kind:
            case FaultKind.NAN:
                return not_a_number(value)
            case FaultKind.OUT_OF_RANGE:
                return out_of_range(value, contract)
            case FaultKind.CONSTANT:
                return self._kept.setdefault(self.rule.drill, value)
            case _:
                return value


class Drills:
    """What one guard has to do with drills. May be used from any thread.

    Args:
        honours: this guard lets itself be drilled.
        clocks: of the guard.
        instance: what this process is called.
    """

    def __init__(
        self,
        *,
        honours: bool,
        clocks: Clocks,
        instance: Callable[[], str],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._honours = honours
        self._clocks = clocks
        self._instance = instance
        self._chance = chance
        self._ends: dict[str, float] = {}

    def live(self, snapshot: Snapshot, source: str | None) -> Faults | None:
        """Return the faults that count now; None once each has ended, or where none counts here."""
        faults = snapshot.faults
        if faults is None or not self._honours or source not in LIVE:
            return None
        for rule in faults.rules.values():
            if rule.drill not in self._ends:
                left = max(0.0, rule.until - snapshot.head.checked_at.timestamp())
                if len(self._ends) >= MOST_ENDS:
                    self._ends.clear()
                self._ends[rule.drill] = self._clocks.monotonic() + left
        return faults if any(not self._is_over(rule) for rule in faults.rules.values()) else None

    def cuts_off(self, faults: Faults | None) -> bool:
        """Say whether this guard has to behave as one that hears nothing; it hears of switches all the same."""
        return self._of_guard(faults, FaultKind.CONTROL_PLANE_DOWN) is not None

    def behind_s(self, faults: Faults | None) -> float:
        """Return by how many seconds the wall clock is to be read too early."""
        fault = self._of_guard(faults, FaultKind.CLOCK_SKEW)
        return 0.0 if fault is None else fault.amount

    def strike(self, begun: Begun, place: Place, kept: dict[str, object]) -> None:
        """Let a fault strike a call that begins, if one does; the first by its drill's id."""
        faults = begun.plan.faults
        if faults is None:
            return
        wanted = faults.wanted
        values = place.picker(wanted).values(begun.args, begun.kwargs) if wanted else ()
        rule = self.taking(faults.matching(values), begun.key)
        if rule is not None:
            begun.struck = struck = Struck(rule, kept)
            if struck.opens_breaker:
                place.found_open_until = self._clocks.monotonic() + OPEN_S
            struck.inputs(begun, place.first_name)

    def taking(self, rules: Sequence[Rule], key: object) -> Rule | None:
        """Return the first of some rules that strikes a caller."""
        for rule in rules:
            whose = self._instance() if rule.fault.kind in OF_GUARD else key
            if not self._is_over(rule) and rule.takes(whose, chance=self._chance):
                return rule
        return None

    def _of_guard(self, faults: Faults | None, kind: FaultKind) -> Fault | None:
        for rule in () if faults is None else faults.of_guard(kind):
            if not self._is_over(rule) and rule.takes(self._instance(), chance=self._chance):
                return rule.fault
        return None

    def _is_over(self, rule: Rule) -> bool:
        ends = self._ends.get(rule.drill, float("-inf"))
        return self._clocks.wall() >= rule.until or self._clocks.monotonic() >= ends


def drilled(site: Site, begun: Begun, value: object) -> tuple[object, bool]:
    """Return what is taken for the answer of a call that is struck, and whether the call has ended with it."""
    struck = begun.struck
    if struck is None:
        return value, False
    if struck.fault.kind is FaultKind.ERROR:
        site.raised(begun, DrillError())
        return None, True
    if struck.fault.kind is FaultKind.DISAGREE:
        site.valueless(begun, DISAGREEMENT)
        return None, True
    return struck.value(value, begun.plan.contract), False
