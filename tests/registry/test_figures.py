from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import NotCanonical, ValueInvalid
from modelwarden.registry.metric import checked_metrics, decimal_text
from modelwarden.registry.version import checked_parameters


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.81, "0.81"), (1, "1"), (-0.0, "0"), (0, "0"), (1e-5, "0.00001"), ("0.810", "0.81"),
        (Decimal("1E+3"), "1000"), (100, "100"), ("-2.50", "-2.5"), (0.1 + 0.2, "0.30000000000000004"),
    ],
)  # fmt: skip
def test_a_figure_has_one_text(value: float | str | Decimal, text: str) -> None:
    assert decimal_text(value, "metrics.x") == text


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        float("-inf"),
        "NaN",
        "Infinity",
        "sNaN",
        "x",
        "",
        True,
        1e300,
        1e-300,
        10**70,
    ],
)
def test_what_is_no_plain_number_is_refused(value: float | str) -> None:
    with pytest.raises(ValueInvalid):
        decimal_text(value, "metrics.x")


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e30, max_value=1e30))
def test_a_float_comes_back_as_itself_or_is_refused(value: float) -> None:
    try:
        text = decimal_text(value, "x")
    except ValueInvalid:
        assert abs(value) < 1e-40 or len(repr(value)) > 10
    else:
        assert float(text) == value
        assert decimal_text(text, "x") == text


@pytest.mark.parametrize("name", ["", "a b", "1x", "x" * 65, "é"])
def test_a_metric_has_a_name_by_pattern(name: str) -> None:
    with pytest.raises(ValueInvalid):
        checked_metrics({name: 1})


def test_metrics_are_sorted_and_few() -> None:
    assert list(checked_metrics({"b": 1, "a": 0.5})) == ["a", "b"]
    with pytest.raises(ValueInvalid):
        checked_metrics({f"m{n}": n for n in range(257)})


def test_floats_in_parameters_become_decimal_text() -> None:
    given_ = {"rate": 0.1, "trees": 300, "deep": {"list": [1.5, None, True, "x"]}}
    assert checked_parameters(given_) == {
        "rate": "0.1",
        "trees": 300,
        "deep": {"list": ["1.5", None, True, "x"]},
    }


@pytest.mark.parametrize("value", [float("nan"), 2**60, {1}, object(), "\ud800"])
def test_what_json_can_not_say_is_no_parameter(value: object) -> None:
    with pytest.raises((NotCanonical, ValueInvalid)):
        checked_parameters({"x": value})


def test_parameters_are_small_and_shallow() -> None:
    with pytest.raises(ValueInvalid):
        checked_parameters({"x": "y" * 17_000})
    deep: object = 1
    for _ in range(200):
        deep = [deep]
    with pytest.raises(NotCanonical):
        checked_parameters({"x": deep})
