"""What time does: nothing comes back by it alone, but where that was said at the activation (SG-6)."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import NotPermitted, SwitchNotActive
from modelwarden.reactions.safeguards import KeepTime
from modelwarden.safeguards import actions
from modelwarden.values.ids import SwitchId
from tests.access.company import START
from tests.safeguards.desk import WHY

if TYPE_CHECKING:
    from tests.safeguards.desk import Desk

DAY = timedelta(days=1)


def pass_time(desk: Desk, **by: float) -> None:
    """Let time pass, and the reaction see it."""
    desk.clock.advance(**by)
    KeepTime(desk.warden).idle()


def test_one_that_was_to_end_ends_and_stops_nothing_any_more(desk: Desk) -> None:
    made = desk.switches("dave").activate(
        {"model": "churn"}, reason=WHY, expires_at=START + DAY / 2, on_expiry="release"
    )
    pass_time(desk, hours=11)
    assert desk.switches("dave").show(made.id).state == "active"
    pass_time(desk, hours=1)
    ended = desk.switches("dave").show(made.id)
    assert (ended.state, ended.ended_by) == ("expired", "system:safeguards")
    assert desk.facts("switch.expired") == [
        {
            "switch": made.id,
            "environment": "production",
            "models": ["churn"],
            "expires_at": "2026-11-21T00:00:00.000000Z",
        }
    ]
    assert desk.live("churn") == ()
    with pytest.raises(SwitchNotActive):
        desk.asked(made.id)


def test_one_that_observes_ends_by_itself(desk: Desk) -> None:
    made = desk.switches("dave").activate(
        {"model": "churn"}, reason=WHY, action="observe", expires_at=START + DAY
    )
    assert made.on_expiry == "release"
    pass_time(desk, days=1)
    assert desk.switches("dave").show(made.id).state == "expired"


def test_nothing_else_comes_back_by_time_and_people_are_told_daily(desk: Desk) -> None:
    made = desk.stop("dave", severity="SEV1")
    pass_time(desk, hours=23)
    assert desk.facts("switch.reminded") == []
    pass_time(desk, hours=1)
    pass_time(desk, hours=23)
    assert len(desk.facts("switch.reminded")) == 1
    pass_time(desk, days=400)
    assert len(desk.facts("switch.reminded")) == 2
    assert desk.switches("dave").show(made.id).state == "active"
    assert [each.id for each in desk.live("churn")] == [made.id]


def test_an_end_that_only_reminds_is_told_when_it_comes(desk: Desk) -> None:
    made = desk.switches("dave").activate(
        {"model": "churn"}, reason=WHY, severity="SEV1", expires_at=START + DAY / 4
    )
    assert made.on_expiry == "remind"
    pass_time(desk, hours=6)
    pass_time(desk, hours=1)
    told = desk.facts("switch.reminded")
    assert [each["state"] for each in told] == ["active"]
    assert desk.switches("dave").show(made.id).state == "active"


def test_one_whose_release_is_asked_for_waits_for_people_and_then_ends(desk: Desk) -> None:
    made = desk.switches("dave").activate(
        {"model": "churn"}, reason=WHY, expires_at=START + DAY / 2, on_expiry="release"
    )
    desk.asked(made.id, "erin")
    pass_time(desk, hours=13)
    assert desk.switches("dave").show(made.id).state == "release_requested"
    desk.switches("gina").refuse_release(made.id, notes="not yet")
    pass_time(desk, hours=0)
    assert desk.switches("dave").show(made.id).state == "expired"


def test_the_program_itself_sees_that_time_has_come(desk: Desk) -> None:
    made = desk.switches("dave").activate(
        {"model": "churn"}, reason=WHY, expires_at=START + DAY / 2, on_expiry="release"
    )
    desk.clock.advance(hours=12)
    deadline = time.monotonic() + 60
    while desk.live("churn"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert desk.switches("dave").show(made.id).ended_by == "system:safeguards"


def test_nobody_ends_one_in_the_name_of_time(desk: Desk) -> None:
    made = desk.stop("dave")
    dave = desk.switches("dave")._bound
    with pytest.raises(NotPermitted):
        desk.warden.change(dave.principal, partial(actions.keep_time, switch_id=SwitchId(made.id)))
