"""Dimensions of few values are looked up together, and answer as each alone would (SG-4, SG-19)."""

from __future__ import annotations

from itertools import product as combined
from typing import Any

from modelwarden.guard.compiled import compile_switches
from modelwarden.guard.match import NOTHING
from modelwarden.guard.product import MOST, MOST_BITS
from tests.guard import naive

MANY = [
    {"scope": {"consumer": [f"c-{n}" for n in range(30)], "region": "eu"}},
    {"scope": {"region": ["eu", "us"], "endpoint": "batch", "model_type": "churn"}},
    {"scope": {"endpoint": {"not_in": ["web"]}, "model_type": {"prefix": "f"}}},
    {"scope": {"region": "asia"}, "except": {"model_type": "churn"}},
]
SWITCHES: list[dict[str, Any]] = [
    {"id": f"swi_{n}", "except": {}, "action": "block", "fallback": None, "unknown": "match", "held": 10_000} | one
    for n, one in enumerate(MANY)
]  # fmt: skip
SMALL = ("region", "endpoint", "model_type")


def told(found: Any) -> tuple[str, ...]:
    return tuple(found.switches)


def products(matcher: Any) -> list[Any]:
    return [one for one in matcher._memo.products if len(one.names) > 1]


def expected(context: dict[str, object]) -> tuple[str, ...]:
    return tuple(naive.match(SWITCHES, context, set())[1])


def test_those_of_few_values_stand_together_and_the_one_of_many_alone() -> None:
    matcher = compile_switches(SWITCHES)
    assert matcher._memo.products[0].names == ("consumer",)
    (together,) = products(matcher)
    assert set(together.names) == set(SMALL)


def test_every_combination_is_answered_as_each_value_alone_would() -> None:
    odd: list[object] = [
        "eu",
        "EU ",
        "us",
        "asia",
        "mars",
        None,
        1,
        True,
        1.0,
        "\u200b",
        "x" * 300,
        "batch",
        "web",
    ]
    odd += ["churn", "fraud", "f"]
    for _ in range(
        2
    ):  # with an empty product, and with one that another matcher of the same switches filled
        matcher = compile_switches(SWITCHES)
        for again in (matcher, matcher.bind(), matcher.bind(consumer="c-7")):
            for values in combined(odd[:11], odd[4:14], odd[5:]):
                context = dict(zip(SMALL, values, strict=True)) | {"consumer": "c-7"}
                assert told(again.match(context)) == expected(context), context


def test_a_flood_of_combinations_is_answered_alike_and_not_all_kept() -> None:
    matcher = compile_switches(SWITCHES)
    (together,) = products(matcher)
    side = 70
    assert side * side > 2 * MOST
    for region, endpoint in combined(range(side), repeat=2):
        context = {
            "consumer": "x",
            "region": f"r{region}",
            "endpoint": f"e{endpoint}",
            "model_type": "churn",
        }
        assert matcher.match(context) is NOTHING
    context |= {"region": "eu", "endpoint": "batch"}
    assert told(matcher.match(context)) == ("swi_1",)
    kept = sum(len(inner) for outer in together.known.values() for inner in outer.values())
    assert 0 < kept <= 2 * MOST


def test_many_switches_keep_fewer_combinations() -> None:
    many = [SWITCHES[0] | {"id": f"swi_{n:06}", "scope": {"region": f"r{n % 9}", "endpoint": f"e{n % 7}",
            "consumer": f"c-{n}"}} for n in range(40_000)]  # fmt: skip
    matcher = compile_switches(many)
    (together,) = products(matcher)
    for region, endpoint in combined(range(20), repeat=2):
        matcher.match({"consumer": "c-1", "region": f"r{region}", "endpoint": f"e{endpoint}"})
    kept = sum(map(len, together.known.values()))
    assert 0 < kept * 40_000 <= MOST_BITS
    assert matcher.match({"consumer": "c-9", "region": "r0", "endpoint": "e2"}).switches == (
        "swi_000009",
    )
