"""What is fixed at one guarded place: contract, key, limits, breaker, chain, and how its context is read (SG-24)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.guard.approved import Approved
from modelwarden.guard.begun import Verdict
from modelwarden.guard.breaker import Thresholds
from modelwarden.guard.breakers import Breakers
from modelwarden.guard.checks import checker
from modelwarden.guard.contract import Contract, OnViolation
from modelwarden.guard.freshness import Fresh, Level
from modelwarden.guard.held import Fail
from modelwarden.guard.picking import Picker
from modelwarden.guard.remembered import key_text
from modelwarden.guard.signals import Watches
from modelwarden.guard.visit import Visit
from modelwarden.guard.watch import ClipWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelwarden.guard.approved import Asked
    from modelwarden.guard.breaker import Breaker
    from modelwarden.guard.counts import Counts
    from modelwarden.guard.decision import Decision
    from modelwarden.guard.drift_meter import DriftMeter
    from modelwarden.guard.drilling import Drills
    from modelwarden.guard.fallback import Chain
    from modelwarden.guard.freshness import Freshness
    from modelwarden.guard.held import Clocks, Held, Holder, Rules
    from modelwarden.guard.limits import Limits
    from modelwarden.guard.picking import Around, Parameters
    from modelwarden.guard.shadow import Shadow
    from modelwarden.guard.snapshot import Snapshot
    from modelwarden.guard.versions import Versions
    from modelwarden.guard.watch import Clips

    Given = Mapping[str, object]

MOST_PICKERS: Final = 64
"""Sets of names for which what takes them is kept."""


class Options(NamedTuple):
    """How a place is guarded.

    Attributes:
        outputs: what answers have to look like.
        inputs: what the first argument has to look like (SG-36).
        fresh: how old it may be (SG-44).
        key: the name of the parameter by which callers are told apart.
        version: the version that answers here.
        endpoint: the name of this place.
        breaker: its thresholds; None for no breaker.
        limits: how many calls it lets through.
        falls_when_limited: over the limit, the chain answers instead.
    """

    outputs: Contract | None = None
    inputs: Contract | None = None
    fresh: Fresh | None = None
    key: str | None = None
    version: str | None = None
    endpoint: str | None = None
    breaker: Thresholds | None = Thresholds()
    limits: Limits | None = None
    falls_when_limited: bool = False


class OfAll(NamedTuple):
    """What all places of one guard have in common."""

    model: str
    holder: Holder
    versions: Versions
    counts: Counts
    clocks: Clocks
    fail: Fail
    judged: Callable[[], Held]
    instance: Callable[[], str]
    drills: Drills
    drift: DriftMeter
    shadow: Shadow


class Place:
    """One place. It reads contexts, keeps breakers and remembers; it decides nothing.

    Attributes:
        found_open_until: until when a drill lets a breaker here count as open.
    """

    def __init__(
        self,
        options: Options,
        *,
        shared: OfAll,
        chain: Chain,
        around: Around,
        parameters: Parameters,
    ) -> None:
        if options.key is not None and options.key not in parameters and not parameters.takes_any:
            raise ValueInvalid("key", "the name of a parameter of the function")
        self.options: Final = options
        self.model: Final = shared.model
        self.holder: Final = shared.holder
        self.versions: Final = shared.versions
        self.counts: Final = shared.counts
        self.clocks: Final = shared.clocks
        self.judged: Final = shared.judged
        self.instance: Final = shared.instance
        self.drills: Final = shared.drills
        self.drift: Final = shared.drift
        self.shadow: Final = shared.shadow
        self.asked: Final = [0]
        """Which call the short way last asked whether to count it: its keywords' id."""

        self.watches: Final = Watches(clock=shared.clocks.monotonic)
        self._fail = shared.fail
        self.chain: Final = chain
        self.outputs: Final = options.outputs
        self.version: Final = options.version or _text(around.bound.get("version"))
        self.limits: Final = options.limits
        self.falls_when_limited: Final = options.falls_when_limited
        self.clips: Final = ClipWatch()
        self.found_open_until = float("-inf")
        self.ended = self._told = 0
        self.first_name: Final = parameters.first
        self._around = around
        self._parameters = parameters
        self._pickers: dict[tuple[str, ...], Picker] = {}
        self._breakers: Final = Breakers(options.breaker, clock=shared.clocks.monotonic)
        self.own_breaker: Final = self.breaker(self.version)
        self._slow_s: Final = (options.breaker or Thresholds()).slow_s
        self._check_inputs = None if options.inputs is None else checker(options.inputs)
        self.key: Final = None if options.key is None else self.picker((options.key,))
        self.quick_key: Final = None if self.key is None else self.key.quickest
        self.takes_version: Final = "version" in parameters and options.version is None
        self._version = self.picker(("version",))
        meters = () if options.limits is None else options.limits.key_names
        self._limit_keys = self.picker(tuple(dict.fromkeys(meters)))
        self.approved: Final = Approved(clock=shared.clocks.monotonic)

    @property
    def has_short_way(self) -> bool:
        """Say whether nothing but switches, a breaker and output checks concerns a call here."""
        options = self.options
        extra = (options.limits, options.fresh, options.inputs)
        return not self.takes_version and extra == (None, None, None)

    @property
    def bound(self) -> Given:
        """What is the same for every call here."""
        endpoint = self.options.endpoint
        fixed = {} if endpoint is None else {"endpoint": endpoint}
        if self._parameters.takes_any:
            return fixed
        told = self._parameters.keys()
        return {n: v for n, v in self._around.bound.items() if n not in told} | fixed

    @property
    def endpoint(self) -> str:
        """What this place is called; "" for one that has no name."""
        return self.options.endpoint or _text(self._around.bound.get("endpoint")) or ""

    def picker(self, names: tuple[str, ...]) -> Picker:
        """Return what takes these values out of a call."""
        found = self._pickers.get(names)
        if found is None:
            if len(self._pickers) >= MOST_PICKERS:
                self._pickers = {}
            found = self._pickers[names] = Picker(names, self._parameters, self._around)
        return found

    def version_of(self, args: tuple[object, ...], kwargs: Given) -> str | None:
        """Return the version that answers, where that is known."""
        if not self.takes_version:
            return self.version
        named = self._version.value(args, kwargs)
        return named if isinstance(named, str) else None

    def limit_context(self, args: tuple[object, ...], kwargs: Given) -> Mapping[str, str]:
        """Return the values by which calls are counted apart."""
        values = self._limit_keys.values(args, kwargs)
        pairs = zip(self._limit_keys.names, values, strict=True)
        return {name: str(value) for name, value in pairs if value is not None}

    def inputs_of(self, args: tuple[object, ...], kwargs: Given) -> tuple[Level, str | None]:
        """Judge the inputs: their age, then their form."""
        fresh = self.options.fresh
        if fresh is None and self._check_inputs is None:
            return Level.FRESH, None
        first = self.first(args, kwargs)
        level, reason = Level.FRESH, None
        if fresh is not None:
            judged = self._age(fresh, args, kwargs)
            level, reason = judged.level, judged.reason
            self.counts.stale_inputs += level > Level.FRESH
        if level < Level.FALLBACK and self._check_inputs is not None:
            finding = self._check_inputs(first)
            self.watches.saw_input(bad=finding is not None)
            self.counts.inputs += 1
            self.counts.bad_inputs += finding is not None
            if finding is not None:
                return Level.FALLBACK, f"inputs:{finding.reason}"
        return level, reason

    def held_to(
        self, asked: Asked, args: tuple[object, ...], kwargs: Given
    ) -> tuple[Verdict, str, float] | None:
        """Hold a call to what was approved: return how it is stopped, why, and when to come again; None: it is not."""
        values = zip(asked.keys, self.picker(asked.keys).values(args, kwargs), strict=True)
        refused = asked.over({name: str(value) for name, value in values if value is not None})
        if refused is not None:
            verdict = Verdict.FALL if self.falls_when_limited else Verdict.LIMIT
            return verdict, refused.reason, refused.retry_after_s
        found = asked.stale(lambda fresh: self._age(fresh, args, kwargs))
        if found is not None and found.level > Level.FRESH:
            self.counts.stale_inputs += 1
        if found is None or found.level < Level.FALLBACK:
            return None
        verdict = Verdict.BLOCK if found.level is Level.BLOCK else Verdict.FALL
        return verdict, found.reason or "", 0.0

    def _age(self, fresh: Fresh, args: tuple[object, ...], kwargs: Given) -> Freshness:
        moment = self._moment(fresh.field, self.first(args, kwargs), args, kwargs)
        return fresh.judge(moment, now=self.clocks.wall())

    def first(self, args: tuple[object, ...], kwargs: Given) -> object:
        """Return the first argument, which holds the inputs."""
        if args:
            return args[0]
        name = self.first_name
        return None if name is None else kwargs.get(name)

    def parameters_among(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return those of some names that are parameters of the function."""
        return tuple(name for name in names if name in self._parameters)

    def _moment(self, name: str, first: Any, args: tuple[object, ...], kwargs: Given) -> object:  # noqa: ANN401
        if name in self._parameters or name in kwargs:
            return self.picker((name,)).value(args, kwargs)
        try:
            return first[name]
        except (KeyError, IndexError, TypeError):
            return None

    def breaker(self, version: str | None) -> Breaker | None:
        """Return the breaker of a version here (SG-40)."""
        return self._breakers.of(version)

    def asked_under(self, snapshot: Snapshot | None, version: str | None) -> Asked | None:
        """Return what was approved with a version, and let breakers behave as the snapshot says."""
        self._breakers.hold(counts_only=snapshot is not None and snapshot.counts_only)
        return self.approved.of(snapshot, version)

    def breakers(self) -> Mapping[str | None, Breaker]:
        """Return the breakers by version."""
        return self._breakers.all()

    @property
    def short(self) -> int:
        """How many calls took the short way."""
        return 0 if self.own_breaker is None else self.own_breaker.short

    def clipped_too_often(self) -> bool:
        """Count a clipped answer, and those of the short way since the last; say whether too many are (SG-35)."""
        return self.clips.count(1 + self._short_since(), clipped=1).failure

    def _short_since(self) -> int:
        before, self._told = self._told, self.short
        return max(0, self._told - before)

    def clips_now(self) -> Clips:
        """Return how many of the answers were clipped, those of the short way among them."""
        return self.clips.count(self._short_since())

    def timed(self, latency_s: float, *, counts: bool = True) -> None:
        """Keep the latency of a call that took the long way, as often as of those that took the short one.

        One that a drill struck `counts` in no service level.
        """
        self.ended += 1
        self.counts.slow += latency_s >= self._slow_s
        untimed = 0 if self.own_breaker is None else self.own_breaker.untimed
        if counts and not self.ended & untimed:
            self.counts.latencies.append(latency_s)

    def remember(self, key: object, value: object, version: str | None) -> bool:
        """Keep a good answer under its key, if there is one (SG-38)."""
        if key is None:
            return False
        try:
            text = key_text(key)
        except ValueInvalid:
            return False
        return self.chain.remember(text, value, version=version)

    def baselines(self, rules: Rules) -> Mapping[str, Callable[..., Any]]:
        """Return the functions of the versions that are approved as baselines."""
        return self.versions.baselines(rules.snapshot)

    def fails_closed(self, held: Held) -> bool:
        """Say whether a guard that can't do its work answers nothing."""
        snapshot = held.snapshot
        return self._fail is Fail.CLOSED or (snapshot is not None and snapshot.fails_closed)

    def tell(self, decision: Decision) -> None:
        """Take in a decision that did not take the short way: its step is counted, and the request is told (SG-55)."""
        if decision.step is not None:
            steps = self.counts.steps
            steps[decision.step] = steps.get(decision.step, 0) + 1
        around = self._around.variable.get()
        if isinstance(around, Visit):
            around.take(decision)

    def after_fork(self) -> None:
        """Make the place usable in a forked child."""
        self.clips.after_fork()
        self.watches.after_fork()
        self._breakers.after_fork()
        self.approved.after_fork()
        if self.limits is not None:
            self.limits.after_fork()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def outputs_of(
    outputs: Contract | None,
    low: float | None,
    high: float | None,
    on_violation: OnViolation | str | None,
) -> Contract | None:
    """Return the contract that `protect` is told, in full or in short. Raises ValueInvalid."""
    short = (low, high, on_violation)
    if outputs is not None:
        if short != (None, None, None):
            raise ValueInvalid("outputs", "alone: it says low, high and on_violation")
        return outputs
    if short == (None, None, None):
        return None
    return Contract(low=low, high=high, on_violation=OnViolation(on_violation or OnViolation.CLIP))
