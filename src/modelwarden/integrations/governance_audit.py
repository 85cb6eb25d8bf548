"""`@governance_audit("RISK_DECISION", "RiskAgent", "HIGH")`: each call of a function is a record, whatever comes of it.

What is recorded: the function's name, how it ended, how long it took, and those arguments that `record` names; never an
answer, and of an error its type alone. HIGH and CRITICAL fail closed: such a call does not even begin before its record
is safe (RL-45). Any other call is never broken by the trail, unless `required`.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
import time
from asyncio import to_thread
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

from modelwarden.errors import TrailDown
from modelwarden.integrations.audit_trail import AuditTrail
from modelwarden.integrations.record_line import ENCODE
from modelwarden.integrations.trail_queue import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

P = ParamSpec("P")
R = TypeVar("R")

LOG: Final = logging.getLogger("modelwarden.audit_trail")
REQUIRED_S: Final = 5.0
GRAVE: Final = frozenset({"HIGH", "CRITICAL"})
"""Severities whose calls do not run unrecorded (RL-45)."""
QUEUED: Final = 10_000
"""Records that wait in memory on the way of the environment's trail; beyond it they are dropped and counted."""
_NO_WORD: Final = re.compile(r"[^A-Za-z0-9_.-]+")


def governance_audit(  # noqa: PLR0913  # what to say of a call
    event_type: str,
    component: str,
    severity: str = "INFO",
    *,
    record: Sequence[str] = (),
    user: str | None = None,
    compliance_tags: Sequence[str] = (),
    required: bool | None = None,
    trail: AuditTrail | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Record each call of a function or method, also of an `async` one, and each run of a generator of either kind.

    Args:
        event_type: in capitals, as in `RISK_DECISION`.
        component: which part of the program this is.
        severity: of the records.
        record: names of the arguments whose values are recorded, erasably.
        user: name of the argument that says who acts: a claim.
        compliance_tags: as in `MIFID_II`.
        required: fail closed: TrailDown, and no call, unless a record that it begins is safe within five seconds;
            unless given, so do HIGH and CRITICAL.
        trail: where to; without one, `MODELWARDEN_URL` and `MODELWARDEN_TOKEN` say which server.

    Raises TypeError for what is no function: classes, and what `staticmethod` made.
    """
    closed = severity in GRAVE if required is None else required

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        told = _Call(
            event_type=event_type,
            component=component,
            severity=severity,
            tags=tuple(compliance_tags),
            record=tuple(record),
            user=user,
            action=_action(function),
            signature=_signature(function, (*record, *([] if user is None else [user]))),
            given=trail,
        )
        if inspect.isasyncgenfunction(function):
            return cast("Callable[P, R]", _streamed(function, told, required=closed))
        if inspect.iscoroutinefunction(function):
            return cast("Callable[P, R]", _awaited(function, told, required=closed))
        if inspect.isgeneratorfunction(function):
            return cast("Callable[P, R]", _yielded(function, told, required=closed))
        return _called(function, told, required=closed)

    return decorate


def _called(function: Callable[P, R], told: _Call, *, required: bool) -> Callable[P, R]:
    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with _Watched(told, args, kwargs, required=required):
            return function(*args, **kwargs)

    return run


def _awaited(function: Callable[..., Any], told: _Call, *, required: bool) -> Callable[..., Any]:
    @wraps(function)
    async def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as it is called
        async with _Watched(told, args, kwargs, required=required):
            return await function(*args, **kwargs)

    return run


def _yielded(function: Callable[..., Any], told: _Call, *, required: bool) -> Callable[..., Any]:
    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as it is called
        with _Watched(told, args, kwargs, required=required, yields=True):
            return (yield from function(*args, **kwargs))

    return run


def _streamed(function: Callable[..., Any], told: _Call, *, required: bool) -> Callable[..., Any]:
    @wraps(function)
    async def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as it is called
        async with (
            _Watched(told, args, kwargs, required=required, yields=True),
            aclosing(function(*args, **kwargs)) as stream,
        ):
            async for each in stream:
                yield each

    return run


class _Watched:
    """One call: begun, and told how it ended. A generator that nobody reads any more is done."""

    def __init__(
        self,
        told: _Call,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        required: bool,
        yields: bool = False,
    ) -> None:
        self._told, self._args, self._kwargs, self._required = told, args, kwargs, required
        self._quiet: tuple[type[BaseException], ...] = (GeneratorExit,) if yields else ()
        self._started = 0.0

    def __enter__(self) -> None:
        if self._required:
            self._told.begin(self._args, self._kwargs)
        self._started = time.monotonic()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        ended = None if isinstance(error, self._quiet) else error
        self._told.end(self._args, self._kwargs, self._started, ended)

    async def __aenter__(self) -> None:
        if self._required:
            await to_thread(self._told.begin, self._args, self._kwargs)
        self._started = time.monotonic()

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, GeneratorExit):  # nothing may be awaited any more
            self.__exit__(kind, error, trace)
        else:
            await self._told.end_aside(self._args, self._kwargs, self._started, error)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What to say of each call of one function."""

    event_type: str
    component: str
    severity: str
    tags: tuple[str, ...]
    record: tuple[str, ...]
    user: str | None
    action: str
    signature: inspect.Signature
    given: AuditTrail | None

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Make it safe that the call begins. Raises TrailDown, and RecordInvalid."""
        trail = self._trail()
        self._say(trail, args, kwargs, {"outcome": "begun"})
        trail.settle(REQUIRED_S)

    def end(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        started: float,
        error: BaseException | None,
    ) -> None:
        """Say how it ended. What goes wrong here is logged, and breaks nothing."""
        said: dict[str, Any] = {"outcome": "done" if error is None else "failed"}
        said["duration_ms"] = round((time.monotonic() - started) * 1_000, 3)
        if error is not None:
            said["error"] = type(error).__name__
        try:
            self._say(self._trail(), args, kwargs, said)
        except Exception as problem:  # noqa: BLE001  # the edge: the trail must not break what it watches
            LOG.warning("a call of %s could not be recorded: %s", self.action, problem)

    async def end_aside(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        started: float,
        error: BaseException | None,
    ) -> None:
        """Say how it ended; where the trail is full, wait for room beside the event loop."""
        if self.given is not None and self.given.is_full:
            await to_thread(self.end, args, kwargs, started, error)
        else:
            self.end(args, kwargs, started, error)

    def _say(
        self,
        trail: AuditTrail,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        said: dict[str, Any],
    ) -> None:
        given = self._arguments(args, kwargs)
        chosen = {name: _told(given[name]) for name in self.record if name in given}
        user = given.get(self.user) if self.user is not None else None
        trail.record(
            self.event_type,
            self.action,
            component=self.component,
            severity=self.severity,
            compliance_tags=self.tags,
            details=said | ({"arguments": chosen} if chosen else {}),
            user_id=None if user is None else str(user),
        )

    def _arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self.record and self.user is None:
            return {}
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError:  # the call itself fails of it, and says so
            return {}
        bound.apply_defaults()
        return bound.arguments

    def _trail(self) -> AuditTrail:
        return self.given or trail_of_environment()


@cache
def trail_of_environment() -> AuditTrail:
    """Return the trail to the server that `MODELWARDEN_URL` names, one for the process. Raises TrailDown."""
    url = os.environ.get("MODELWARDEN_URL", "")
    if not url.startswith(("http://", "https://")):
        raise TrailDown("no trail: pass trail=, or set MODELWARDEN_URL to a server's address")
    return AuditTrail(
        url,
        token=os.environ.get("MODELWARDEN_TOKEN"),
        spool=os.environ.get("MODELWARDEN_SPOOL") or None,
        limits=Limits(size=QUEUED),
    )


def _action(function: Callable[..., Any]) -> str:
    """Return the function's name as an action. Raises TypeError for what is no plain function."""
    if not inspect.isfunction(function):
        kind = type(function).__name__
        raise TypeError(
            f"governance_audit decorates functions and methods, no {kind}: put it below"
        )
    name = _NO_WORD.sub("", function.__qualname__.replace(".<locals>", ""))
    return name[-128:].lstrip("0123456789.-") or "call"


def _signature(function: Callable[..., Any], names: Sequence[str]) -> inspect.Signature:
    signature = inspect.signature(function)
    for name in names:
        if name not in signature.parameters:
            raise TypeError(f"{function.__qualname__} has no argument {name!r} to record")
    return signature


def _told(value: object) -> object:
    """Return a value that can be recorded: itself, or what kind of thing it is."""
    try:
        ENCODE(value)
    except (TypeError, ValueError, RecursionError):
        return f"<{type(value).__name__}>"
    return value
