"""Ramps, local stops and what snapshots say of them, the same on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.reactions.safeguards import KeepTime
from modelwarden.safeguards.local_stops.stop import rule_digest
from tests.safeguards.desk import Desk
from tests.safeguards.test_local_stops import by_file, carried, report, snapshot, standing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def desk(store_url: str, tmp_path: Path) -> Iterator[Desk]:
    opened = Desk.opened(store_url, tmp_path)
    for follower in opened.warden.followers:
        if follower.name == "safeguards":
            follower.close()
    yield opened
    opened.warden.close()


def test_a_release_goes_on_in_steps(desk: Desk) -> None:
    made = desk.stop("dave", model="churn")
    desk.asked(made.id, "erin")
    with desk.passing():
        desk.switches("gina").confirm_release(made.id, notes="fine", ramp="10,100", bake="10m")
    (rule,) = snapshot(desk)["switches"]
    assert (rule["held"], len(rule["salt"])) == (9_000, 32)
    before = snapshot(desk)["generation"]
    desk.clock.advance(minutes=11)
    KeepTime(desk.warden).idle()
    after = snapshot(desk)
    assert (after["switches"], after["generation"] > before) == ([], True)


def test_local_stops_are_seen_adopted_and_dropped(desk: Desk) -> None:
    said = carried()
    report(desk, 1, by_file(region="eu"), said)
    file, kept = sorted(standing(desk), key=lambda each: each.kind, reverse=True)
    with desk.passing():
        desk.acting("dave").local_stops.adopt(file.id, reason="the file is right")
    with desk.passing():
        desk.acting("dave").local_stops.drop(kept.id, notes="it was released")
    found = snapshot(desk)
    assert found["dropped"] == [rule_digest(said.rule or {})]
    assert [each["scope"] for each in found["switches"]] == [{"model": ["churn"], "region": ["eu"]}]
    report(desk, 1)
    assert all(each.ended_at for each in desk.acting("erin").local_stops.list().items)
