"""The short way through a guard: for a call that nothing concerns, plain comparisons and no call of ours (SG-25).

What `Site.begin` and `end`, the breaker and the check of a number do for such a call stands here written out, as each
of those calls would cost more than what it does. As soon as anything is amiss the call goes on where it would be by
the whole way: with `site.resume`. It is one text: with `await` for a coroutine, and with the parameters of a function
that can be called in one way alone, since taking `*args, **kwargs` and giving them on costs a seventh of the whole.
"""

from __future__ import annotations

import functools
from functools import cache
from keyword import iskeyword
from types import FunctionType
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

CO_VARARGS, CO_VARKEYWORDS = 0x04, 0x08
"""Flags of a code object, which `inspect` names too, but takes 6 ms to import."""


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


def short_way(site: Site, breaker: Breaker, way: Way, *, is_async: bool) -> Callable[..., Any]:
    """Return a function that goes the short way where it can. A cancellation passes through: nothing is held here."""
    guarded = _written(_form(way.function), is_async)(
        site,
        breaker,
        way,
        way.function,
        way.values,
        way.last,
        site.holder,
        site.now,
        site.place.quick_key,
    )
    return functools.wraps(way.function)(guarded)


class Form(NamedTuple):
    """How a function is called, as text: its parameters, what was given as a tuple and a mapping, and the call."""

    parameters: str
    given: str
    call: str


ANY: Final = Form(
    "*args_, **kwargs_",
    "args_, kwargs_",
    "function_(*args_, **kwargs_) if kwargs_ else function_(*args_)",
)


def _form(function: Callable[..., Any]) -> Form:
    """Return the form of a function whose parameters all have to be given, each by place alone or by name alone.

    What may be given either way has to go on as it was given: the functions of versions, baselines and fallbacks need
    not name their parameters alike, or have them in one order.
    """
    if type(function) is not FunctionType or function.__defaults__ or function.__kwdefaults__:
        return ANY
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    takes_more = code.co_flags & (CO_VARARGS | CO_VARKEYWORDS)
    if code.co_argcount != code.co_posonlyargcount or takes_more or not all(map(_may_stand, names)):
        return ANY
    placed, named = names[: code.co_argcount], names[code.co_argcount :]
    return Form(
        parameters=", ".join(
            [*placed, *(["/"] if placed else []), *(["*"] if named else []), *named]
        ),
        given=f"({''.join(f'{name}, ' for name in placed)}), {{{', '.join(f'{name!r}: {name}' for name in named)}}}",
        call=f"function_({', '.join([*placed, *(f'{name}={name}' for name in named)])})",
    )


def _may_stand(name: str) -> bool:
    """Say whether a name may stand among those of `_TEMPLATE`, which all end in an underscore."""
    return name.isidentifier() and not iskeyword(name) and not name.endswith("_")


_TEMPLATE: Final = """
def going(site_, breaker_, way_, function_, values_, last_, holder_, clock_, key_):
    {begin} guarded({parameters}):
        held_, until_, pick_, match_, low_, high_, check_, rest_ = site_.ready
        ticket_, quiet_ = breaker_.free, breaker_.quiet_until
        started_ = clock_()
        if (
            holder_.held is not held_ or started_ >= until_ or not ticket_
            or (match_ is not None and match_(pick_({given})) is not nothing_)
        ):
            return {wait} way_.whole({given})
        try:
            value_ = {wait} ({call})
        except Exception_ as error_:  # the host's: it falls back, or goes on unchanged
            begun_ = site_.resume(held_, rest_[-1], {given}, ticket_, started_)
            return {wait} way_.conclude(site_.raised(begun_, error_), error_)
        ended_ = clock_()
        if (
            ended_ < quiet_ and breaker_.quiet_until is quiet_
            and ((type_(value_) is float_ and low_ <= value_ <= high_) or check_ is None or check_(value_) is None)
            and holder_.held is held_
            and (key_ is None or site_.remembered(key_({given})[0], value_))
        ):
            breaker_.short = count_ = breaker_.short + 1
            if breaker_.untimed >= 0 and not count_ & breaker_.untimed:
                site_.counts.latencies.append(ended_ - started_)
            if values_:
                last_.kept = value_, ended_, rest_
                return value_
            born_, generation_, version_, _ = rest_
            last_.kept = decision_ = new_(
                Decision_, (value_, ok_, (), version_, (), None, None, generation_, ended_ - born_, None, False, 0.0)
            )
            return decision_
        begun_ = site_.resume(held_, rest_[-1], {given}, ticket_, started_)
        return {wait} way_.conclude(site_.end(begun_, value_), None)

    return guarded
"""


@cache
def _written(form: Form, is_async: bool) -> Callable[..., Any]:  # noqa: FBT001 - `cache` keeps what stands by place
    """Return what makes a guarded function: `_TEMPLATE`, and nothing else but the names in a form."""
    begin, wait = ("async def", "await") if is_async else ("def", "")
    text = _TEMPLATE.format(begin=begin, wait=wait, **form._asdict())
    names: dict[str, Any] = {
        "nothing_": NOTHING,
        "new_": tuple.__new__,
        "Decision_": Decision,
        "ok_": Status.OK,
        "type_": type,
        "float_": float,
        "Exception_": Exception,
    }
    exec(compile(text, "<a guarded function>", "exec"), names)  # noqa: S102 - our own words, and identifiers
    written: Callable[..., Any] = names["going"]
    return written
