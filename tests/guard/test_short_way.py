"""A guarded function is called as the function is, whatever its parameters, and passes on just what it was given."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import PredictionBlocked
from modelwarden.guard.fallback import Custom
from modelwarden.guard.short_way import ANY, _form
from tests.guard.hosts import FALL_EU, from_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def one(features: float) -> float:
    return features


def named(features: float, *, customer: str, region: str) -> float:
    _ = customer, region
    return features


def by_place(features: float, /, *, region: str) -> float:
    _ = region
    return features


def two(features: float, region: str) -> float:
    _ = region
    return features


def optional(features: float, *, region: str = "us") -> float:
    _ = region
    return features


def with_default(features: float = 0.5) -> float:
    return features


def more(features: float, *others: float, **named: str) -> float:
    _ = others, named
    return features


def nothing() -> float:
    return 0.5


def two_by_place(features: float, region: str, /) -> float:
    _ = region
    return features


def all_named(*, features: float, region: str) -> float:
    _ = region
    return features


def like_ours(features_: float, /) -> float:
    return features_


def like_theirs(value: float, /, *, held: str, function: str) -> float:
    _ = held, function
    return value


def like_builtins(value: float, /, *, type: str, float: str, Exception: str) -> Any:  # noqa: A002, N803
    if Exception == "raise":
        raise ValueError(type, float)
    return value


class Model:
    def score(self, features: float) -> float:
        return features

    def __call__(self, features: float) -> float:
        return features


CALLS: list[tuple[Callable[..., Any], list[tuple[tuple[Any, ...], dict[str, Any]]]]] = [
    (one, [((0.25,), {}), ((), {"features": 0.25})]),
    (named, [((0.25,), {"customer": "c", "region": "us"}), ((), {"features": 0.25, "customer": "c", "region": "us"})]),
    (by_place, [((0.25,), {"region": "us"})]),
    (two_by_place, [((0.25, "us"), {})]),
    (all_named, [((), {"features": 0.25, "region": "us"})]),
    (two, [((0.25, "us"), {}), ((0.25,), {"region": "us"}), ((), {"region": "us", "features": 0.25})]),
    (optional, [((0.25,), {}), ((0.25,), {"region": "us"})]),
    (with_default, [((0.25,), {})]),
    (more, [((0.25, 1.0), {"x": "y"})]),
    (nothing, [((), {})]),
    (like_ours, [((0.25,), {})]),
    (like_theirs, [((0.25,), {"held": "a", "function": "b"})]),
    (like_builtins, [((0.25,), {"type": "a", "float": "b", "Exception": "c"})]),
    (Model().score, [((0.25,), {})]),
    (Model(), [((0.25,), {})]),
    (float, [((0.25,), {})]),
    (abs, [((0.25,), {})]),
    (lambda features: features, [((0.25,), {})]),
]  # fmt: skip
EXACT = {by_place, two_by_place, all_named, nothing, like_theirs, like_builtins}


@pytest.mark.parametrize(("function", "calls"), CALLS)
@pytest.mark.parametrize("returns", ["value", "decision"])
def test_every_kind_of_function_is_called_as_it_is(
    tmp_path: Path, function: Callable[..., Any], calls: list[Any], returns: Any
) -> None:
    with from_file(tmp_path) as guard:
        guarded = guard.protect(function, returns=returns)
        for args, kwargs in calls:
            found = guarded(*args, **kwargs)
            assert (found if returns == "value" else found.value) == function(*args, **kwargs)
    if function in EXACT:
        assert _form(function) is not ANY
        assert inspect.signature(guarded) == inspect.signature(function)
    elif getattr(function, "__name__", "") != "<lambda>":
        assert _form(function) is ANY


def test_a_coroutine_is_awaited_whatever_its_parameters(tmp_path: Path) -> None:
    async def alone(features: float) -> float:
        await asyncio.sleep(0)
        return features

    async def among(features: float, *others: float, region: str = "us") -> float:
        await asyncio.sleep(0)
        return features + sum(others) + len(region)

    async def main() -> None:
        with from_file(tmp_path) as guard:
            assert await guard.protect(alone, returns="value")(0.5) == 0.5
            assert await guard.protect(among, returns="value")(0.5, 1.0, region="x") == 2.5
            assert inspect.iscoroutinefunction(guard.protect(alone))

    asyncio.run(main())


def test_a_call_that_lacks_something_is_the_callers_error_under_the_functions_name(
    tmp_path: Path,
) -> None:
    with from_file(tmp_path) as guard:
        guarded = guard.protect(by_place, returns="value")
        with pytest.raises(
            TypeError, match=r"by_place\(\) missing 1 required keyword-only argument"
        ):
            guarded(0.5)
        with pytest.raises(TypeError, match="unexpected keyword argument 'color'"):
            guarded(0.5, region="us", color="red")


def test_a_parameter_may_be_called_as_what_the_guard_uses(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        guarded = guard.protect(like_builtins, returns="value", low=0.0, high=1.0)
        words = {"type": "a", "float": "b"}
        assert guarded(5.0, Exception="c", **words) == 1.0
        with pytest.raises(PredictionBlocked):
            guarded("0.5", Exception="c", **words)
        with pytest.raises(ValueError, match=r"\('a', 'b'\)"):
            guarded(0.5, Exception="raise", **words)


def test_what_was_given_by_name_reaches_others_by_name(tmp_path: Path) -> None:
    """A fallback may name its parameters in another order, or take nothing by place."""
    seen: list[tuple[float, str]] = []

    def turned(region: str, features: float) -> float:
        seen.append((features, region))
        return 0.125

    with from_file(tmp_path, body={"switches": [FALL_EU]}) as guard:
        guarded = guard.protect(two, returns="value", fallback=[Custom(turned)])
        assert guarded(features=0.5, region="eu") == 0.125
        loose = guard.protect(
            one, returns="value", fallback=[Custom(lambda **given: given["features"] / 2)]
        )
        with guard.context(region="eu"):
            assert loose(features=0.5) == 0.25
    assert seen == [(0.5, "eu")]
