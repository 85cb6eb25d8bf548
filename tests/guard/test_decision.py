"""A decision is never mistaken for its value, and says why there is none (SG-24, SG-26)."""

from __future__ import annotations

import pytest

from modelwarden.errors import PredictionBlocked, PredictionLimited
from modelwarden.guard.decision import Decision, Status, Validation, value_of


def test_the_numbers_of_the_statuses_do_not_move() -> None:
    assert {status.name.lower(): int(status) for status in Status} == {
        "ok": 0, "clipped": 1, "last_known_good": 2, "baseline": 3, "default": 4, "blocked": 5,
        "limited": 6, "failed": 7,
    }  # fmt: skip


def test_a_decision_begins_with_the_fields_of_the_interface() -> None:
    assert Decision._fields[:11] == (
        "value", "status", "reasons", "version", "switches", "step", "age", "generation", "stale_s",
        "clipped_from", "drill",
    )  # fmt: skip


@pytest.mark.parametrize("value", [0, 1, None])
def test_a_decision_has_no_truth_value(value: object) -> None:
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(Decision(value, Status.OK))


def test_a_validation_is_as_true_as_it_is_valid() -> None:
    assert Validation(valid=True, value=0, reason=None)
    assert not Validation(valid=False, value=None, reason="non_finite")


@pytest.mark.parametrize("status", list(Status))
def test_up_to_default_there_is_a_value(status: Status) -> None:
    decision = Decision(0.0, status, ("why",), switches=("swi_1",), retry_after_s=2.0)
    assert decision.is_answered is (status <= 4)
    if decision.is_answered:
        assert value_of(decision) == 0.0
        return
    wanted = PredictionLimited if status is Status.LIMITED else PredictionBlocked
    with pytest.raises(wanted) as caught:
        value_of(decision)
    assert caught.value.reasons == ("why",)


def test_the_errors_carry_what_a_door_needs() -> None:
    limited = PredictionLimited(("rate",), retry_after_s=1.5)
    assert (limited.status, limited.retry_after_s) == (429, 1.5)
    blocked = PredictionBlocked((), switches=("swi_1",))
    assert (blocked.status, blocked.switches) == (503, ("swi_1",))
    assert "swi_1" in str(blocked)
