"""Drills that come again by themselves, and models that were not drilled for long (SG-46, SG-53)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import SettingInvalid
from modelwarden.safeguards import actions
from modelwarden.safeguards.drills.schedule import read_plans
from modelwarden.safeguards.severity.failure_modes import failure_modes
from modelwarden.values.pages import Page
from modelwarden.warden.warden import open_warden
from tests.access.company import START
from tests.safeguards.drill_desk import by_hand, drills, pass_time, ran, set_up, stop

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from tests.safeguards.desk import Desk


@pytest.fixture(autouse=True)
def _by_hand(desk: Desk) -> None:
    by_hand(desk)


def test_a_schedule_runs_every_so_many_days_and_only_near_its_time(desk: Desk) -> None:
    line = "churn/nan/0.05/10m/2d/12:00"
    (plan,) = read_plans((line,))
    set_up(desk, drills_schedule=(line,))
    desk.clock.time = plan.last_due(START) + timedelta(days=2, minutes=-1)
    pass_time(desk, seconds=0)
    assert drills(desk).list().items == ()
    for minutes in (1, 12, 47, 24 * 60):
        pass_time(desk, minutes=minutes)
        (found,) = drills(desk).list().items
    assert (found.requested_by, found.plan, found.environment) == ("system:drills", line, "staging")
    pass_time(desk, days=1)
    assert len(drills(desk).list().items) == 2


def test_a_schedule_whose_time_was_missed_waits_for_the_next_one() -> None:
    (plan,) = read_plans(("churn/nan/0.05/10m/2d/12:00",))
    due = plan.last_due(START)
    assert plan.is_due(due + timedelta(minutes=59), None)
    assert not plan.is_due(due + timedelta(minutes=61), None)
    assert not plan.is_due(due + timedelta(minutes=5), due)
    assert plan.is_due(due + timedelta(days=2), due)


def test_a_schedule_waits_for_a_grave_switch_and_runs_nothing_that_is_unknown(desk: Desk) -> None:
    lines = ("churn/nan/0.05/10m/1d/13:00", "unheard/nan/0.05/10m/1d/13:00")
    set_up(desk, drills_schedule=lines)
    switch = stop(desk, "SEV1")
    pass_time(desk, minutes=61)
    assert drills(desk).list().items == ()
    desk.asked(switch, "dave")
    desk.confirm(switch, "gina")
    pass_time(desk, minutes=1)
    assert [each.model for each in drills(desk).list().items] == ["churn"]


def test_a_schedule_runs_nothing_where_drills_are_off(desk: Desk) -> None:
    lines = ("churn/nan/0.05/10m/1d/13:00",)
    set_up(desk, drills_schedule=lines, drills_environments=("production",))
    pass_time(desk, minutes=61)
    assert drills(desk).list().items == ()


@pytest.mark.parametrize(
    "line",
    [
        "churn", "churn/nan/0.05/10m/30d/24:00", "churn/melt/0.05/10m/30d/09:00", "churn/nan/x/10m/30d/09:00",
        "churn/nan/0.05/soon/30d/09:00", "churn/nan/0.05/10m/0d/09:00", "churn/nan/7/10m/1d/09:00",
        "churn/nan/0.1/25h/1d/09:00", "Churn X/nan/0.05/10m/1d/09:00",
    ],
)  # fmt: skip
def test_a_schedule_that_cannot_be_read_keeps_the_program_from_starting(
    line: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingInvalid):
        open_warden(f"sqlite:///{tmp_path}/other.db", drills_schedule=(line,))
    with pytest.raises(SettingInvalid):
        open_warden(f"sqlite:///{tmp_path}/other.db", drills_environments=("mars",))


def test_ways_to_fail_that_were_not_drilled_for_long_are_named(desk: Desk) -> None:
    def overdue(model: str) -> dict[str, tuple[str | None, datetime | None]]:
        found = drills(desk).overdue(limit=100).items
        return {
            e.failure_mode: (e.last_drill, e.last_started_at) for e in found if e.model == model
        }

    drillable = {mode.name for mode in failure_modes() if mode.drillable}
    assert drillable > {"errors", "dependency_loss", "non_finite_output"}
    assert overdue("churn").keys() == overdue("fraud").keys() == drillable
    made = ran(desk)
    assert drillable - overdue("churn").keys() == {"non_finite_output"}
    assert overdue("fraud").keys() == drillable
    desk.clock.advance(days=91)
    again = overdue("churn")
    assert again.keys() == drillable
    assert again["non_finite_output"] == (made.id, made.started_at)
    assert again["errors"] == (None, None)


@pytest.mark.parametrize("limit", [1, 3, 17, 40])
def test_pages_of_what_is_overdue_leave_nothing_out(desk: Desk, limit: int) -> None:
    whole = [(e.model, e.failure_mode) for e in drills(desk).overdue(limit=100).items]
    found: list[tuple[str, str]] = []
    cursor = None
    while True:
        page = drills(desk).overdue(limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        found += [(e.model, e.failure_mode) for e in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert found == whole


def test_the_last_drill_of_a_model_and_of_a_switch_is_known(desk: Desk) -> None:
    made = ran(desk)
    drills(desk).stop(made.id)
    stop(desk, "SEV4")
    dave = drills(desk)._bound.principal

    def read(view: Any) -> list[Any]:  # noqa: ANN401
        (switch,) = actions.switches(view, page=Page()).items
        return [
            actions.last_drill(view, "churn"),
            actions.last_drill(view, "fraud"),
            actions.last_drill_of(view, switch),
            actions.last_drills(view, ("churn", "fraud", "unheard")),
        ]

    of_churn, of_fraud, of_switch, of_all = desk.warden.view(dave, read)
    assert of_churn.id == of_switch.id == made.id
    assert of_fraud is None
    assert list(of_all) == ["churn"]
