"""A release in steps asks the triggers of what it lets go: what fails takes it back, what is unknown holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.reactions.safeguards import KeepTime
from modelwarden.safeguards.actions import by_triggers
from tests.safeguards.desk import Desk
from tests.safeguards.judges import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.values.switches import SwitchAnswer


@pytest.fixture
def judge(tmp_path: Path, store_url: str) -> Iterator[Judge]:
    found = Judge(Desk.opened(store_url, tmp_path))
    for follower in found.desk.warden.followers:
        if follower.name == "safeguards":
            follower.close()
    with found.desk.warden:
        yield found


def ramped(judge: Judge) -> str:
    made = judge.desk.stop("dave", model="churn")
    judge.desk.asked(made.id, "erin")
    with judge.desk.passing():
        judge.desk.switches("gina").confirm_release(
            made.id, notes="fine", ramp="10,100", bake="10m"
        )
    return str(made.id)


def after(judge: Judge, switch: str, *, ok: int, failed: int) -> SwitchAnswer:
    """Let guards count so through the time that the step has to stand, and look at the ramp."""
    for _ in range(3):
        judge.window(workers=3, ok=ok, failed=failed)
    KeepTime(judge.desk.warden, judge=by_triggers).idle()
    return judge.desk.switches("dave").show(switch)


def test_errors_under_the_first_step_take_the_release_back(judge: Judge) -> None:
    judge.set()
    assert after(judge, ramped(judge), ok=500, failed=500).state == "active"


def test_a_step_goes_on_where_triggers_pass(judge: Judge) -> None:
    judge.set()
    assert after(judge, ramped(judge), ok=1_000, failed=0).state == "released"


def test_a_trigger_that_knows_nothing_holds_the_step(judge: Judge) -> None:
    judge.set()
    assert after(judge, ramped(judge), ok=1, failed=0).state == "ramping"


def test_without_a_trigger_time_alone_is_asked(judge: Judge) -> None:
    assert after(judge, ramped(judge), ok=1, failed=0).state == "released"
