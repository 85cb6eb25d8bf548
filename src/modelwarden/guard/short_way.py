"""The short way through a guard: for a call that nothing concerns, plain comparisons and no call of ours (SG-25).

What `Site.begin` and `end`, the breaker and the check of a number do for such a call stands here written out, as each
of those calls would cost more than what it does. As soon as anything is amiss the call goes on where it would be by
the whole way: with `site.resume`. The two functions are one, but for `await`; a test puts both through the same calls.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.guard.decision import Decision, Status
from modelwarden.guard.match import NOTHING, Match

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.guard.breaker import Breaker
    from modelwarden.guard.checks import Check
    from modelwarden.guard.held import Held
    from modelwarden.guard.picking import Pick
    from modelwarden.guard.plan import Plan
    from modelwarden.guard.site import Site

NEVER: Final = float("-inf")
"""Until when the short way is open where it is closed."""

_new: Final = tuple.__new__
_OK: Final = Status.OK


Rest = tuple[float, int, "str | None", "Plan"]
"""What a decision tells of what is held: when it was born, its generation, and the version of the place; the plan."""

Ready = tuple[
    "Held",
    float,
    "Pick",
    "Callable[[tuple[object, ...]], Match] | None",
    float,
    float,
    "Check | None",
    Rest,
]
"""What a call on the short way needs; a plain tuple, as no other is unpacked as fast. In its order:

what is held, of which it was made; until when that way is open; what takes the values on which a switch depends, and
what says which switches match them, or None; from where to where a float is clean without another look; the check of
any other value, or None; what few calls need.
"""


class Way(NamedTuple):
    """How calls of one function go.

    Attributes:
        whole: from begin to end, of the arguments.
        conclude: what follows once the host's code has ended, of what was begun and what was raised.
        values: it answers values, not decisions.
        last: keeps the last decision as `kept`.
    """

    function: Callable[..., Any]
    whole: Callable[..., Any]
    conclude: Callable[..., Any]
    values: bool
    last: Any


def short_way(site: Site, breaker: Breaker, way: Way) -> Callable[..., Any]:
    """Return a function that goes the short way where it can."""
    function, values, last = way.function, way.values, way.last
    holder, clock, key = site.holder, site.now, site.place.quick_key

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> object:
        held, until, pick, match, low, high, check, rest = site.ready
        ticket, quiet = breaker.free, breaker.quiet_until
        started = clock()
        if (
            holder.held is not held or started >= until or not ticket
            or (match is not None and match(pick(args, kwargs)) is not NOTHING)
        ):  # fmt: skip
            return way.whole(args, kwargs)
        try:
            value = function(*args, **kwargs) if kwargs else function(*args)
        except Exception as error:  # noqa: BLE001 - the host's: it falls back, or goes on unchanged
            begun = site.resume(held, rest[-1], args, kwargs, ticket, started)
            return way.conclude(site.raised(begun, error), error)
        ended = clock()
        if (
            ended < quiet and breaker.quiet_until is quiet
            and ((type(value) is float and low <= value <= high) or check is None or check(value) is None)
            and holder.held is held
            and (key is None or site.remembered(key(args, kwargs)[0], value))
        ):  # fmt: skip
            breaker.short = count = breaker.short + 1
            if not count & breaker.untimed:
                site.counts.latencies.append(ended - started)
            if values:
                last.kept = value, ended, rest
                return value
            born, generation, version, _ = rest
            last.kept = decision = _new(
                Decision, (value, _OK, (), version, (), None, None, generation, ended - born, None, False, 0.0)
            )  # fmt: skip
            return decision
        begun = site.resume(held, rest[-1], args, kwargs, ticket, started)
        return way.conclude(site.end(begun, value), None)

    return guarded


def short_way_async(site: Site, breaker: Breaker, way: Way) -> Callable[..., Any]:
    """Do as `short_way` does, around a coroutine. A cancellation passes through: nothing is held here."""
    function, values, last = way.function, way.values, way.last
    holder, clock, key = site.holder, site.now, site.place.quick_key

    @functools.wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> object:
        held, until, pick, match, low, high, check, rest = site.ready
        ticket, quiet = breaker.free, breaker.quiet_until
        started = clock()
        if (
            holder.held is not held or started >= until or not ticket
            or (match is not None and match(pick(args, kwargs)) is not NOTHING)
        ):  # fmt: skip
            return await way.whole(args, kwargs)
        try:
            value = await function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the host's: it falls back, or goes on unchanged
            begun = site.resume(held, rest[-1], args, kwargs, ticket, started)
            return await way.conclude(site.raised(begun, error), error)
        ended = clock()
        if (
            ended < quiet and breaker.quiet_until is quiet
            and ((type(value) is float and low <= value <= high) or check is None or check(value) is None)
            and holder.held is held
            and (key is None or site.remembered(key(args, kwargs)[0], value))
        ):  # fmt: skip
            breaker.short = count = breaker.short + 1
            if not count & breaker.untimed:
                site.counts.latencies.append(ended - started)
            if values:
                last.kept = value, ended, rest
                return value
            born, generation, version, _ = rest
            last.kept = decision = _new(
                Decision, (value, _OK, (), version, (), None, None, generation, ended - born, None, False, 0.0)
            )  # fmt: skip
            return decision
        begun = site.resume(held, rest[-1], args, kwargs, ticket, started)
        return await way.conclude(site.end(begun, value), None)

    return guarded
