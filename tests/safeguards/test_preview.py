"""What a stop would hit, as far as guards know: counted where it is known, and told where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import UnknownDimension, ValueInvalid
from modelwarden.safeguards.fleet import queries
from modelwarden.safeguards.fleet.instance import Cell, Traffic
from modelwarden.values.system import system
from tests.safeguards.test_confirming import instance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.values.previews import PreviewAnswer
    from tests.safeguards.desk import Desk


def heard(desk: Desk, number: int, *cells: Cell, ago: float = 0, **fields: Any) -> None:  # noqa: ANN401
    now = desk.clock.now()
    traffic = Traffic(3_600, cells) if cells else None
    said = instance(number, traffic=traffic, applied_at=now, heard_at=now, **fields)
    desk.warden.telemetry(system("test"), lambda t: queries.keep_instances(t, [said]))
    desk.clock.advance(seconds=ago)


def asked(desk: Desk, scope: Mapping[str, Any], by: str = "dave", **more: Any) -> PreviewAnswer:  # noqa: ANN401
    return desk.switches(by).preview(scope, **more)


def test_decisions_that_match_are_counted_apart_from_those_that_may(desk: Desk) -> None:
    heard(desk, 1, Cell({"region": "EU"}, 600), Cell({"region": "us"}, 300), Cell({}, 100))
    heard(desk, 2, Cell({"region": "us"}, 1_000))
    heard(desk, 3, Cell({}, 1_000), model="fraud")
    found = asked(desk, {"model": "churn", "region": "eu"})
    assert (found.decisions, found.hit, found.unknown) == (3_000, 600, 100)
    assert (found.share, found.share_at_most) == (2_000, 2_334)
    assert (found.workers, found.workers_hit, found.workers_unknown) == (3, 1, 0)
    assert (found.missing, found.models) == (("region",), {"churn": 700})


def test_a_whole_model_is_hit_whatever_is_known_of_its_calls(desk: Desk) -> None:
    heard(desk, 1, Cell({}, 40))
    heard(desk, 2)
    found = asked(desk, {"model": "churn"})
    assert (found.hit, found.unknown, found.workers_hit, found.silent) == (40, 0, 2, 1)
    assert asked(desk, {"model_type": "classifier"}).workers_hit == 2
    assert asked(desk, {}).workers_hit == 2


def test_what_is_carved_out_is_not_hit_and_what_is_not_known_is_not_carved_out(desk: Desk) -> None:
    heard(desk, 1, Cell({"endpoint": "/batch"}, 90), Cell({"endpoint": "/score"}, 10), Cell({}, 5))
    found = asked(desk, {"model": "churn"}, except_={"endpoint": "/batch"})
    assert (found.hit + found.unknown, found.decisions) == (15, 105)


def test_nobody_heard_of_says_nothing_and_who_left_counts_no_more(desk: Desk) -> None:
    empty = asked(desk, {"model": "churn"})
    assert (empty.share, empty.workers, empty.models) == (None, 0, {})
    heard(desk, 1, Cell({}, 40), ago=1_800)
    gone = asked(desk, {"model": "churn"})
    assert (gone.hit, gone.workers) == (40, 0)
    desk.clock.advance(hours=1)
    assert asked(desk, {"model": "churn"}).decisions == 0


def test_who_may_not_read_a_models_switches_learns_nothing_of_its_traffic(desk: Desk) -> None:
    heard(desk, 1, Cell({}, 40))
    desk.acting("root").users.add("mallory")
    assert asked(desk, {"model": "churn"}, by="mallory").decisions == 0
    assert asked(desk, {"model": "churn"}, by="mallory").workers == 0


def test_a_scope_that_no_switch_could_have_is_refused(desk: Desk) -> None:
    with pytest.raises(UnknownDimension):
        asked(desk, {"colour": "red"})
    with pytest.raises(ValueInvalid):
        asked(desk, {"region": 7})


def test_it_stops_nothing_and_tells_nothing(desk: Desk) -> None:
    size = desk.warden.audit.checkpoint().size
    asked(desk, {"model": "churn"})
    assert desk.live("churn") == ()
    assert desk.warden.audit.checkpoint().size == size
