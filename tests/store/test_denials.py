"""Refusals are told, each or counted, and none is forgotten (AC-61)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import LastAdmin, LedgerUnavailable, Refusal, SelfGrant
from modelwarden.store.denials import SINGLY, WINDOW_S, Denials
from modelwarden.values.system import system
from tests.store.deeds import ME, bodies, define, refuse, submitted

if TYPE_CHECKING:
    from modelwarden.store.change import Change
    from modelwarden.warden.warden import Warden

OTHER = system("other")
NO = SelfGrant("no")


def _told(denials: Denials, times: int, *, now: float = 0.0) -> list[int]:
    found = [denials.told(ME, NO, now=now) for _ in range(times)]
    return [denial.times for denial in found if denial is not None]


def test_ten_identical_refusals_a_minute_are_told_singly() -> None:
    denials = Denials()
    assert _told(denials, SINGLY + 25) == [1] * SINGLY
    assert denials.overdue(now=WINDOW_S) == []
    (late,) = denials.overdue(now=WINDOW_S + 1)
    assert (late.times, late.principal, late.refusal) == (25, ME, NO)
    assert denials.overdue(now=WINDOW_S + 1) == []


def test_the_next_minute_begins_with_what_was_not_told() -> None:
    denials = Denials()
    _told(denials, SINGLY + 3)
    assert _told(denials, 2, now=WINDOW_S + 1) == [1 + 3, 1]


def test_another_actor_and_another_rule_are_counted_apart() -> None:
    denials = Denials()
    _told(denials, SINGLY)
    assert denials.told(OTHER, NO, now=0.0) is not None
    assert denials.told(ME, LastAdmin("no"), now=0.0) is not None
    assert denials.told(ME, NO, now=0.0) is None


def test_nothing_is_due_until_something_was_only_counted() -> None:
    denials = Denials()
    _told(denials, SINGLY)
    assert denials.due_in(now=5.0) is None
    _told(denials, 1)
    assert denials.due_in(now=5.0) == WINDOW_S - 5.0
    assert denials.due_in(now=500.0) == 0.0


def test_a_batch_that_was_not_committed_counted_nothing() -> None:
    denials = Denials()
    for _ in range(20):
        denials.begin()
        assert _told(denials, 1) == [1]
    denials.commit()
    denials.begin()
    assert _told(denials, SINGLY) == [1] * (SINGLY - 1)


def test_what_a_failed_batch_would_have_told_late_is_told_by_the_next() -> None:
    denials = Denials()
    _told(denials, SINGLY + 2)
    denials.commit()
    assert len(denials.overdue(now=100.0)) == 1
    denials.begin()
    (again,) = denials.overdue(now=100.0)
    assert again.times == 2


def test_a_flood_becomes_one_fact_with_its_count(warden: Warden) -> None:
    for _ in range(SINGLY + 7):
        with pytest.raises(SelfGrant):
            warden.change(ME, refuse)
    assert len(bodies(warden)) == 1 + SINGLY
    told = bodies_after_closing(warden)
    assert [body["fact"]["count"] for body in told[1:]] == [1] * SINGLY + [7]
    assert told[-1]["actor"]["id"] == ME.actor
    assert told[-1]["about"] == ["role:refused"]


def test_only_the_refusals_that_were_told_name_their_entry(warden: Warden) -> None:
    found = []
    for _ in range(SINGLY + 2):
        with pytest.raises(Refusal) as refused:
            warden.change(ME, refuse)
        found.append(refused.value.entry)
    assert found == [*range(1, SINGLY + 1), None, None]


def test_names_that_a_caller_made_up_do_not_stop_the_ledger(warden: Warden) -> None:
    def act(_change: Change) -> None:
        raise SelfGrant("no", about=(("model", "a\0b\ud800"), ("model", "x" * 5_000)))

    with pytest.raises(SelfGrant):
        warden.change(ME, act)
    assert "about" not in bodies(warden)[-1]
    submitted(warden, define("goes on"))


def test_a_refusal_that_cannot_be_recorded_is_unavailable(warden: Warden) -> None:
    def act(_change: Change) -> None:
        raise SelfGrant("no", reasons=("x" * 40_000,))

    with pytest.raises(LedgerUnavailable):
        warden.change(ME, act)
    assert len(bodies(warden)) == 1


def bodies_after_closing(warden: Warden) -> list[dict[str, dict[str, object]]]:
    warden.store.writer.close()
    return bodies(warden)
