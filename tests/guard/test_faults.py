"""How a snapshot names faults, and whom they strike: what is not understood strikes nobody (SG-53)."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import ValueInvalid
from modelwarden.guard.contract import Contract, probability
from modelwarden.guard.faults import Fault, FaultKind, parse_fault, read_faults
from modelwarden.guard.spoiling import not_a_number, out_of_range, shifted, without_one

UNTIL = "2026-11-20T12:10:00.000000Z"


def rule(**fields: Any) -> dict[str, Any]:
    return {
        "drill": "dri_1",
        "fault": "nan",
        "scope": {"model": ["churn"]},
        "except": {},
        "share": 10_000,
        "until": UNTIL,
    } | fields


def read(*rules: object, **body: Any) -> Any:
    return read_faults({"faults": list(rules), "model_type": "classifier"} | body, model="churn")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nan", Fault(FaultKind.NAN)),
        ("latency:200ms", Fault(FaultKind.LATENCY, 0.2)),
        ("latency:1.5s", Fault(FaultKind.LATENCY, 1.5)),
        ("clock_skew:90s", Fault(FaultKind.CLOCK_SKEW, 90.0)),
        ("clock_skew:5m", Fault(FaultKind.CLOCK_SKEW, 300.0)),
        ("drift:0.4", Fault(FaultKind.DRIFT, 0.4)),
        ("breaker_open", Fault(FaultKind.BREAKER_OPEN)),
    ],
)
def test_a_fault_is_a_word_and_perhaps_a_figure(text: str, expected: Fault) -> None:
    found = parse_fault(text)
    assert found.kind is expected.kind
    assert found.amount == pytest.approx(expected.amount)


@pytest.mark.parametrize(
    "text",
    [
        "", "explode", "nan:1", "NAN", "latency", "latency:", "latency:200", "latency:-1s", "latency:61s",
        "latency:1e3s", "latency:0ms", "latency:²s", "clock_skew:2000m", "drift", "drift:0", "drift:nan", "drift:11",
        "drift:-1", "error:", "nan ",
    ],
)  # fmt: skip
def test_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueInvalid):
        parse_fault(text)


@given(st.text())
def test_any_text_is_a_fault_or_refused(text: str) -> None:
    try:
        found = parse_fault(text)
    except ValueInvalid:
        return
    assert math.isfinite(found.amount)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(None, id="null"),
        pytest.param([], id="list"),
        pytest.param(rule(drill=1), id="drill"),
        pytest.param(rule(fault="melt"), id="fault"),
        pytest.param(rule(share=0), id="no_share"),
        pytest.param(rule(share=10_001), id="too_much"),
        pytest.param(rule(share=True), id="true"),
        pytest.param(rule(share=0.5), id="fraction"),
        pytest.param(rule(until="tomorrow"), id="until"),
        pytest.param(rule(scope={}), id="everything"),
        pytest.param(rule(scope=None), id="no_scope"),
        pytest.param(rule(scope={"planet": ["mars"]}), id="unknown_dimension"),
        pytest.param(rule(scope={"region": 7}), id="unknown_form"),
        pytest.param(rule(**{"except": {"planet": ["mars"]}}), id="unknown_exception"),
        pytest.param(rule(scope={"model": ["fraud"]}), id="other_model"),
        pytest.param(rule(scope={"model_type": ["ranker"]}), id="other_type"),
        pytest.param(
            rule(fault="clock_skew:90s", scope={"region": ["eu"]}), id="guard_in_a_region"
        ),
    ],
)
def test_a_rule_that_is_not_understood_strikes_nobody(broken: object) -> None:
    assert read(broken) is None
    found = read(broken, rule(drill="dri_2"))
    assert [each.drill for each in found.matching(())] == ["dri_2"]


@pytest.mark.parametrize("faults", [None, "nan", {}, {"nan": 1}, 7])
def test_faults_that_are_no_list_are_none(faults: object) -> None:
    assert read_faults({"faults": faults}, model="churn") is None


NAMES = st.sampled_from(["drill", "fault", "scope", "except", "share", "until"]) | st.text()
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
)


@given(ANY_JSON)
def test_hostile_rules_never_raise(value: Any) -> None:
    read(value)
    read(rule(scope=value))
    read(rule(until=value))


def test_a_missing_value_is_struck_by_no_fault_where_a_switch_would_match_it() -> None:
    found = read(rule(scope={"model": ["churn"], "region": ["eu"]}))
    assert found.wanted == ("region",)
    assert [each.drill for each in found.matching(("EU ",))] == ["dri_1"]
    assert found.matching((None,)) == []
    assert found.matching(("us",)) == []


def test_an_exception_spares() -> None:
    found = read(rule(scope={"model": ["churn"]}, **{"except": {"segment": ["vip"]}}))
    assert found.matching(("vip",)) == []
    assert len(found.matching(("new",))) == 1


@given(st.integers(1, 10_000), st.text(min_size=1))
def test_a_caller_who_is_struck_stays_struck_while_the_share_rises(share: int, key: str) -> None:
    small, whole = read(rule(share=share)), read(rule())
    (first,), (second,) = small.matching(()), whole.matching(())

    def never() -> float:
        raise AssertionError

    taken = first.takes(key, chance=never)
    assert first.takes(key, chance=never) is taken
    assert second.takes(key, chance=never)


def test_a_share_is_a_share_of_the_keys_and_of_those_without() -> None:
    (one,) = read(rule(share=2_500)).matching(())
    keys = sum(one.takes(number, chance=lambda: 0.0) for number in range(4_000))
    assert 900 < keys < 1_100
    assert one.takes(None, chance=lambda: 0.2)
    assert not one.takes(None, chance=lambda: 0.3)


def test_values_are_spoilt_in_their_shape_and_never_in_their_place() -> None:
    given_value = {"low": 0.1, "names": ["a", 2], "on": True}
    spoilt = not_a_number(given_value)
    assert math.isnan(spoilt["low"])  # type: ignore[index]
    assert given_value == {"low": 0.1, "names": ["a", 2], "on": True}
    assert spoilt["names"][0] == "a"  # type: ignore[index]
    assert spoilt["on"] is True  # type: ignore[index]
    assert math.isnan(not_a_number("a class"))  # type: ignore[arg-type]


def test_out_of_range_is_finite_and_outside() -> None:
    assert out_of_range(0.4, probability()) == 2.0
    assert out_of_range(0.4, Contract(low=-5.0)) == -10.0
    assert out_of_range([0.4], None) == [1e12]


def test_inputs_are_shifted_or_lack_one() -> None:
    row = {"age": 40, "name": "x", "income": 1000.0}
    assert shifted(row, 0.5) == {"age": 60, "name": "x", "income": 1500.0}
    assert without_one(row) == {"name": "x", "income": 1000.0}
    assert without_one([1, 2, 3]) == [1, 2]
    assert without_one({}) == {}
    assert without_one("text") == "text"
