"""Puts a guard around a function, sync or async (SG-24 to SG-27).

The common call — nothing diverts it, its answer is clean, the rules stay the same meanwhile — takes the `short_way`.
Everything else goes through `Site`.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

from modelwarden.guard.answering import asked, decided
from modelwarden.guard.begun import Begun, Verdict
from modelwarden.guard.decision import Decision, Status, value_of
from modelwarden.guard.shadow import mirror
from modelwarden.guard.short_way import Way, short_way

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.guard.fallback import Answer
    from modelwarden.guard.site import Site


class Last(threading.local):
    """The last decision of each thread, in full or as the short way leaves it.

    A task sees its own, too: nothing else runs between the end of what it awaits and its next line.
    """

    kept: Any = None


def protected(
    site: Site, function: Callable[..., Any], *, values: bool, last: Last
) -> Callable[..., Any]:
    """Return the function with the guard around it; `values`: it answers values, not decisions."""
    from inspect import iscoroutinefunction  # noqa: PLC0415 - 6 ms that an import is spared

    is_async = iscoroutinefunction(function)
    going = _asynchronous if is_async else _synchronous
    way = going(site, function, values=values, last=last)
    breaker = site.place.own_breaker
    if breaker is None or not site.place.has_short_way:
        return _slowly_async(way) if is_async else _slowly(way)
    site.counts.add(site.place, breaker)
    return short_way(site, breaker, way, is_async=is_async)


def _slowly(way: Way) -> Callable[..., Any]:
    return functools.wraps(way.function)(lambda *args, **kwargs: way.whole(args, kwargs))


def _slowly_async(way: Way) -> Callable[..., Any]:
    @functools.wraps(way.function)
    async def guarded(*args: Any, **kwargs: Any) -> object:
        return await way.whole(args, kwargs)

    return guarded


def _synchronous(site: Site, function: Callable[..., Any], *, values: bool, last: Last) -> Way:
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
            if begun.struck is not None:
                begun.struck.wait()
            value = (begun.function or function)(*begun.args, **begun.kwargs)
        except Exception as error:  # noqa: BLE001 - the host's: it falls back, or goes on unchanged
            return conclude(site.raised(begun, error), error)
        except BaseException:
            site.leave(begun)
            raise
        return conclude(site.end(begun, value), None)

    return Way(function, whole, conclude, values, last)


def last_decision(last: Last) -> Decision | None:
    """Return the decision that a call left behind, in full or in short."""
    kept = last.kept
    if kept is None or isinstance(kept, Decision):
        return kept
    value, ended, rest = kept
    born, generation, version, _ = rest
    return Decision(value, Status.OK, version=version, generation=generation, stale_s=ended - born)


def _asynchronous(site: Site, function: Callable[..., Any], *, values: bool, last: Last) -> Way:
    from inspect import isawaitable  # noqa: PLC0415 - as in `protected`

    async def conclude(begun: Begun, error: Exception | None) -> object:
        answer = None
        if begun.verdict is Verdict.FALL:
            answer = await site.place.chain.answer_async(asked(site, begun))
        try:
            return _concluded(site, begun, answer, error, values=values, last=last)
        finally:
            del error

    async def whole(args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        begun = site.begin(args, kwargs)
        if begun.verdict is not Verdict.GO:
            return await conclude(begun, None)
        try:
            if begun.struck is not None:
                await begun.struck.wait_async()
            made = (begun.function or function)(*begun.args, **begun.kwargs)
            value = await made if isawaitable(made) else made
        except Exception as error:  # noqa: BLE001 - the host's: it falls back, or goes on unchanged
            return await conclude(site.raised(begun, error), error)
        except BaseException:  # a cancellation passes through (SG-27)
            site.leave(begun)
            raise
        return await conclude(site.end(begun, value), None)

    return Way(function, whole, conclude, values, last)


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
    if begun.shadow is not None and decision.status <= Status.CLIPPED:
        mirror(site, begun, decision.value)
    if error is not None and decision.status is Status.BLOCKED and not begun.match.diverts:
        raise error
    return value_of(decision) if values else decision
