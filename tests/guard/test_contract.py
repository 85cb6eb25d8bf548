"""Contracts: what contradicts itself is refused, joining only tightens, documents say the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import LimitsConflict, ValueInvalid
from modelwarden.guard.checks import checker
from modelwarden.guard.contract import (
    Contract,
    Kind,
    OnViolation,
    document,
    inputs,
    join,
    non_negative,
    parse,
    probability,
)
from modelwarden.values.canonical import encode

LIMIT = st.none() | st.integers(-9, 9) | st.floats(-9, 9, allow_nan=False)
STRICT = st.sampled_from(OnViolation)


@st.composite
def numbers(draw: st.DrawFn) -> Contract:
    ends = sorted(x for x in (draw(LIMIT), draw(LIMIT)) if x is not None)
    return Contract(
        kind=draw(st.sampled_from([Kind.NUMBER, Kind.INTEGER])),
        low=ends[0] if ends else None,
        high=ends[1] if len(ends) > 1 else None,
        nullable=draw(st.booleans()),
        on_violation=draw(STRICT),
    )


@st.composite
def vectors(draw: st.DrawFn) -> Contract:
    kind = draw(st.sampled_from([Kind.NUMBERS, Kind.QUANTILES, Kind.PROBABILITIES]))
    return Contract(kind=kind, size=draw(st.none() | st.integers(1, 4)), on_violation=draw(STRICT))


LABELS = st.sets(st.sampled_from("abcd"), min_size=1) | st.sets(st.integers(0, 3), min_size=1)
WORDS = st.builds(
    lambda labels, strict: Contract(kind=Kind.LABEL, labels=frozenset(labels), on_violation=strict),
    LABELS,
    STRICT,
)
PLAIN = numbers() | vectors() | WORDS
RECORDS = st.dictionaries(st.sampled_from("xyz"), PLAIN, min_size=1).map(
    lambda fields: Contract(kind=Kind.RECORD, fields=tuple(fields.items()))
)
CONTRACTS = PLAIN | RECORDS
VALUES = (
    st.none() | st.booleans() | st.integers(-12, 12) | st.floats(-12, 12) | st.sampled_from("abcde")
    | st.lists(st.floats(0, 1), max_size=4)
)  # fmt: skip


def accepts(contract: Contract, value: object) -> bool:
    return checker(contract)(value) is None


@given(st.tuples(numbers(), numbers()) | st.tuples(WORDS, WORDS), VALUES)
def test_a_joined_contract_accepts_what_both_accept_and_nothing_else(
    pair: tuple[Contract, Contract], value: object
) -> None:
    one, other = pair
    both = accepts(one, value) and accepts(other, value)
    try:
        joined = join(one, other)
    except LimitsConflict:
        assert not both or (one.nullable and other.nullable)
        return
    assert joined is not None
    assert accepts(joined, value) == both


@given(CONTRACTS, CONTRACTS)
def test_joining_does_not_depend_on_the_order(one: Contract, other: Contract) -> None:
    def joined(a: Contract, b: Contract) -> object:
        try:
            return join(a, b)
        except LimitsConflict:
            return None

    assert joined(one, other) == joined(other, one)


@given(CONTRACTS)
def test_joining_with_oneself_changes_nothing(contract: Contract) -> None:
    try:
        joined = join(contract, contract)
    except LimitsConflict:  # whole numbers between 0.2 and 0.8: nothing was ever allowed
        return
    assert joined is not None
    assert join(joined, joined) == joined


def test_code_loosens_no_approved_limit() -> None:
    approved = Contract(low=0.1, high=0.9, on_violation=OnViolation.FALLBACK)
    assert join(approved, probability()) == approved
    assert join(approved, Contract(low=0.2)) == Contract(
        low=0.2, high=0.9, on_violation=OnViolation.FALLBACK
    )


def test_a_missing_side_leaves_the_other() -> None:
    assert join(None, probability()) == probability()
    assert join(probability(), None) == probability()
    assert join(None, None) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Contract(high=1), Contract(low=2)),
        (Contract(kind=Kind.INTEGER, low=0.2), Contract(high=0.8)),
        (Contract(kind=Kind.TEXT), Contract()),
        (
            Contract(kind=Kind.LABEL, labels=frozenset({1})),
            Contract(kind=Kind.LABEL, labels=frozenset({True})),
        ),
        (Contract(kind=Kind.NUMBERS, size=2), Contract(kind=Kind.NUMBERS, size=3)),
        (inputs({"a": Contract(high=1)}), inputs({"a": Contract(low=2)})),
    ],
)
def test_an_empty_intersection_is_a_conflict(one: Contract, other: Contract) -> None:
    with pytest.raises(LimitsConflict) as refused:
        join(one, other)
    assert (refused.value.code, refused.value.status) == ("limits_conflict", 409)


@given(CONTRACTS)
def test_a_document_says_the_same_and_has_a_canonical_form(contract: Contract) -> None:
    said = document(contract)
    assert parse(json.loads(encode(said))) == contract


@pytest.mark.parametrize(
    "said",
    [
        None, [], "number", {"kind": "tensor"}, {"on_violation": "ignore"}, {"lowest": 1}, {"low": 0.5},
        {"low": "nan"}, {"low": "inf"}, {"low": "1_0"}, {"low": "1e999"}, {"low": True}, {"low": "٣"},
        {"low": 10**400}, {"low": 2, "high": 1}, {"kind": "label"}, {"kind": "label", "labels": []},
        {"kind": "label", "labels": ["a", 1]}, {"kind": "label", "labels": ["a", "a"]},
        {"kind": "label", "labels": [1, True]}, {"kind": "label", "labels": [[]]}, {"labels": ["a"]}, {"size": 2},
        {"kind": "numbers", "size": 0}, {"kind": "numbers", "size": True}, {"kind": "text", "low": 0},
        {"kind": "probabilities", "high": 1}, {"kind": "record"}, {"kind": "record", "fields": {"a": 1}},
        {"kind": "record", "fields": []}, {"kind": "record", "fields": {1: {}}}, {"fields": {"a": {}}},
        {"nullable": 1}, {"kind": []},
    ],
)  # fmt: skip
def test_a_document_that_is_not_understood_is_refused(said: object) -> None:
    with pytest.raises(ValueInvalid):
        parse(said)


def test_presets_say_what_they_promise() -> None:
    assert (probability().low, probability().high) == (0.0, 1.0)
    assert (non_negative(high=5_000).low, non_negative(high=5_000).high) == (0.0, 5_000)
    with pytest.raises(TypeError):
        non_negative()  # type: ignore[call-arg]


def test_no_input_is_ever_clipped() -> None:
    check = checker(inputs({"age": Contract(low=0, high=120)}))
    finding = check({"age": 130})
    assert finding is not None
    assert (finding.reason, finding.outcome) == ("above_high:age", OnViolation.FALLBACK)
