"""What `/metrics` of a server says of switches and guards, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from modelwarden.api.operation import _safeguard_lines
from modelwarden.safeguards.actions import figures
from modelwarden.values.system import system
from tests.safeguards.desk import Desk
from tests.safeguards.judges import Judge
from tests.safeguards.test_confirming import Fleet

if TYPE_CHECKING:
    from pathlib import Path

ON = ("environment", "production")


def told(desk: Desk) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found = desk.warden.view(system("test"), figures)
    text = "".join(_safeguard_lines(found))
    return {
        (one.name.removeprefix("modelwarden_"), frozenset(one.labels.items() - {ON})): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_triggers_proposals_and_fleets_are_counted(desk: Desk) -> None:
    judge = Judge(desk)
    judge.set()
    judge.set(name="clipping", signal="clip_rate")
    for _ in range(2):
        judge.window(ok=800, failed=200)
    found = told(desk)
    assert (found["proposals_open", of()], found["triggers_firing", of()]) == (1, 1)
    assert ("breaker_fleets", of()) not in found
    for number in range(4):
        judge.report(number, counts={"open_breakers": 2})
    judge.pass_on(60)
    for number in range(4):
        judge.report(number, counts={"open_breakers": 2})
    judge.judging.idle()
    assert told(desk)["breaker_fleets", of()] == 1
    desk.clock.advance(hours=1)
    assert ("proposals_open", of()) not in told(desk)


def of(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def test_switches_confirmations_and_guards_are_counted(store_url: str, tmp_path: Path) -> None:
    desk = Desk.opened(store_url, tmp_path)
    fleet = Fleet(desk)
    assert told(desk) == {}
    for number in (1, 2, 3, 4):
        fleet.report(number, 1)
    _, seq = fleet.stop(model="churn")
    desk.stop(severity="SEV3", model="fraud")
    for number in (1, 2, 3):
        fleet.report(number, seq, state="stale" if number == 3 else "fresh")
    fleet.later(31)
    found = told(desk)
    assert found["switches_live", of(severity="SEV2")] == 1
    assert found["switches_live", of(severity="SEV3")] == 1
    assert found["switch_confirmed_ratio", of()] == 0.75
    assert found["switches_unconfirmed", of()] == 1
    assert found["guards_oldest_generation", of(model="churn")] == 1
    for number in (1, 2):
        fleet.report(number, seq)
    found = told(desk)
    assert found["guards", of(standing="live", state="fresh")] == 2
    assert found["guards", of(standing="late", state="stale")] == 1
    assert found["guards", of(standing="late", state="fresh")] == 1
    fleet.later(120)
    assert told(desk)["guards", of(standing="lost", state="stale")] == 1
    desk.warden.close()
