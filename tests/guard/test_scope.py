"""Scopes are read strictly by writers, brought into one form, and bounded (SG-2, SG-3)."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import ScopeEmpty, UnknownDimension, ValueInvalid
from modelwarden.guard.compiled import compile_switches
from modelwarden.guard.scope import (
    LONGEST_READ,
    MAX_LENGTH,
    MAX_VALUES,
    Form,
    Scope,
    known_dimensions,
    normalise,
    parse_except,
    parse_scope,
    read_condition,
)

raw_conditions = st.one_of(
    st.text(max_size=8),
    st.lists(st.text(max_size=8), max_size=5),
    st.fixed_dictionaries({"not_in": st.lists(st.text(max_size=8), max_size=3)}),
    st.fixed_dictionaries({"prefix": st.text(max_size=8)}),
)


def test_equal_scopes_have_equal_bytes() -> None:
    one = parse_scope({"segment": ["b", "a", " a"], "region": "EU"})
    other = parse_scope({"region": ["eu "], "segment": ["a", "b"]})
    assert one == other
    assert one.canonical == other.canonical == b'{"region":["eu"],"segment":["a","b"]}'


def test_every_form_is_read() -> None:
    raw = {"region": {"not_in": ["US", "eu"]}, "version": {"prefix": "1."}, "consumer": "web"}
    assert parse_scope(raw).as_json() == {
        "consumer": ["web"],
        "region": {"not_in": ["eu", "us"]},
        "version": {"prefix": "1."},
    }


@given(st.dictionaries(st.sampled_from(["region", "version", "segment"]), raw_conditions))
def test_a_parsed_scope_is_its_own_canonical_form(raw: dict[str, object]) -> None:
    try:
        scope = parse_except(raw)
    except ValueInvalid:
        return
    assert parse_except(scope.as_json()) == scope


@given(raw_conditions, st.sampled_from(["region", "segment"]))
def test_a_writer_refuses_what_a_guard_does_not_understand(raw: object, name: str) -> None:
    understood = read_condition(name, raw) is not None
    found = compile_switches([{"id": "swi", "action": "observe", "scope": {name: raw}}])
    assert (found.match({}).action.name == "BLOCK") is not understood
    if understood:
        parse_scope({name: raw})
    else:
        with pytest.raises(ValueInvalid):
            parse_scope({name: raw})


def test_nothing_named_needs_the_word_everything() -> None:
    with pytest.raises(ScopeEmpty):
        parse_scope({})
    assert parse_scope({}, everything=True) == Scope()
    with pytest.raises(ValueInvalid):
        parse_scope({"region": "eu"}, everything=True)
    assert parse_except({}) == Scope()


def test_a_dimension_has_to_be_known() -> None:
    with pytest.raises(UnknownDimension):
        parse_scope({"tenant": "acme"})
    assert (
        parse_scope({"tenant": "acme"}, configured=["tenant"]).conditions[0].dimension == "tenant"
    )
    with pytest.raises(UnknownDimension):
        parse_except({"Region": "eu"})


@pytest.mark.parametrize("configured", [["region"], ["Tenant"], [""], [f"d{n}" for n in range(11)]])
def test_a_configured_dimension_has_a_name_of_its_own(configured: list[str]) -> None:
    with pytest.raises(ValueInvalid):
        known_dimensions(configured)


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "  ",
        "a\u200bb",
        "a\x00",
        "\ud800",
        [],
        [""],
        ["a", 1],
        {"not_in": []},
        {"not_in": "a"},
        {"prefix": ""},
        {"prefix": ["a"]},
        {"not_in": ["a"], "prefix": "a"},
        {"regex": "a"},
        7,
        None,
        True,
        "x" * (MAX_LENGTH + 1),
    ],
    ids=repr,
)
def test_a_condition_of_another_form_is_refused(condition: object) -> None:
    with pytest.raises(ValueInvalid):
        parse_scope({"segment": condition})


def test_values_are_bounded_in_number_and_length() -> None:
    many = [f"c{n}" for n in range(MAX_VALUES)]
    assert len(parse_scope({"consumer": many}).conditions[0].values) == MAX_VALUES
    assert parse_scope({"consumer": [*many, "c0"]})  # once is once
    with pytest.raises(ValueInvalid):
        parse_scope({"consumer": [*many, "one more"]})
    assert parse_scope({"consumer": "e\u0301" * MAX_LENGTH})  # composed, it fits


@given(st.text(), st.booleans())
def test_a_canonical_value_is_its_own_canonical_form(text: str, folds: bool) -> None:  # noqa: FBT001
    found = normalise(text, folds=folds)
    if found is not None:
        assert normalise(found, folds=folds) == found


def test_every_letter_folds_once() -> None:
    odd = []
    for point in range(sys.maxunicode + 1):
        found = normalise(chr(point), folds=True)
        if found is not None and normalise(found, folds=True) != found:
            odd.append(hex(point))
    assert odd == []


def test_a_value_beyond_the_longest_equals_nothing_and_begins_alike() -> None:
    long = "a" * MAX_LENGTH
    for more in (" ", " b", "a", "é" * 50):
        found = normalise(f"{long}{more}c")
        assert found is not None
        assert found != long
        assert found.startswith(long)
        assert normalise(found) == found
    assert normalise("a" * LONGEST_READ) is not None
    assert normalise("a" * (LONGEST_READ + 1)) is None


def test_forms_have_the_words_of_the_wire() -> None:
    assert [form.value for form in Form] == ["any_of", "not_in", "prefix"]
