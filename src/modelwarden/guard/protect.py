"""Puts a guard around a function, sync or async (SG-24 to SG-27).

The common call — nothing diverts it, its answer is clean, the rules stay the same meanwhile — takes a short way through
plain comparisons. Everything else goes through `Site`, and so does the short way as soon as anything is amiss.
"""

from __future__ import annotations

import functools
import inspect
import threading
from typing import TYPE_CHECKING, Any, Final

from modelwarden.guard.answering import asked, decided
from modelwarden.guard.begun import Begun, Verdict
from modelwarden.guard.decision import Decision, Status, value_of
from modelwarden.guard.match import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.guard.fallback import Answer

    Ended = Callable[..., object]
    from modelwarden.guard.site import Site


_new: Final = tuple.__new__
_OK: Final = Status.OK


class Last(threading.local):
    """The last decision of each thread, in full or as the short way leaves it.

    A task sees its own, too: nothing else runs between the end of what it awaits and its next line.
    """

    kept: Any = None


def protected(
    site: Site, function: Callable[..., Any], *, values: bool, last: Last
) -> Callable[..., Any]:
    """Return the function with the guard around it; `values`: it answers values, not decisions."""
    if inspect.iscoroutinefunction(function):
        return _asynchronous(site, function, values=values, last=last)
    return _synchronous(site, function, values=values, last=last)


def _synchronous(
    site: Site, function: Callable[..., Any], *, values: bool, last: Last
) -> Callable[..., Any]:
    def conclude(begun: Begun, error: Exception | None) -> object:
        answer = None
        if begun.verdict is Verdict.FALL:
            answer = site.place.chain.answer(asked(site, begun))
        try:
            return _concluded(site, begun, answer, error, values=values, last=last)
        finally:
            del error  # it holds this frame, which would hold it

    def whole(args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        begun = site.begin(args, kwargs)
        if begun.verdict is not Verdict.GO:
            return conclude(begun, None)
        try:
            value = (begun.function or function)(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the host's: it falls back, or goes on unchanged
            return conclude(site.raised(begun, error), error)
        except BaseException:
            site.leave(begun)
            raise
        return conclude(site.end(begun, value), None)

    return _with_short_way(site, function, whole, conclude, values=values, last=last)


def _with_short_way(
    site: Site, function: Callable[..., Any], whole: Ended, conclude: Ended, *, values: bool, last: Last
) -> Callable[..., Any]:  # fmt: skip
    """Return the whole way, with a short one before it where the place allows one."""
    place, holder = site.place, site.holder
    clock, key, version, clean = place.clocks.monotonic, place.quick_key, place.version, place.clean
    breaker = place.breaker(version)
    if not place.has_short_way or breaker is None:
        return functools.wraps(function)(lambda *args, **kwargs: whole(args, kwargs))
    admit, done, timed = breaker.admit, breaker.done, place.counts.latencies.append

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> object:
        held = holder.held
        rules, pick, match, check, plan = site.ready
        started = clock()
        if (
            held[0] is not rules
            or started >= held[4]
            or (match is not None and match(pick(args, kwargs)) is not NOTHING)
            or not (ticket := admit())
        ):
            return whole(args, kwargs)
        try:
            value = function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - as in `whole`
            begun = site.resume(held, plan, args, kwargs, ticket=ticket, started=started)
            return conclude(site.raised(begun, error), error)
        ended = clock()
        if (
            (check is not None and check(value) is not None)
            or holder.held[0] is not rules
            or (key is not None and not site.remembered(key(args, kwargs)[0], value))
        ):
            begun = site.resume(held, plan, args, kwargs, ticket=ticket, started=started)
            return conclude(site.end(begun, value), None)
        done(ticket, started, ended)
        clean[0] = count = clean[0] + 1
        if not count & clean[1]:
            timed(ended - started)
        if values:
            last.kept = value, held, ended, version
            return value
        last.kept = decision = _new(
            Decision,
            (value, _OK, (), version, (), None, None, held[5], ended - held[3], None, False, 0.0),
        )
        return decision

    return guarded


def last_decision(last: Last) -> Decision | None:
    """Return the decision that a call left behind, in full or in short."""
    kept = last.kept
    if kept is None or isinstance(kept, Decision):
        return kept
    value, held, ended, version = kept
    return Decision(
        value, Status.OK, version=version, generation=held.generation, stale_s=ended - held.born
    )


def _asynchronous(
    site: Site, function: Callable[..., Any], *, values: bool, last: Last
) -> Callable[..., Any]:
    async def conclude(begun: Begun, error: Exception | None) -> object:
        answer = None
        if begun.verdict is Verdict.FALL:
            answer = await site.place.chain.answer_async(asked(site, begun))
        try:
            return _concluded(site, begun, answer, error, values=values, last=last)
        finally:
            del error

    @functools.wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> object:
        begun = site.begin(args, kwargs)
        if begun.verdict is not Verdict.GO:
            return await conclude(begun, None)
        try:
            made = (begun.function or function)(*args, **kwargs)
            value = await made if inspect.isawaitable(made) else made
        except Exception as error:  # noqa: BLE001 - the host's: it falls back, or goes on unchanged
            return await conclude(site.raised(begun, error), error)
        except BaseException:  # a cancellation passes through (SG-27)
            site.leave(begun)
            raise
        return await conclude(site.end(begun, value), None)

    return guarded


def _concluded(
    site: Site,
    begun: Begun,
    answer: Answer | None,
    error: Exception | None,
    *,
    values: bool,
    last: Last,
) -> object:
    """Answer; the host's own exception goes on unchanged where no step answers and no switch forbids (SG-27)."""
    decision = decided(site, begun, answer)
    last.kept = decision
    if error is not None and decision.status is Status.BLOCKED and not begun.match.diverts:
        raise error
    return value_of(decision) if values else decision
