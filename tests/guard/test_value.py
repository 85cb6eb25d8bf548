"""A value is what a frozen dataclass is: equal by its parts, hashed by them, never changed, and pickled whole."""

from __future__ import annotations

import copy
import pickle

import pytest

from modelwarden.errors import ValueInvalid
from modelwarden.guard.breaker import Thresholds
from modelwarden.guard.contract import Contract, Kind
from modelwarden.guard.fallback import Baseline, Default, LastKnownGood
from modelwarden.guard.freshness import Fresh
from modelwarden.guard.limits import Rate


def test_equal_parts_are_one_value_and_another_class_is_not() -> None:
    assert Rate("5/s") == Rate("5/s", burst=None) != Rate("5/s", burst=2)
    assert len({Rate("5/s"), Rate("5/s"), Rate("6/s"), Default(1), Default("1")}) == 4
    assert Default("1.0") != Baseline("1.0")
    assert Contract(low=0.0) == Contract(kind=Kind.NUMBER, low=0)


@pytest.mark.parametrize(
    "value",
    [Rate("5/s", key="consumer"), Fresh("as_of", warn="1h"), Thresholds(least=3), Contract(low=0.0), LastKnownGood()],
)  # fmt: skip
def test_nothing_changes_a_value_and_copies_are_equal(value: object) -> None:
    name = next(iter(vars(value)))
    with pytest.raises(AttributeError, match="is frozen"):
        setattr(value, name, 7)
    with pytest.raises(AttributeError, match="is frozen"):
        delattr(value, name)
    with pytest.raises(AttributeError, match="is frozen"):
        value.more = 1  # type: ignore[attr-defined]
    assert value == copy.deepcopy(value) == pickle.loads(pickle.dumps(value))  # noqa: S301 - our own
    assert f"{name}=" in repr(value)


def test_a_changed_copy_is_checked_as_a_new_one_is() -> None:
    assert Rate("6/s").shared_by(3).each_s == pytest.approx(0.5)
    with pytest.raises(ValueInvalid):
        Rate("6/s").with_(part=2.0)
    with pytest.raises(TypeError):
        Rate("6/s").with_(speed=1)
