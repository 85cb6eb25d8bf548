"""What stands at the door of a web program: which requests are let in, and which answers out (SG-55).

    visit = gate.enter(request)        # refused, if a switch blocks it or it is over a limit
    …the program answers; guarded calls within know what the gate knows…
    gate.stopped(visit)                # as its answer begins: a switch came meanwhile, or nobody fell back
    gate.leave(visit)

A gate has no value to answer instead. Where a fallback is due it lets the request in, and its answer out only if a
guarded call within has decided. Switches on dimensions that only those calls know are left to them. It knows nothing
of HTTP.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.guard.decision import Decision, Status
from modelwarden.guard.match import NOTHING, Matcher
from modelwarden.guard.picking import Parameter, Parameters, check_names
from modelwarden.guard.place import Options
from modelwarden.guard.plan import VERSION, make_plan
from modelwarden.guard.short_way import NEVER
from modelwarden.guard.site import GUARD_FAULT, SWITCHED_OFF
from modelwarden.guard.switch import Action
from modelwarden.guard.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from modelwarden.guard.held import Held, Rules
    from modelwarden.guard.limits import Limits
    from modelwarden.guard.match import Match
    from modelwarden.guard.picking import Pick
    from modelwarden.guard.plan import Plan
    from modelwarden.guard.setting_up import Parts
    from modelwarden.guard.visit import Sources

KEY: Final = "key"
_LOG: Final = logging.getLogger("modelwarden.guard")


class _Seen(NamedTuple):
    """What is asked of requests under some rules.

    Attributes:
        is_open: a request that no switch matches is let in at once.
        left: the dimensions that are left to guarded calls.
    """

    rules: Rules
    is_open: bool
    left: frozenset[str]
    plan: Plan


_Ready = tuple["Held", float, "Pick", "Callable[[tuple[object, ...]], Match] | None", _Seen]
"""What lets most requests in, as in `short_way`: what is held, until when, and which switches match."""


class Gate:
    """A gate of one guard. May be used from any thread or task.

    Args:
        parts: of the guard.
        bound: what the guard knows of all requests.
        sources: by dimension, or `key`, what reads it off a request. One that raises knows nothing.
        limits: how many requests are let in.
        leaves: dimensions that only guarded calls within know. `version` is one by itself as soon as any of them
            knows it.
    """

    def __init__(
        self,
        parts: Parts,
        bound: Mapping[str, object],
        sources: Sources,
        *,
        limits: Limits | None = None,
        leaves: Collection[str] = (),
    ) -> None:
        check_names(sources)
        self.model: Final = parts.settings.model
        self._parts = parts
        self._bound = bound
        self._sources: Sources = {name: _careful(name, read) for name, read in sources.items()}
        self._leaves = frozenset(leaves) - self._sources.keys() - bound.keys()
        self._context = parts.context
        self.holder: Final = parts.holder
        self._now = parts.clocks.monotonic
        parameters = Parameters(key=Parameter(None, None))
        parameters.takes_any = True
        options = Options(key=KEY, breaker=None, limits=limits)
        self._site = parts.site(options, parameters, bound, parts.chain)
        self._place = self._site.place
        held = self.holder.held
        self._seen = self._planned(held.rules)
        self._ready = self._ready_for(held, self._seen)

    def enter(self, request: object) -> Visit:
        """Let a request in, or refuse it; never raises. `leave` has to follow in any case."""
        visit = Visit()
        self.admit(visit, request)
        return visit

    def admit(self, visit: Visit, request: object) -> None:
        """Do as `enter` does, with a visit that was just made."""
        held, until, pick, match, _ = self._ready
        context = self._context
        # As `Visit.begin` does, without its call.
        visit._sources, visit._request, visit._outer = self._sources, request, context.get()  # noqa: SLF001
        visit.decision = visit.refused = visit.held = visit._found = None  # noqa: SLF001
        visit.entered = visit.started = visit.is_quiet = False
        visit.pending = ""
        visit.token = context.set(visit)
        try:
            if (
                self.holder.held is held
                and self._now() < until
                and (match is None or match(pick((), visit)) is NOTHING)
            ):
                visit.held, visit.is_quiet = held, True
                return
        except Exception:  # noqa: BLE001 - SG-27: it is met again below, and counted
            self._judge(visit)
            return
        self._judge(visit)

    def stopped(self, visit: Visit) -> Decision | None:
        """Return why an answer must not go out that is about to; never raises (SG-25)."""
        same = visit.held is not None and self.holder.held.rules is visit.held.rules
        if visit.refused is not None or (same and not visit.pending):
            return None
        if not same:
            self._judge(visit, again=True)
        if visit.pending and visit.decision is None:
            self._refuse(visit, self._site.current(), visit.pending, visit.switches)
        return visit.refused

    def leave(self, visit: Visit) -> None:
        """Take in that a request is over."""
        token = visit.token
        if token is not None:
            visit.token = None
            try:
                self._context.reset(token)
            except ValueError:  # it was entered in another context, which is gone
                _LOG.debug("a request ended in another context than it began in")
        if visit.entered and self._place.limits is not None:
            visit.entered = False
            self._place.limits.leave()

    @property
    def generation(self) -> int:
        """Of the snapshot that counts now."""
        return self.holder.held.generation

    # --- what is decided ---------------------------------------------------------------------------

    def _judge(self, visit: Visit, *, again: bool = False) -> None:
        try:
            held = self._site.current()
            self._judged(visit, held)
            if visit.refused is None and not again:
                self._limit(visit, held)
        except Exception as error:  # noqa: BLE001 - SG-27: a fault in the guard is no fault of the host
            self._site.counts.faults += 1
            _LOG.error("fault in the gate of %s", self.model, exc_info=error)
            if self._place.fails_closed(self.holder.held):
                self._refuse(visit, self.holder.held, GUARD_FAULT, ())

    def _judged(self, visit: Visit, held: Held) -> None:
        seen = self._seen
        if seen.rules is not held.rules or self._left() != seen.left:
            seen = self._seen = self._planned(held.rules)
        if self._ready[0] is not held or self._ready[-1] is not seen:
            self._ready = self._ready_for(held, seen)
        visit.held, visit.pending = held, ""
        plan = seen.plan
        values = self._place.picker(plan.wanted).values((), visit) if plan.wanted else ()
        key = self._place.key.value((), visit) if self._place.key is not None else None
        found = plan.match(values, key)
        if found.missing:
            self._site.counts.unknown_context += 1
        if found.action is Action.BLOCK and not (key is None and plan.is_ramped(values)):
            self._refuse(visit, held, SWITCHED_OFF, found.switches)
        elif found.diverts:
            visit.pending, visit.switches = SWITCHED_OFF, found.switches
        elif held.rules.diverts is not None:
            visit.pending, visit.switches = held.rules.diverts, ()

    def _limit(self, visit: Visit, held: Held) -> None:
        limits = self._place.limits
        if limits is None:
            return
        limited = limits.enter(self._place.limit_context((), visit))
        if limited is None:
            visit.entered = True
            return
        self._refuse(visit, held, limited.reason, (), retry_after_s=limited.retry_after_s)

    def _refuse(
        self,
        visit: Visit,
        held: Held,
        reason: str,
        switches: tuple[str, ...],
        *,
        retry_after_s: float | None = None,
    ) -> None:
        status = Status.BLOCKED if retry_after_s is None else Status.LIMITED
        self._site.counts.by_status[status] += 1
        visit.refused = decision = Decision(
            None,
            status,
            (reason,),
            switches=switches,
            generation=held.generation,
            stale_s=max(0.0, self._now() - held.born),
            retry_after_s=retry_after_s or 0.0,
        )
        visit.take(decision)
        self._parts.last.kept = decision

    # --- what is asked -----------------------------------------------------------------------------

    def _left(self) -> frozenset[str]:
        """Return what is left to guarded calls: the version, where some of them know it, and what was named."""
        if VERSION in self._sources or VERSION in self._bound:
            return self._leaves
        parts = self._parts
        places = [site.place for site in list(parts.sites) if site is not self._site]
        if parts.versions.loaded or any(one.takes_version or one.version for one in places):
            return self._leaves | {VERSION}
        return self._leaves

    def _planned(self, rules: Rules) -> _Seen:
        left, asked = self._left(), rules
        if left:
            snapshot, local = rules.snapshot, rules.local
            if snapshot is not None:
                snapshot = replace(
                    snapshot,
                    switches=_without(snapshot.switches, left),
                    version_switches=_without(snapshot.version_switches, left),
                )
            asked = rules._replace(
                snapshot=snapshot, local=None if local is None else _without(local, left)
            )
        plan = make_plan(asked, bound=self._place.bound)
        is_open = rules.diverts is None and self._place.limits is None and plan.may_pass
        return _Seen(rules, is_open, left, plan)

    def _ready_for(self, held: Held, seen: _Seen) -> _Ready:
        """Return what is asked of a request first; once what is held is another, it is asked for anew."""
        pick = self._place.picker(seen.plan.wanted).quickest
        until = held.until if seen.is_open else NEVER
        return held, until, pick, seen.plan.quickest, seen


def _without(matcher: Matcher, names: frozenset[str]) -> Matcher:
    """Return a matcher for those switches alone that name none of these dimensions, also not in an exception."""
    rules, rows = matcher._rules, matcher._rows  # noqa: SLF001 - a matcher is made of a matcher
    for name in names:
        named = rules.named.get(name, 0)
        rows &= ~(named | named >> len(rules.effects))
    return Matcher(rules, rows, missing=matcher._missing, known=matcher._known)  # noqa: SLF001


def _careful(name: str, read: Callable[[Any], object]) -> Callable[[Any], object]:
    """Return a reader that knows nothing where the host's one raises, and says so once."""
    told: list[str] = []

    def reading(request: Any) -> object:  # noqa: ANN401 - whatever a door has
        try:
            return read(request)
        except Exception as error:  # noqa: BLE001 - the host's own; what is missing blocks (SG-4)
            if not told:
                told.append(name)
                _LOG.warning("what reads %s off a request raised", name, exc_info=error)
            return None

    return reading
