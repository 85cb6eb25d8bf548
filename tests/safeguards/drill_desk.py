"""What tests of drills share: a company whose drills a test alone moves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from modelwarden.reactions.drills import KeepDrills
from modelwarden.safeguards.drills import queries
from modelwarden.safeguards.fleet import queries as fleet
from modelwarden.values.system import system
from modelwarden.warden.warden import open_warden
from tests.safeguards.test_confirming import instance

if TYPE_CHECKING:
    from modelwarden.values.drills import DrillAnswer
    from modelwarden.warden.drill_room import Drills
    from tests.safeguards.desk import Desk

SYSTEM = system("test")
CHURN = {"model": "churn"}


def by_hand(desk: Desk) -> None:
    """Let a test alone move drills."""
    for follower in desk.warden.followers:
        if follower.name == "drills":
            follower.close()


def set_up(desk: Desk, **settings: Any) -> None:  # noqa: ANN401
    """Run the company's program again, with other settings."""
    before = desk.warden.settings
    desk.warden.close()
    desk.warden = open_warden(
        before.url, keys_folder=before.keys_folder, clock=desk.clock, **settings
    )
    by_hand(desk)


def drills(desk: Desk, name: str = "dave") -> Drills:
    return desk.acting(name).drills


def ran(desk: Desk, fault: str = "nan", **how: Any) -> DrillAnswer:  # noqa: ANN401
    with desk.passing():
        return drills(desk).run(fault, CHURN, **how)


def faults(desk: Desk, environment: str = "staging") -> list[dict[str, Any]]:
    return desk.warden.view(
        SYSTEM, partial(queries.faults_of, environment=environment, model="churn")
    )


def pass_time(desk: Desk, **by: float) -> None:
    desk.clock.advance(**by)
    KeepDrills(desk.warden).idle()


def heard(desk: Desk, number: int = 1, **counts: int) -> None:
    """Let a guard in staging say what it counted."""
    said = instance(number, environment="staging", counts=counts, heard_at=desk.clock.now())
    desk.warden.telemetry(SYSTEM, lambda telemetry: fleet.keep_instances(telemetry, [said]))


def stop(desk: Desk, severity: str = "SEV2", environment: str = "staging", **scope: Any) -> str:  # noqa: ANN401
    with desk.passing():
        return (
            desk.switches("erin")
            .activate(
                scope or CHURN, reason="it is real", severity=severity, environment=environment
            )
            .id
        )
