"""What is in force, what was, and what it does to one call; nobody sees what they may not read (SG-7, AC-13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import NotFound, NotPermitted, UnknownDimension, ValueInvalid
from tests.safeguards.desk import WHY

if TYPE_CHECKING:
    from tests.safeguards.desk import Desk


def test_lists_page_newest_first_and_filter_by_what_may_touch_a_model(desk: Desk) -> None:
    eu = desk.stop(region="eu")
    churn = desk.stop(model="churn")
    ranker = desk.stop(model_type="ranker")
    staging = desk.switches("dave").activate({"model": "churn"}, reason=WHY, environment="staging")
    desk.asked(churn.id)
    desk.confirm(churn.id, "gina")
    read = desk.switches("ivan")
    first = read.history(limit=3)
    assert [each.id for each in first.items] == [staging.id, ranker.id, churn.id]
    assert first.next_cursor is not None
    rest = read.history(limit=3, cursor=first.next_cursor)
    assert ([each.id for each in rest.items], rest.next_cursor) == ([eu.id], None)
    assert [each.id for each in read.active(environment="production").items] == [ranker.id, eu.id]
    assert [each.id for each in read.active(model="churn").items] == [staging.id, eu.id]
    assert [each.id for each in read.history(model="fraud").items] == [ranker.id, eu.id]
    assert [each.id for each in read.history(model="fraud", limit=1).items] == [ranker.id]
    with pytest.raises(ValueInvalid):
        read.active(environment="somewhere")


def test_a_short_page_says_how_to_go_on(desk: Desk) -> None:
    for n in range(3):
        desk.stop(model="fraud", consumer=f"c{n}")
    oldest_that_fits = desk.stop(model="churn")
    for n in range(3, 45):
        desk.stop(model="fraud", consumer=f"c{n}")
    found, cursor, pages = [], None, 0
    while True:
        page = desk.switches("ivan").history(model="churn", limit=1, cursor=cursor)
        found += [each.id for each in page.items]
        cursor, pages = page.next_cursor, pages + 1
        if cursor is None:
            break
    assert found == [oldest_that_fits.id]
    assert pages > 1


def test_who_reads_one_model_sees_the_switches_of_no_other(desk: Desk) -> None:
    desk.join("nina")
    desk.acting("root").roles.grant("nina", "auditor", scope={"model": "churn"})
    mine = desk.stop(model="churn")
    both = desk.stop(model=["churn", "fraud"])
    desk.stop(region="eu")
    assert [each.id for each in desk.switches("nina").history().items] == [mine.id]
    with pytest.raises(NotFound):
        desk.switches("nina").show(both.id)
    found = desk.switches("nina").check({"model": "churn", "region": "us"})
    assert [each.switch for each in found.matches] == [mine.id, both.id]
    with pytest.raises(NotPermitted):
        desk.switches("nina").check({"model": "fraud"})
    with pytest.raises(NotPermitted):
        desk.switches("nina").check({"region": "eu"})


def test_a_check_names_each_match_and_why(desk: Desk) -> None:
    eu = desk.switches("dave").activate(
        {"model": "churn", "region": "eu"}, reason=WHY, fallback=["last_known_good", "baseline"]
    )
    other = desk.switches("dave").activate(
        {"segment": {"not_in": ["vip"]}, "version": {"prefix": "1."}},
        reason=WHY,
        fallback=["baseline"],
    )
    found = desk.switches("ivan").check(
        {"model": "churn", "region": "EU", "version": "1.4.0", "segment": "new"}
    )
    assert (found.action, found.fallback, found.missing) == ("fallback", ("baseline",), ())
    assert found.context["model_type"] == "classifier"
    assert {each.switch: each.why for each in found.matches} == {
        eu.id: {"model": "churn is named", "region": "eu is named"},
        other.id: {
            "segment": "new is not among those left out",
            "version": "1.4.0 begins with 1.",
        },
    }
    let_through = desk.switches("ivan").check({"model": "fraud", "segment": "vip", "region": "eu"})
    assert (let_through.action, let_through.matches) == ("none", ())


def test_what_a_call_does_not_name_matches(desk: Desk) -> None:
    made = desk.stop(region="eu")
    found = desk.switches("ivan").check({"model": "churn"})
    assert (found.action, found.missing) == ("block", ("region",))
    assert found.matches[0].why == {"region": "missing, so it matches"}
    desk.asked(made.id)
    assert desk.switches("ivan").check({"model": "churn"}).matches[0].state == "release_requested"


def test_the_type_of_a_registered_model_is_filled_in(desk: Desk) -> None:
    desk.stop(model_type="ranker")
    assert desk.switches("ivan").check({"model": "churn"}).action == "none"
    assert desk.switches("ivan").check({"model": "fraud"}).action == "block"
    assert desk.switches("ivan").check({"model": "not-registered"}).action == "block"
    assert desk.switches("ivan").check({"model": "fraud"}, environment="staging").action == "none"


@pytest.mark.parametrize(
    ("context", "error"),
    [
        ({"modell": "churn"}, UnknownDimension),
        ({"model": ""}, ValueInvalid),
        ({"model": "chu\u200brn"}, ValueInvalid),
        ({"region": 1.5}, ValueInvalid),
    ],
)
def test_a_call_that_no_guard_would_make_is_refused(
    desk: Desk, context: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        desk.switches("ivan").check(context)


def test_a_snapshot_gets_what_may_touch_its_model_and_nothing_else(desk: Desk) -> None:
    eu = desk.stop(region="eu")
    kind = desk.stop(model_type="classifier")
    churn = desk.stop(model="churn")
    desk.switches("dave").activate({"region": "us"}, reason=WHY, except_={"model": ["churn"]})
    desk.switches("dave").activate({"model": "churn"}, reason=WHY, environment="staging")
    assert [each.id for each in desk.live("churn")] == [eu.id, kind.id, churn.id]
    assert len(desk.live("fraud")) == 2
    assert len(desk.live("not-registered")) == 3
    assert [each.rule()["scope"] for each in desk.live("churn", "staging")] == [
        {"model": ["churn"]}
    ]
