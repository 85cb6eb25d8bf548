"""The guard: what a host puts around its predictions (SG-24).

    guard = Guard("https://warden:8321", "churn", token=…)

    @guard.protect(low=0.0, high=1.0, key="customer_id")
    def predict(features, *, customer_id, region): ...

It holds the last signed snapshot that it has seen and asks no server while a prediction waits. Its background threads
are daemons; `close` ends them.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from modelwarden.errors import ValueInvalid
from modelwarden.guard.answering import asked, decided, fell, refused
from modelwarden.guard.begun import Verdict
from modelwarden.guard.breaker import Thresholds
from modelwarden.guard.decision import Decision, Status, Validation, value_of
from modelwarden.guard.fallback import Chain, LastKnownGood, Step
from modelwarden.guard.guarded_call import GuardedCall
from modelwarden.guard.held import Clocks, Fail
from modelwarden.guard.many import KEY, Many
from modelwarden.guard.picking import check_names, parameters_of
from modelwarden.guard.place import Options, outputs_of
from modelwarden.guard.protect import last_decision, protected
from modelwarden.guard.visit import within

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from modelwarden.guard.contract import Contract, OnViolation
    from modelwarden.guard.feed import Pace
    from modelwarden.guard.freshness import Fresh
    from modelwarden.guard.gate import Gate
    from modelwarden.guard.limits import Limits
    from modelwarden.guard.match import Match
    from modelwarden.guard.remembered import Store
    from modelwarden.guard.site import Site
    from modelwarden.guard.visit import Sources

Returns = Literal["decision", "value"]
F = TypeVar("F", bound="Callable[..., Any]")


class Guard(Many):
    """Guards the predictions of one model in one environment. May be used from any thread or task.

    Args:
        url_or_file: the address of a server, or the path of a file that holds a signed snapshot.
        model: its name.
        environment: `production`, or `staging`.
        endpoint: the name of this service, for switches that name endpoints.
        use_case: what all calls are for; switches see it, and the server counts them for it (SL-40).
        token: for the server: one that may read snapshots of this model.
        keys: who may have signed: PEM texts or paths; else MODELWARDEN_SNAPSHOT_KEYS; else what the server names the
            first time, over https or from this machine, pinned in `state_dir` (SG-18).
        fail: `static` goes on with the last snapshot whatever its age, and without one lets through; `closed` then
            falls back or blocks. A snapshot may ask for `closed`, too: the stricter counts (SG-21).
        init_wait: how long to wait for the server at most, in seconds; 0 for not at all.
        state_dir: where the snapshot, the newest generation seen and the pinned keys are kept; else
            MODELWARDEN_STATE_DIR, else the user's own state folder.
        bootstrap: a signed snapshot that came with the program, for a first start without a server.
        stop_file: blocks whatever it names while it is there (SG-13).
        drills: let drills put faults into calls; unless said, in staging alone (SG-53).
        outputs: what answers have to look like, for `validate`, `remember`, `recall`, `batch` and `call`.
        fallback: the chain of steps; else what was last answered well for the same key (SG-37).
        store: where good answers are remembered.
        max_stale_s: the age at which a snapshot is stale, if sooner than a day or, closed, five minutes.

    Raises:
        ValueInvalid, KeyInvalid: an argument has not the right form.
        NoPinnedKey: a file, or a server without https on another machine, and no keys. Never for a server's sake.
    """

    def __init__(  # noqa: PLR0913 - SG-24 names them
        self,
        url_or_file: str | Path,
        model: str,
        *,
        environment: str = "production",
        endpoint: str | None = None,
        use_case: str | None = None,
        token: str | None = None,
        keys: str | Sequence[str] | None = None,
        fail: Literal["static", "closed"] = "static",
        init_wait: float = 1.0,
        state_dir: str | Path | None = None,
        bootstrap: str | Path | None = None,
        stop_file: str | Path | None = None,
        drills: bool | None = None,
        outputs: Contract | None = None,
        fallback: Sequence[Step] = (LastKnownGood(),),
        store: Store | None = None,
        max_stale_s: float | None = None,
        pace: Pace | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        from modelwarden.guard.feed import Pace  # noqa: PLC0415 - whoever only imports a guard is spared these
        from modelwarden.guard.setting_up import Parts, Settings  # noqa: PLC0415

        _check(init_wait, fail)
        settings = Settings(
            source=str(url_or_file),
            model=model,
            environment=environment,
            use_case=use_case,
            token=token,
            keys=keys,
            fail=Fail(fail),
            max_stale_s=max_stale_s,
            state_dir=state_dir,
            bootstrap=bootstrap,
            stop_file=stop_file,
            drills=environment == "staging" if drills is None else drills,
            pace=pace or Pace(),
            clocks=clocks or Clocks(),
        )
        self._parts = Parts(settings, Chain(fallback, model=model, store=store, now=settings.clocks.wall))  # fmt: skip
        self._bound: Mapping[str, object] = _given(endpoint=endpoint, use_case=use_case)
        self._outputs = outputs
        self._sites: dict[object, Site] = {}
        self._parts.start()
        if init_wait:
            self._parts.feed.settled.wait(init_wait)

    # --- around functions --------------------------------------------------------------------------

    def protect(  # noqa: PLR0913 - each is a decision of its own, made once per function
        self,
        function: F | None = None,
        *,
        low: float | None = None,
        high: float | None = None,
        outputs: Contract | None = None,
        on_violation: OnViolation | str | None = None,
        inputs: Contract | None = None,
        fresh: Fresh | None = None,
        key: str | None = None,
        version: str | None = None,
        endpoint: str | None = None,
        fallback: Sequence[Step] | None = None,
        breaker: Thresholds | None = Thresholds(),  # noqa: B008 - a frozen value
        limits: Limits | None = None,
        when_limited: Literal["limited", "fallback"] = "limited",
        returns: Returns = "decision",
    ) -> Any:
        """Guard a function, sync or async; its parameters named like dimensions are the context.

        Answers have to look like `outputs`, or lie from `low` to `high`, where `on_violation` says whether others are
        clipped, fall back or raise. The first argument has to look like `inputs`, and to be `fresh`. `key` names the
        parameter by which callers are told apart and answers are remembered. `version` is the one that answers, and
        `endpoint` what switches call this place; `fallback` is another chain than the guard's. A `breaker` of None is
        none. Calls over the `limits` are what `when_limited` says. `returns="value"` answers values, and raises
        PredictionBlocked or PredictionLimited where there is none.

        Raises:
            ValueInvalid: what is said contradicts itself.
        """
        if returns not in {"decision", "value"}:
            raise ValueInvalid("returns", "decision or value")
        options = Options(
            outputs=outputs_of(outputs, low, high, on_violation), inputs=inputs, fresh=fresh, key=key, version=version,
            endpoint=endpoint, breaker=breaker, limits=limits, falls_when_limited=when_limited == "fallback",
        )  # fmt: skip
        chain = self._parts.chain_of(fallback)

        def around(function: F) -> Any:
            site = self._parts.site(options, parameters_of(function), self._bound, chain)
            return protected(site, function, values=returns == "value", last=self._parts.last)

        return around if function is None else around(function)

    def version(
        self, label: str, function: Callable[..., Any], *, artifact: str | Path | None = None
    ) -> None:
        """Name a version that is loaded here; its artifact's digest has to be the approved one (SG-31).

        Raises:
            OSError: the artifact can't be read.
        """
        self._parts.versions.add(label, function, artifact=artifact)
        for site in list(self._parts.sites):
            site.replan()

    def bind(self, **known: object) -> Guard:
        """Return the same guard with values that need not be given again."""
        check_names(known)
        other: Guard = object.__new__(Guard)
        other._parts, other._outputs = self._parts, self._outputs
        other._bound = {**self._bound, **known}
        other._sites = {}
        return other

    @contextmanager
    def context(self, **values: object) -> Iterator[None]:
        """Give these values to all calls within the block, in this thread or task."""
        check_names(values)
        token = self._parts.context.set(within(self._parts.context.get(), values))
        try:
            yield
        finally:
            self._parts.context.reset(token)

    # --- around anything else ----------------------------------------------------------------------

    def call(self, **context: object) -> GuardedCall:
        """Guard a block of code; `key` is the caller's, all else is context. See `GuardedCall`."""
        check_names(context)
        return GuardedCall(self._site("call"), context, last=self._parts.last)

    def check(self, **context: object) -> Match:
        """Return what the switches say of a context; counts as no decision."""
        check_names(context)
        site = self._site("check")
        held = site.current()
        version = context.get("version")
        plan = site.planned(held, version if isinstance(version, str) else None)
        values = site.place.picker(plan.wanted).values((), context) if plan.wanted else ()
        return plan.match(values, context.get(KEY))

    def validate(self, value: object, *, key: object = None, **context: object) -> Validation:
        """Judge a value that was computed elsewhere: switches, then output checks; no fallback answers."""
        check_names(context)
        site = self._site("validate")
        begun = site.begin((), {**context, KEY: key})
        if begun.verdict is Verdict.GO:
            site.end(begun, value)
        decision = decided(site, begun, None)
        self._parts.last.kept = decision
        reason = decision.reasons[0] if decision.reasons else None
        return Validation(decision.is_answered, decision.value, reason)

    def remember(self, key: object, value: object, *, version: str | None = None) -> bool:
        """Keep a good answer that was computed elsewhere; False: not kept, since it fails its checks (SG-38)."""
        site = self._site("remember")
        plan = site.planned(site.current(), version)
        if plan.broken is not None or (plan.check is not None and plan.check(value) is not None):
            return False
        kept = site.place.remember(key, value, version)
        self._parts.counts.by_status[Status.OK if kept else Status.FAILED] += 1
        self._parts.counts.stored += kept
        self._parts.counts.not_stored += not kept
        return kept

    def recall(self, key: object, *, returns: Returns = "decision", **context: object) -> Any:
        """Return what the chain answers for a key without asking a model (SG-24).

        Raises:
            PredictionBlocked: `returns="value"`, and nothing answers or a switch blocks.
        """
        check_names(context)
        site = self._site("recall")
        begun = site.begin((), {**context, KEY: key})
        if begun.verdict in {Verdict.BLOCK, Verdict.LIMIT}:
            decision = refused(site, begun)
        else:
            site.leave(begun)
            answer = self._parts.chain.answer(asked(site, begun, with_inputs=False))
            decision = fell(site, begun, answer)
        self._parts.last.kept = decision
        return value_of(decision) if returns == "value" else decision

    def gate(
        self, sources: Sources, *, limits: Limits | None = None, leaves: Collection[str] = ()
    ) -> Gate:
        """Return what stands at the door of a web program (SG-55); `Gate` says what each means."""
        from modelwarden.guard.gate import Gate  # noqa: PLC0415 - for web programs alone

        return Gate(self._parts, self._bound, sources, limits=limits, leaves=leaves)

    def last(self) -> Decision | None:
        """Return the last decision in this thread or task."""
        return last_decision(self._parts.last)

    def forget(self, key: str) -> bool:
        """Erase what is remembered under a key (SG-38)."""
        return self._parts.chain.forget(key)


def _given(**values: str | None) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _check(init_wait: float, fail: str) -> None:
    if not init_wait >= 0:
        raise ValueInvalid("init_wait", "seconds, 0 or more")
    if fail not in set(Fail):
        raise ValueInvalid("fail", "static or closed")
