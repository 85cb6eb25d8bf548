from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.policies.condition import Invalid, condition
from modelwarden.policies.fields import OF_MODEL, OF_VERSION
from modelwarden.policies.predicate import WrongType, weigh
from modelwarden.values.clock import timestamp

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TIER = {"field": "model.risk_tier", "lte": 2}
TEAM = {"field": "model.team", "eq": "risk"}


def truth(tree: object, values: dict[str, Any]) -> bool | None:
    return weigh(condition(tree, fields=OF_VERSION), values, now=NOW).truth


@pytest.mark.parametrize(
    ("asked", "value", "holds"),
    [
        ({"field": "model.risk_tier", "eq": 2}, 2, True),
        ({"field": "model.risk_tier", "ne": 2}, 2, False),
        ({"field": "model.risk_tier", "lt": 2}, 2, False),
        ({"field": "model.risk_tier", "lte": 2}, 2, True),
        ({"field": "model.risk_tier", "gt": 1.5}, 2, True),
        ({"field": "model.risk_tier", "gte": 3}, 2, False),
        ({"field": "model.risk_tier", "in": [1, 2]}, 2, True),
        ({"field": "model.team", "in": ["risk", "growth"]}, "ops", False),
        ({"field": "model.team", "prefix": "ri"}, "risk", True),
        ({"field": "model.tags", "contains": "credit"}, ["credit"], True),
        ({"field": "model.tags", "contains": "cred"}, ["credit"], False),
        ({"field": "model.purpose_confirmed", "eq": True}, False, False),
        ({"field": "version.created_at", "within": "P1D"}, timestamp(NOW - timedelta(hours=24)), True),
        ({"field": "version.created_at", "within": "P1D"}, timestamp(NOW - timedelta(hours=25)), False),
        ({"field": "version.created_at", "within": "P1D"}, timestamp(NOW + timedelta(seconds=1)), False),
        ({"field": "version.size_bytes", "lte": 10}, "9.5", True),
    ],
)  # fmt: skip
def test_each_operator_says_what_it_means(asked: dict[str, Any], value: Any, holds: bool) -> None:  # noqa: ANN401, FBT001  # any value
    assert truth(asked, {asked["field"]: value}) is holds
    assert truth(asked, {}) is None
    assert truth({"not": asked}, {}) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model.risk_tier", "two"), ("model.risk_tier", True), ("model.risk_tier", "NaN"),
        ("model.risk_tier", "Infinity"), ("model.risk_tier", "1e999999999"), ("model.risk_tier", []),
        ("model.team", 1), ("model.tags", "credit"), ("model.tags", [1]),
        ("model.purpose_confirmed", "true"), ("model.registered_at", "yesterday"),
    ],
)  # fmt: skip
def test_a_value_of_another_sort_is_an_error_and_no_answer(field: str, value: object) -> None:
    asked = {
        "model.risk_tier": TIER, "model.team": TEAM, "model.tags": {"field": field, "contains": "a"},
        "model.purpose_confirmed": {"field": field, "eq": True},
        "model.registered_at": {"field": field, "within": "P1D"},
    }[field]  # fmt: skip
    for tree in (
        asked,
        {"not": asked},
        {"any": [asked, {"field": "environment", "eq": "staging"}]},
    ):
        with pytest.raises(WrongType):
            truth(tree, {field: value, "environment": "staging"})


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"all": []}, "a list of at least one condition"),
        ({"any": []}, "a list of at least one condition"),
        ({}, "one of environment"),
        ("true", "a condition: {all"),
        ({"field": "model.colour", "eq": "red"}, "one of environment, model.name"),
        ({"field": "model.team", "matches": ".*"}, "one of eq, in, ne, prefix for a text"),
        ({"field": "model.team", "eq": "a", "ne": "b"}, "one of eq, in, ne, prefix"),
        ({"field": "model.team", "eq": ""}, "text, or for `in`"),
        ({"field": "model.team", "in": []}, "text, or for `in`"),
        ({"field": "model.team", "in": ["a", 1]}, "text, or for `in`"),
        ({"field": "model.risk_tier", "lt": "2"}, "a finite number"),
        ({"field": "model.risk_tier", "lt": float("nan")}, "a finite number"),
        ({"field": "model.risk_tier", "lt": float("inf")}, "a finite number"),
        ({"field": "model.registered_at", "within": "P1Y"}, "a duration such as"),
        ({"exists": "model.team"}, "`exists` only stands in applies_to"),
        ({"not": TEAM, "all": [TEAM]}, "one of environment"),
    ],
)  # fmt: skip
def test_a_condition_that_can_not_be_meant_is_refused(tree: object, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        condition(tree, fields=OF_MODEL)
    assert words in str(caught.value)


def test_every_problem_is_found_with_its_path() -> None:
    with pytest.raises(Invalid) as caught:
        condition({"all": [{"field": "x"}, {"not": {"any": []}}]}, fields=OF_MODEL)
    assert [problem.path for problem in caught.value.problems] == [
        ("all", 0, "field"),
        ("all", 1, "not", "any"),
    ]


def nested(depth: int) -> dict[str, Any]:
    return TEAM if depth == 1 else {"not": nested(depth - 1)}


def test_depth_and_size_have_an_end() -> None:
    assert truth(nested(16), {"model.team": "risk"}) is False
    assert truth({"all": [TEAM] * 499}, {"model.team": "risk"}) is True
    for bomb in (nested(17), {"all": [TEAM] * 500}, {"all": [{"any": [TEAM] * 499}] * 400}):
        with pytest.raises(Invalid) as caught:
            condition(bomb, fields=OF_MODEL)
        assert len(caught.value.problems) == 1


def test_existence_may_be_asked_where_no_absence_can_pass() -> None:
    asked = condition({"exists": "model.team"}, fields=OF_MODEL, exists=True)
    assert weigh(asked, {}, now=NOW).truth is False
    assert weigh(asked, {"model.team": "risk"}, now=NOW).truth is True


ATOMS = st.sampled_from([TIER, TEAM, {"field": "environment", "eq": "staging"}])
TREES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=12,
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "model.risk_tier": st.integers(1, 4),
        "model.team": st.sampled_from(["risk", "ops"]),
        "environment": st.sampled_from(["staging", "production"]),
    },
)


@given(TREES, VALUES, st.sampled_from(["model.risk_tier", "model.team", "environment"]))
def test_forgetting_a_value_never_turns_an_answer_into_another(
    tree: dict[str, Any], values: dict[str, Any], forgotten: str
) -> None:
    try:
        before = truth(tree, values)
    except Invalid:
        return  # nested deeper than may be
    after = truth(tree, {key: item for key, item in values.items() if key != forgotten})
    assert after is before or after is None


@given(TREES, VALUES)
def test_not_all_is_any_not(tree: dict[str, Any], values: dict[str, Any]) -> None:
    try:
        left = truth({"not": {"all": [tree, TEAM]}}, values)
        right = truth({"any": [{"not": tree}, {"not": TEAM}]}, values)
    except Invalid:
        return
    assert left is right


def test_the_deciding_atoms_are_those_that_made_the_answer() -> None:
    asked = condition({"all": [TIER, TEAM]}, fields=OF_MODEL)
    values = {"model.risk_tier": 3, "model.team": "risk"}
    (atom,) = weigh(asked, values, now=NOW).atoms
    assert atom == ("model.risk_tier", "lte", "2", "3")
    (atom,) = weigh(asked, {"model.risk_tier": 1}, now=NOW).atoms
    assert atom == ("model.team", "eq", "risk", None)
