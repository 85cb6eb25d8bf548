"""A hold, an erasure and their forms."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from modelwarden.errors import AlreadyErased, IllegalMove, ValueInvalid
from modelwarden.privacy.erasure import (
    Basis,
    Erasure,
    ErasureState,
    Scope,
    check_not_erased,
    payload,
    payload_digest,
)
from modelwarden.privacy.hold import Hold, Kept, Reach, held_by
from modelwarden.privacy.retention import plan
from modelwarden.values.clock import timestamp
from tests.access.company import START

AT = timestamp(START)


def hold(**scope: Any) -> Hold:  # noqa: ANN401  # parts of a hold
    return Hold(id="hld_1", reason="c", placed_by="usr_r", placed_at=START, **scope)  # type: ignore[arg-type]


def text(**given: str | None) -> Kept:
    return Kept(**{"commitment": "c1", "author": "per_a", "about": None, "at": AT, **given})  # type: ignore[arg-type]


def test_a_hold_names_something() -> None:
    with pytest.raises(ValueInvalid):
        hold()


@pytest.mark.parametrize("incident", ["two words", "", "x" * 129])
def test_an_incident_is_one_word(incident: str) -> None:
    with pytest.raises(ValueInvalid):
        hold(incident=incident)


def test_a_hold_ends_after_it_begins() -> None:
    with pytest.raises(ValueInvalid):
        hold(since=START, until=START - timedelta(seconds=1))


def test_a_hold_is_released_once() -> None:
    released = hold(model="churn").release(by="usr_r", permit=None, at=START)  # type: ignore[arg-type]
    with pytest.raises(IllegalMove):
        released.release(by="usr_r", permit=None, at=START)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scope", "persons", "named", "expected"),
    [
        ({"person": "per_a"}, {"per_a"}, None, True),
        ({"person": "per_b"}, {"per_b"}, None, False),
        ({"model": "churn"}, None, {"c1"}, True),
        ({"model": "churn"}, None, set(), False),
        ({"person": "per_a", "model": "churn"}, {"per_a"}, set(), False),
        ({"since": START}, None, None, True),
        ({"since": START + timedelta(seconds=1)}, None, None, False),
        ({"until": START}, None, None, True),
        ({"until": START - timedelta(seconds=1)}, None, None, False),
    ],
)
def test_a_hold_covers_what_falls_under_all_that_it_names(
    scope: dict[str, Any], persons: set[str] | None, named: set[str] | None, *, expected: bool
) -> None:
    reach = Reach(
        hold(**scope),
        None if persons is None else frozenset(persons),  # type: ignore[arg-type]
        None if named is None else frozenset(named),
    )
    assert bool(held_by(text(), [reach])) is expected


def test_words_of_unknown_age_are_held_rather_than_not() -> None:
    reach = Reach(hold(since=START), None, None)
    assert reach.covers(text(at=None))


def test_a_plan_leaves_what_is_needed_and_what_is_held() -> None:
    reach = Reach(hold(person="per_b"), frozenset({"per_b"}), None)  # type: ignore[arg-type]
    due = [text(), text(commitment="c2", author="per_b"), text(commitment="c3")]
    assert plan(due, reaches=[reach], needed={"c3"}) == (("c1",), 1)


def erasure(**given: Any) -> Erasure:  # noqa: ANN401  # parts of an erasure
    fields = {
        "id": "ers_1", "user": "usr_a", "person": "per_a",
        "persons": ("per_a",), "accounts": ("usr_a",),
        "basis": Basis.OTHER,
        "scope": Scope.IDENTITY, "reason": "c", "permit": "pmt_1", "state": ErasureState.DONE,
        "requested_by": "usr_r", "requested_at": START,
    }  # fmt: skip
    return Erasure(**fields | given)


def test_an_erasure_may_go_further_than_the_one_before() -> None:
    check_not_erased("usr_a", Scope.AUTHORED, [erasure()])


@pytest.mark.parametrize(
    ("scope", "given"),
    [
        (Scope.IDENTITY, {}),
        (Scope.AUTHORED, {"scope": Scope.AUTHORED}),
        (Scope.IDENTITY, {"scope": Scope.AUTHORED}),
        (Scope.AUTHORED, {"state": ErasureState.ON_HOLD}),
    ],
)
def test_an_erasure_is_not_asked_for_again(scope: Scope, given: dict[str, Any]) -> None:
    with pytest.raises(AlreadyErased):
        check_not_erased("usr_a", scope, [replace(erasure(), **given)])


def test_each_part_of_what_is_asked_makes_another_digest() -> None:
    asked = payload("usr_a", accounts=["usr_b", "usr_a"], basis=Basis.OTHER, scope=Scope.IDENTITY)
    assert asked["accounts"] == ["usr_a", "usr_b"]
    digests = {
        payload_digest(asked | other)  # type: ignore[operator]
        for other in (
            {}, {"user": "usr_b"}, {"accounts": ["usr_a"]}, {"basis": "objection"}, {"scope": "authored"},
        )
    }  # fmt: skip
    assert len(digests) == 5
