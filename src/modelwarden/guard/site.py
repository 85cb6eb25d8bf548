"""One guarded place in the host's code: what happens before and after the call, and what is answered instead (SG-25).

    begun = site.begin(args, kwargs)          # fault → switch → route → rate limit → freshness → breaker
    …the host's code runs, if `begun.verdict` is GO; no lock is held…
    ended = site.end(begun, value)            # switches again if the rules changed; output checks
    decision = decided(site, ended, answer)   # with what the fallback chain answered, if the verdict is FALL

A fault in the guard itself is counted and logged. Failing static, the host's function then answers alone; failing
closed, the fallback does (SG-27).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from modelwarden.errors import PredictionBlocked
from modelwarden.guard.begun import Begun, Verdict
from modelwarden.guard.breaker import Amiss
from modelwarden.guard.contract import OnViolation
from modelwarden.guard.decision import Status
from modelwarden.guard.drilling import drilled
from modelwarden.guard.freshness import Level
from modelwarden.guard.plan import Plan, make_plan
from modelwarden.guard.short_way import NEVER
from modelwarden.guard.switch import Action
from modelwarden.guard.versions import NOT_LOADED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.guard.batch import Batches
    from modelwarden.guard.held import Held
    from modelwarden.guard.match import Match
    from modelwarden.guard.place import Place
    from modelwarden.guard.short_way import Ready

    Values = tuple[object, ...]

SWITCHED_OFF: Final = "switched_off"
BREAKER_OPEN: Final = "breaker_open"
GUARD_FAULT: Final = "guard_fault"
MOST_PLANS: Final = 64
"""Versions whose plans are kept at one place."""

_LOG: Final = logging.getLogger("modelwarden.guard")


class Site:
    """What `place` says, under the rules that hold now. May be used from any thread."""

    def __init__(self, place: Place) -> None:
        self.place: Final = place
        self.holder: Final = place.holder
        self.counts: Final = place.counts
        self.now: Final = place.clocks.monotonic
        self._plans: dict[str | None, Plan] = {}
        self.kept: dict[str, object] = {}  # what a drill answers over and over
        self.batches: Batches | None = None  # made for the first batch
        held = self.holder.held
        self.ready = self._ready(held, self._plan(held, place.version))

    # --- before the call ---------------------------------------------------------------------------

    def current(self) -> Held:
        """Return what is held, its age judged if that is due."""
        held = self.holder.held
        return self.place.judged() if self.now() >= held.until else held

    def planned(self, held: Held, version: str | None) -> Plan:
        """Return the plan for what is held."""
        plan = self._plans.get(version)
        if plan is None or plan.rules is not held.rules:
            plan = self._plan(held, version)
        made_of, made_by = self.ready[0], self.ready[-1][-1]
        if version == self.place.version and (made_of is not held or made_by is not plan):
            self.ready = self._ready(held, plan)
        return plan

    def _plan(self, held: Held, version: str | None) -> Plan:
        place = self.place
        asked = place.asked_under(held.rules.snapshot, version)
        plan = make_plan(held.rules, bound=place.bound, version=version, code=place.outputs, asked=asked)  # fmt: skip
        if len(self._plans) >= MOST_PLANS:
            self._plans = {}
        self._plans[version] = plan
        return plan

    def _ready(self, held: Held, plan: Plan) -> Ready:
        """Return what the short way reads, once a call."""
        is_open = (
            plan.is_quiet
            and plan.may_pass
            and not (self.place.versions.loaded or self.place.watches.looks)
        )
        pick, match = self.place.picker(plan.wanted).quickest, plan.quickest
        pick, match = self.place.drift.sampled(self.place, plan.rules.snapshot, pick, match)
        until = held.until if is_open else NEVER
        told = held.born, held.generation, self.place.version, plan
        return held, until, pick, match, *plan.floats, plan.check, told

    def replan(self) -> None:
        """Make all plans anew: a version was named."""
        self._plans = {}
        self.planned(self.holder.held, self.place.version)

    def resume(
        self,
        held: Held,
        plan: Plan,
        args: Values,
        kwargs: Mapping[str, object],
        ticket: int,
        started: float,
    ) -> Begun:
        """Return a call that has taken the short way so far."""
        begun = Begun(held, plan, args, kwargs)
        begun.ticket, begun.started, begun.version = ticket, started, self.place.version
        if self.place.key is not None:
            begun.key = self.place.key.value(args, kwargs)
        return begun

    def begin(self, args: Values, kwargs: Mapping[str, object]) -> Begun:
        """Decide whether the host's code is called; never raises."""
        begun = None
        try:
            begun = Begun(self.current(), self.ready[-1][-1], args, kwargs)
            self._begin(begun)
            self.place.drift.saw(self.place, begun)
        except Exception as error:  # noqa: BLE001 - SG-27: a fault in the guard is no fault of the host
            begun = begun or Begun(self.holder.held, self.ready[-1][-1], args, kwargs)
            self._fault(begun, error)
            begun.verdict = Verdict.FALL if self.place.fails_closed(begun.held) else Verdict.GO
        return begun

    def _begin(self, begun: Begun) -> None:
        place = self.place
        begun.version = place.version_of(begun.args, begun.kwargs)
        if place.key is not None:
            begun.key = place.key.value(begun.args, begun.kwargs)
        begun.plan = self.planned(begun.held, begun.version)
        if begun.plan.faults is not None:
            place.drills.strike(begun, place, self.kept)
        self._route(begun)
        self._match(begun)
        if begun.verdict is not Verdict.GO:
            return
        if begun.plan.broken is not None:
            self._stop(begun, Verdict.FALL, begun.plan.broken)
        elif not (self._limited(begun) or self._stale(begun) or self._exceeds(begun)):
            self._admit(begun)

    def _route(self, begun: Begun) -> None:
        """Choose the version that answers; one that may not is not asked (SG-30 to SG-32)."""
        snapshot, versions = begun.held.snapshot, self.place.versions
        if snapshot is None or not versions.loaded:
            return
        routed = versions.routed(
            snapshot,
            key=begun.key,
            instance=self.place.instance(),
            match=lambda label: self._matched(begun, self.planned(begun.held, label)),
        )
        if routed is None:
            problem = versions.problem(begun.version, snapshot)
        else:
            (begun.version, why, begun.shadow), begun.function = routed
            self.counts.routed[why] += 1
            begun.plan = self.planned(begun.held, begun.version)
            problem = versions.problem(begun.version, snapshot) if begun.function is None else None
            problem = problem or (NOT_LOADED if begun.function is None else None)
        if problem is not None:
            self._stop(begun, Verdict.FALL, problem)

    def _matched(self, begun: Begun, plan: Plan) -> Match:
        picker = self.place.picker(plan.wanted)
        begun.values = picker.values(begun.args, begun.kwargs) if plan.wanted else ()
        return plan.match(begun.values, begun.key)

    def _match(self, begun: Begun) -> None:
        plan = begun.plan
        begun.match = found = self._matched(begun, plan)
        if found.missing:
            self.counts.unknown_context += 1
        if found.action is Action.BLOCK:
            self._stop(begun, Verdict.BLOCK, SWITCHED_OFF)
        elif found.action is Action.FALLBACK:
            self._stop(begun, Verdict.FALL, SWITCHED_OFF)
        elif plan.rules.diverts is not None:
            self._stop(begun, Verdict.FALL, plan.rules.diverts)

    def _limited(self, begun: Begun) -> bool:
        limits = self.place.limits
        if limits is None:
            return False
        refused = limits.enter(self.place.limit_context(begun.args, begun.kwargs))
        if refused is None:
            begun.entered = True
            return False
        falls = self.place.falls_when_limited
        self._stop(begun, Verdict.FALL if falls else Verdict.LIMIT, refused.reason)
        begun.retry_s = refused.retry_after_s
        return True

    def _stale(self, begun: Begun) -> bool:
        """Judge the age of the inputs, and then the inputs themselves (SG-36, SG-44)."""
        level, reason = self.place.inputs_of(begun.args, begun.kwargs)
        if begun.struck is not None:
            level, reason = begun.struck.judged(self.place, level, reason)
        if level < Level.FALLBACK:
            return False
        self._stop(begun, Verdict.BLOCK if level is Level.BLOCK else Verdict.FALL, reason or "")
        return True

    def _exceeds(self, begun: Begun) -> bool:
        """Hold a call to the limits and ages that were approved with its version (SG-34)."""
        asked = begun.plan.asked
        stop = None if asked is None else self.place.held_to(asked, begun.args, begun.kwargs)
        if stop is not None:
            verdict, reason, begun.retry_s = stop
            self._stop(begun, verdict, reason)
        return stop is not None

    def _admit(self, begun: Begun) -> None:
        breaker = self.place.breaker(begun.version)
        if breaker is not None:
            opens = begun.struck is not None and begun.struck.opens_breaker
            begun.ticket = 0 if opens else breaker.admit()
            if not begun.ticket:
                self.counts.by_version.refused(begun)
                self._stop(begun, Verdict.FALL, BREAKER_OPEN)
                begun.retry_s = breaker.retry_after_s()
                return
        begun.started = self.now()

    def _stop(self, begun: Begun, verdict: Verdict, reason: str) -> None:
        self.leave(begun)
        begun.verdict = verdict
        begun.reasons = (*begun.reasons, reason)

    # --- after the call ----------------------------------------------------------------------------

    def end(self, begun: Begun, value: object) -> Begun:
        """Take in what the host's code answered. Raises PredictionBlocked where the contract asks for it."""
        ended = self.now()
        try:
            self.leave(begun)
            value, is_over = drilled(self, begun, value)
            if is_over:
                return begun
            amiss = self._ended(begun, value)
            self._done(begun, ended, amiss)
        except PredictionBlocked:
            self._done(begun, ended, Amiss.BAD)
            self.counts.end(Status.BLOCKED, begun.struck)
            raise
        except Exception as error:  # noqa: BLE001 - SG-27, as in `begin`
            self._fault(begun, error)
            closed = self.place.fails_closed(begun.held)
            begun.verdict = Verdict.FALL if closed else Verdict.DONE
            begun.value = None if closed else value
        return begun

    def _ended(self, begun: Begun, value: object) -> Amiss | None:
        self.place.watches.saw(begun.args, begun.kwargs, value)
        finding = None if begun.plan.check is None else begun.plan.check(value)
        self.again(begun)
        if finding is None:
            if begun.verdict is Verdict.GO:
                begun.verdict, begun.value = Verdict.DONE, value
                self.place.clips.clean()
                if begun.struck is None:
                    self.place.remember(begun.key, value, begun.version)
            return None
        if finding.outcome is OnViolation.RAISE:
            raise PredictionBlocked((finding.reason,))
        if finding.outcome is OnViolation.FALLBACK:
            if begun.verdict is Verdict.GO:
                self._stop(begun, Verdict.FALL, finding.reason)
            return Amiss.BAD
        too_many = self.place.clipped_too_often()
        if begun.verdict is Verdict.GO:
            begun.verdict, begun.status = Verdict.DONE, Status.CLIPPED
            begun.value, begun.clipped_from = finding.value, value
            begun.reasons = (finding.reason,)
        return Amiss.FAILED if too_many else None

    def again(self, begun: Begun) -> None:
        """Match once more if the rules changed meanwhile: a kill stops answers that are being computed (SG-25)."""
        held = self.current()
        if held.rules is begun.plan.rules:
            return
        begun.held, begun.plan = held, self.planned(held, begun.version)
        self._match(begun)

    def raised(self, begun: Begun, error: Exception) -> Begun:
        """Take in that the host's code raised."""
        ended = self.now()
        try:
            self.leave(begun)
            self._done(begun, ended, Amiss.FAILED)
            self.again(begun)
            if begun.verdict is Verdict.GO:
                self._stop(begun, Verdict.FALL, f"raised:{type(error).__name__}")
        except Exception as fault:  # noqa: BLE001 - SG-27, as in `begin`
            self._fault(begun, fault)
            begun.verdict = Verdict.FALL
        return begun

    def valueless(self, begun: Begun, reason: str) -> Begun:
        """Take in that the host's code ended without an answer."""
        self._stop(begun, Verdict.FALL, reason)
        return begun

    def remembered(self, key: object, value: object) -> bool:
        """Remember a good answer; False only for a fault, which `end` then meets again and counts."""
        try:
            self.place.remember(key, value, self.place.version)
        except Exception:  # noqa: BLE001 - SG-27
            return False
        return True

    def _done(self, begun: Begun, ended: float, amiss: Amiss | None) -> None:
        self.counts.by_version.ended(begun, ended, amiss)
        breaker = self.place.breaker(begun.version)
        if begun.ticket and breaker is not None:
            ticket, begun.ticket = begun.ticket, 0
            breaker.done(ticket, begun.started, ended, amiss)
            self.place.timed(ended - begun.started, counts=begun.struck is None)

    def leave(self, begun: Begun) -> None:
        """Give back the place among those in flight."""
        if begun.entered and self.place.limits is not None:
            begun.entered = False
            self.place.limits.leave()

    # --- faults ------------------------------------------------------------------------------------

    def _fault(self, begun: Begun, error: Exception) -> None:
        self.leave(begun)
        self.counts.faults += 1
        begun.reasons = (*begun.reasons, GUARD_FAULT)
        _LOG.error("fault in the guard of %s", self.place.model, exc_info=error)
