"""Which models are guarded, and the story of a switch: counted right, in pages, and for who may read them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import NotFound, SelfRelease
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards import actions
from modelwarden.values.pages import Page
from tests.safeguards.desk import Desk
from tests.safeguards.test_confirming import Fleet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PRODUCTION = Environment.PRODUCTION


def as_reader(desk: Desk, name: str, read: Callable[..., Any], *given: Any, **more: Any) -> Any:  # noqa: ANN401
    principal = desk.switches(name)._bound.principal
    return desk.warden.view(principal, lambda view: read(view, *given, **more))


def covered(desk: Desk, name: str = "dave", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    given = {"environment": PRODUCTION} | more
    found = as_reader(desk, name, actions.coverage, Page(limit=10), **given)
    return {each.model: each for each in found.items}


def test_guards_are_counted_by_how_long_they_are_silent(store_url: str, tmp_path: Path) -> None:
    desk = Desk.opened(store_url, tmp_path)
    fleet = Fleet(desk)
    try:
        fleet.report(1, 3)
        fleet.report(5, 3, state="gone")
        fleet.report(6, 3, environment="staging")
        fleet.later(110)
        fleet.report(2, 4, state="stale", rejected="signature")
        fleet.later(20)
        fleet.report(3, 5)
        fleet.report(4, 5)
        found = covered(desk)
        churn, fraud = found["churn"], found["fraud"]
        assert (churn.guards, churn.live, churn.late, churn.lost) == (4, 2, 1, 1)
        assert (churn.stale, churn.rejecting, churn.oldest, churn.newest) == (1, 1, 3, 5)
        assert (fraud.guards, fraud.oldest, fraud.newest) == (0, None, None)
        assert covered(desk, environment=Environment.STAGING)["churn"].guards == 1
        fleet.later(86_401)
        assert covered(desk)["churn"].guards == 0
        assert covered(desk, "ivan").keys() == {"churn", "fraud"}
        desk.join("nina")
        desk.acting("root").roles.grant("nina", "developer", scope={"model": "fraud"})
        assert covered(desk, "nina").keys() == {"fraud"}
    finally:
        desk.warden.close()


def test_many_switches_are_confirmed_by_one_look_at_the_guards(desk: Desk) -> None:
    fleet = Fleet(desk)
    fleet.report(1, 1)
    first, seq = fleet.stop(model="churn", region="eu")
    second, _ = fleet.stop(model="churn", region="us")
    fleet.report(1, seq)
    live = as_reader(desk, "dave", actions.switches, Page(limit=9)).items
    found = as_reader(desk, "dave", actions.live_confirmations, live)
    one, two = found[first].tally, found[second].tally
    assert [[standing.value for _, standing in each.standings] for each in (one, two)] == [
        ["confirmed"],
        ["waiting"],
    ]


def test_a_story_is_told_from_its_beginning_page_by_page(desk: Desk) -> None:
    switch = desk.stop().id
    desk.asked(switch)
    with pytest.raises(SelfRelease):
        desk.confirm(switch, "erin")
    desk.switches("gina").refuse_release(switch, notes="not tonight")
    desk.asked(switch)
    desk.confirm(switch, "gina")
    steps, cursor = [], None
    while True:
        page = as_reader(desk, "dave", actions.story, switch, Page(limit=2, cursor=cursor))
        steps += page.items
        if (cursor := page.next_cursor) is None:
            break
    assert [each.type.partition(".")[2] for each in steps] == [
        "activated", "release_requested", "denied", "release_refused", "release_requested", "released",
    ]  # fmt: skip
    assert [each.entry for each in steps] == sorted(each.entry for each in steps)
    assert (steps[2].actor, steps[2].cause) == ("erin", "self_release")
    assert (steps[3].words, steps[3].cause) == ("not tonight", "refused")


def test_a_story_that_is_not_ones_own_is_not_there(desk: Desk) -> None:
    switch = desk.stop().id
    desk.join("nina")
    desk.acting("root").roles.grant("nina", "developer", scope={"model": "fraud"})
    with pytest.raises(NotFound):
        as_reader(desk, "nina", actions.story, switch, Page())
    with pytest.raises(NotFound):
        as_reader(desk, "dave", actions.story, "swi_0", Page())
