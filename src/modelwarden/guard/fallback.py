"""What is answered instead: an ordered chain of steps, each with its own time-out (SG-37).

    Chain([LastKnownGood("24h"), Baseline("1.3.0"), Default(0.5)], store=MemoryStore(), model="churn")

The first step whose answer passes the output checks speaks; why the others did not is told. A step that calls the
host's code runs on a thread of its own and is left behind when its time is up: it can't be stopped, and while too many
still run, further ones are skipped at once. In `answer_async`, an `async` function is cancelled instead.
"""

from __future__ import annotations

import time
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.guard.apart import BUSY, Apart
from modelwarden.guard.contract import OnViolation
from modelwarden.guard.freshness import span_s
from modelwarden.guard.remembered import KILLED, Good, MemoryStore, Store, own_copy, refusal
from modelwarden.guard.value import Value

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from modelwarden.guard.checks import Check

TIMEOUT_S: Final = 0.05
BASELINE_TIMEOUT_S: Final = 0.5

LAST_KNOWN_GOOD: Final = "last_known_good"
BASELINE: Final = "baseline"
DEFAULT: Final = "default"
CUSTOM: Final = "custom"

NO_KEY: Final = "no_key"
NO_INPUTS: Final = "needs_inputs"
NOT_APPROVED: Final = "baseline_not_approved"
TIMED_OUT: Final = "timed_out"
"""Reasons why a step did not answer, beside those of `remembered` and of the checks, and `raised:<type>`."""


class LastKnownGood(Value):
    """Answer what was last answered well for the same key, unless it is older than `max_age`, such as "24h"."""

    max_age: str
    timeout_s: float

    def __init__(self, max_age: str = "24h", *, timeout_s: float = TIMEOUT_S) -> None:
        span_s(max_age)
        self._set(max_age=max_age, timeout_s=_seconds(timeout_s))


class Baseline(Value):
    """Ask another version, which the snapshot has to name as approved for that."""

    version: str
    timeout_s: float

    def __init__(self, version: str, *, timeout_s: float = BASELINE_TIMEOUT_S) -> None:
        self._set(version=version, timeout_s=_seconds(timeout_s))


class Default(Value):
    """Answer a fixed value."""

    value: object

    def __init__(self, value: object) -> None:
        self._set(value=value)


