"""A drill as evidence: the last one that has its report is what a policy's check reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.safeguards.drills.drill import SETTLED
from tests.safeguards.drill_desk import by_hand, drills, heard, pass_time, ran, stop

if TYPE_CHECKING:
    from modelwarden.values.checks import CheckAnswer
    from tests.safeguards.desk import Desk

POLICY = """
schema: modelwarden.policy/v1
name: drilled
approvals: {humans: 1}
applies_to: {field: model.name, eq: churn}
checks:
  - {id: stop, type: drill, params: {environment: staging, max_activate: PT2M}, max_age: P90D}
  - {id: live, type: drill, params: {environment: production}}
"""


@pytest.fixture(autouse=True)
def _governed(desk: Desk) -> None:
    by_hand(desk)
    desk.acting("root").policies.publish(POLICY)


def found(desk: Desk, check: str = "stop") -> CheckAnswer:
    with desk.passing():
        run = desk.acting("olivia").checks.run("churn", "1.4.0")
    assert run.reproduced
    (one,) = [each for each in run.checks if each.check == check]
    return one


def drilled(desk: Desk, *, after_s: int, struck: int = 10) -> str:
    """Run a drill in staging that is answered with a switch after so long, and let it be reported."""
    made = ran(desk, "error")
    desk.clock.advance(seconds=after_s)
    switch = stop(desk, "SEV3")
    heard(desk, drilled=struck, drilled_fell=struck)
    pass_time(desk, minutes=10)
    assert found(desk).evidence != (f"drill:{made.id}",)  # without its report it says nothing
    pass_time(desk, seconds=SETTLED.total_seconds())
    assert drills(desk).show(made.id).state == "reported"
    with desk.passing():
        desk.asked(switch)
        desk.confirm(switch, "gina")
    return made.id


def test_a_drill_passes_fails_and_grows_old(desk: Desk) -> None:
    assert found(desk).outcome == "unknown"
    quick = drilled(desk, after_s=60)
    passed = found(desk)
    assert (passed.outcome, passed.evidence) == ("pass", (f"drill:{quick}",))
    assert found(desk, "live").outcome == "unknown"  # staging is not production
    desk.clock.advance(days=91)
    assert found(desk).outcome == "stale"
    slow = drilled(desk, after_s=180, struck=20)
    failed = found(desk)
    assert (failed.outcome, failed.evidence) == ("fail", (f"drill:{slow}",))
    (atom,) = failed.seen
    assert (atom.subject, atom.limit) == ("drill.activate", "PT2M")