class Custom(Value):
    """Ask a function of the host's, sync or async, that takes what the protected one takes."""

    function: Callable[..., Any]
    name: str
    timeout_s: float

    def __init__(
        self, function: Callable[..., Any], *, name: str = CUSTOM, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._set(function=function, name=name, timeout_s=_seconds(timeout_s))


Step = LastKnownGood | Baseline | Default | Custom


def _seconds(timeout_s: float) -> float:
    if not 0 < timeout_s <= 60:  # noqa: PLR2004
        raise ValueInvalid("timeout_s", "seconds, above 0 and at most 60")
    return timeout_s


def name_of(step: Step) -> str:
    """Return the name by which a switch's `fallback` asks for a step (SG-5)."""
    match step:
        case LastKnownGood():
            return LAST_KNOWN_GOOD
        case Baseline():
            return BASELINE
        case Default():
            return DEFAULT
        case Custom():
            return step.name


def _nobody(version: str | None) -> bool:  # noqa: ARG001 - no switch, no killed version
    return False


class Asked(NamedTuple):
    """The call that needs another answer.

    Attributes:
        key: of the call, as text, for last known good.
        arguments: positional and named arguments, or None where there are no inputs (`recall`, SG-24).
        names: the steps that a switch allows, or None for all of the chain, in the chain's order.
        is_killed: whether a live switch names a version (SG-39).
        before: the earliest `lkg_before` of the matching switches, Unix seconds.
        baselines: the functions of the versions that are approved as baselines, by version.
        check: the output checks.
    """

    key: str | None = None
    arguments: tuple[Sequence[Any], Mapping[str, Any]] | None = None
    names: frozenset[str] | None = None
    is_killed: Callable[[str | None], bool] = _nobody
    before: float | None = None
    baselines: Mapping[str, Callable[..., Any]] = MappingProxyType({})
    check: Check | None = None


class Answer(NamedTuple):
    """What a chain answers.

    Attributes:
        step: the name of the step that answered, or None: exhausted, so the call is blocked (SG-37).
        value: the answer; clipped where the checks clipped it.
        version: who made it, where that is known.
        age_s: how old it is, of last known good.
        clipped_from: what the step answered before it was clipped.
        tried: the steps before it, and why each did not answer.
    """

    step: str | None
    value: object = None
    version: str | None = None
    age_s: float | None = None
    clipped_from: object = None
    tried: tuple[tuple[str, str], ...] = ()


class _Skipped(Exception):
    """A step does not answer; its text is the reason."""


class Chain:
    """The steps of one guard, tried in order. Thread-safe.

    Args:
        steps: tried in this order; names have to differ.
        model: part of the key of last known good.
        store: where good answers are remembered.
        now: Unix seconds.

    Attributes:
        has_default: a step answers without a key and without inputs.
    """

    def __init__(
        self,
        steps: Sequence[Step] = (LastKnownGood(),),
        *,
        model: str,
        store: Store | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.steps: Final = tuple(steps)
        self.names: Final = tuple(map(name_of, steps))
        if len(set(self.names)) < len(self.names):
            raise ValueInvalid("fallback", "steps of different names")
        self.has_default: Final = any(isinstance(step, Default) for step in self.steps)
        self.store: Final = MemoryStore() if store is None else store
        self._model = model
        self._now = now
        self._apart = Apart()
        self._quick = isinstance(self.store, MemoryStore)

    def remember(self, key: str, value: object, *, version: str | None) -> bool:
        """Keep an answer of status ok (SG-38); return whether it is kept."""
        return self.store.keep(self._model, key, Good(value, version, self._now()))

    def forget(self, key: str) -> bool:
        """Erase what is remembered under a key (SG-38)."""
        return self.store.forget(self._model, key)

    def answer(self, asked: Asked) -> Answer:
        """Return the first answer that passes the checks. Raises what is no Exception, such as KeyboardInterrupt."""
        tried: list[tuple[str, str]] = []
        for name, step in self._allowed(asked):
            try:
                made, timeout_s = self._begin(step, asked)
                whole = partial(_finished, made)
                good = made() if timeout_s is None else self._apart.run(whole, timeout_s)
                return _checked(name, good, asked, self._now(), tried)
            except Exception as error:  # noqa: BLE001 - the edge to the host's code: told in `tried`
                tried.append((name, _reason(error)))
        return Answer(None, tried=tuple(tried))

    async def answer_async(self, asked: Asked) -> Answer:
        """Do as `answer` does without holding the event loop up; cancellation passes through (SG-27)."""
        from asyncio import timeout  # noqa: PLC0415 - whoever awaits has loaded it; others are spared 30 ms

        tried: list[tuple[str, str]] = []
        for name, step in self._allowed(asked):
            try:
                made, timeout_s = self._begin(step, asked)
                if timeout_s is None:
                    good = made()
                else:
                    async with timeout(timeout_s):
                        good = await self._awaited(step, made, asked)
                return _checked(name, good, asked, self._now(), tried)
            except Exception as error:  # noqa: BLE001 - as in `answer`
                tried.append((name, _reason(error)))
        return Answer(None, tried=tuple(tried))

    def _allowed(self, asked: Asked) -> list[tuple[str, Step]]:
        pairs = zip(self.names, self.steps, strict=True)
        return [(n, step) for n, step in pairs if asked.names is None or n in asked.names]

    def _begin(self, step: Step, asked: Asked) -> tuple[Callable[[], Good], float | None]:
        """Return what to call, and its time-out; None where it can neither block nor reach the host's code."""
        match step:
            case Default():
                return (lambda: Good(own_copy(step.value), None, self._now())), None
            case LastKnownGood():
                if asked.key is None:
                    raise _Skipped(NO_KEY)
                return (lambda: self._recall(step, asked)), None if self._quick else step.timeout_s
            case _:
                function = _function(step, asked)
                version = step.version if isinstance(step, Baseline) else None
                positional, named = asked.arguments or ((), {})
                return (
                    lambda: Good(function(*positional, **named), version, self._now())
                ), step.timeout_s

    def _recall(self, step: LastKnownGood, asked: Asked) -> Good:
        good = self.store.find(self._model, asked.key or "")
        why = refusal(
            good,
            now=self._now(),
            max_age_s=span_s(step.max_age),
            is_killed=asked.is_killed,
            before=asked.before,
        )
        if good is None or why is not None:
            raise _Skipped(why)
        return good

    async def _awaited(self, step: Step, made: Callable[[], Good], asked: Asked) -> Good:
        from inspect import isawaitable, iscoroutinefunction  # noqa: PLC0415 - 6 ms that an import is spared

        if iscoroutinefunction(_host_function(step, asked)):
            good = made()
        else:
            good = await self._apart.run_async(made)
        return good._replace(value=await good.value) if isawaitable(good.value) else good

    def after_fork(self) -> None:
        """Make the chain and its store usable in a forked child: threads did not come along."""
        self._apart = Apart()
        self.store.after_fork()

    def close(self) -> None:
        """Close the store."""
        self.store.close()


def _finished(made: Callable[[], Good]) -> Good:
    """Call, and see an async function through on this thread."""
    from inspect import isawaitable  # noqa: PLC0415 - as in `_awaited`

    good = made()
    if not isawaitable(good.value):
        return good
    from asyncio import run  # noqa: PLC0415 - as in `answer_async`

    return good._replace(value=run(_seen(good.value)))


async def _seen(value: Awaitable[object]) -> object:
    return await value


def _host_function(step: Step, asked: Asked) -> Callable[..., Any] | None:
    if isinstance(step, Custom):
        return step.function
    return asked.baselines.get(step.version) if isinstance(step, Baseline) else None


def _function(step: Baseline | Custom, asked: Asked) -> Callable[..., Any]:
    if asked.arguments is None:
        raise _Skipped(NO_INPUTS)
    if isinstance(step, Baseline) and asked.is_killed(step.version):
        raise _Skipped(KILLED)
    function = _host_function(step, asked)
    if function is None:
        raise _Skipped(NOT_APPROVED)
    return function


def _checked(
    name: str, good: Good, asked: Asked, now: float, tried: Sequence[tuple[str, str]]
) -> Answer:
    finding = None if asked.check is None else asked.check(good.value)
    age_s = max(0.0, good.age_s(now)) if name == LAST_KNOWN_GOOD else None
    if finding is None:
        return Answer(name, good.value, good.version, age_s, tried=tuple(tried))
    if finding.outcome is not OnViolation.CLIP:
        raise _Skipped(finding.reason)
    return Answer(name, finding.value, good.version, age_s, good.value, tuple(tried))


def _reason(error: Exception) -> str:
    if isinstance(error, _Skipped):
        return str(error)
    if isinstance(error, TimeoutError):
        return BUSY if str(error) == BUSY else TIMED_OUT
    return f"raised:{type(error).__name__}"
