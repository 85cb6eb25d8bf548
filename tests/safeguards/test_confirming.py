"""Who applied a switch: counted by the clock, told once, and never more than was heard."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import CursorInvalid, NotPermitted
from modelwarden.reactions.confirmations import CountConfirmations
from modelwarden.safeguards.fleet import confirming, queries
from modelwarden.safeguards.fleet.instance import (
    LATE,
    LOST,
    Instance,
    Open,
    Standing,
    tally,
    times_ms,
)
from modelwarden.safeguards.fleet.reports import keep
from modelwarden.values.pages import cursor_for
from modelwarden.values.system import system
from tests.safeguards.desk import Desk

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SYSTEM = system("test")


def instance(number: int = 1, **fields: Any) -> Instance:  # noqa: ANN401 - fields of the value
    made: dict[str, Any] = {
        "environment": "production", "model": "churn", "actor": "svc_1",
        "instance": str(UUID(int=number)), "host": f"web-{number}", "pid": 300 + number, "epoch": 1,
        "generation": 0, "applied_at": NOW, "applied_ms": 1, "first_heard_at": NOW, "heard_at": NOW,
        "source": "stream", "state": "fresh", "age_s": 0, "versions": (), "counts": {}, "rejected": None,
    }  # fmt: skip
    return Instance(**(made | fields))


class Fleet:
    """Guards that report to a desk, whose reaction is stepped by hand on the desk's own clock."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.counting = CountConfirmations(desk.warden)
        for follower in desk.warden.followers:
            if follower.name == "confirmations":
                follower.close()

    def report(self, number: int, generation: int, **fields: Any) -> None:  # noqa: ANN401
        now = self.desk.clock.now()
        said = instance(number, generation=generation, applied_at=now, heard_at=now, **fields)
        self.desk.warden.telemetry(SYSTEM, partial(self._keep, said=said))

    @staticmethod
    def _keep(telemetry: Any, said: Instance) -> None:  # noqa: ANN401
        queries.keep_instances(telemetry, [said])

    def stop(self, **scope: Any) -> tuple[str, int]:  # noqa: ANN401
        switch = self.desk.stop(**scope)
        (item,) = self.desk.warden.audit.search(type="switch.activated", limit=1).items
        fact = item.entry["fact"]
        opened = self.desk.warden.view(
            SYSTEM, partial(confirming.opened, activations=[(item.seq, fact)])
        )
        self.desk.warden.telemetry(SYSTEM, partial(confirming.begin, found=opened))
        return switch.id, item.seq

    def later(self, seconds: float) -> None:
        self.desk.clock.advance(milliseconds=int(seconds * 1000))
        self.counting.idle()

    def told(self, kind: str) -> list[dict[str, Any]]:
        items = self.desk.warden.audit.search(type=f"switch.{kind}").items
        return [item.entry["fact"] for item in items]

    def shown(self, switch: str) -> Any:  # noqa: ANN401
        return self.desk.switches("dave").confirmations(switch)


@pytest.fixture
def fleet(desk: Desk) -> Fleet:
    return Fleet(desk)


def test_forty_one_of_forty_two_and_the_missing_one_is_named(fleet: Fleet) -> None:
    for number in range(42):
        fleet.report(number, 1)
    switch, seq = fleet.stop()
    for number in range(41):
        fleet.report(number, seq)
    fleet.later(29)
    assert fleet.told("unconfirmed") == []
    for number in range(41):
        fleet.report(number, seq)
    fleet.later(2)
    (fact,) = fleet.told("unconfirmed")
    assert fact["late"] == [str(UUID(int=41))]
    assert (fact["confirmed"], fact["expected"], fact["seq"]) == (41, 42, seq)
    (listed,) = fleet.desk.switches("dave").active().items
    assert listed.applied == "41 of 42"
    found = fleet.shown(switch)
    assert (found.guards[0].host, found.guards[0].standing) == ("web-41", "late")
    fleet.later(1)
    assert len(fleet.told("unconfirmed")) == 1
    fleet.report(41, seq)
    fleet.later(1)
    (fact,) = fleet.told("confirmed")
    assert (fact["confirmed"], fact["expected"], fact["lost"]) == (42, 42, 0)
    assert fact["p50_ms"] < 1_000
    assert fact["max_ms"] >= 32_000
    assert fleet.shown(switch).state == "confirmed"


def test_who_is_silent_for_two_minutes_is_lost_and_the_rest_confirms(fleet: Fleet) -> None:
    fleet.report(1, 1)
    fleet.report(2, 1)
    _, seq = fleet.stop()
    for _ in range(13):
        fleet.report(1, seq)
        fleet.later(10)
    (fact,) = fleet.told("confirmed")
    assert (fact["confirmed"], fact["expected"], fact["lost"]) == (1, 2, 1)
    assert fact["max_ms"] < 1_000
    assert [len(each["late"]) for each in fleet.told("unconfirmed")] == [1]


def test_who_starts_later_is_waited_for_too_and_who_says_goodbye_is_not(fleet: Fleet) -> None:
    fleet.report(1, 1)
    switch, seq = fleet.stop()
    fleet.report(2, 1)
    fleet.report(1, seq)
    fleet.later(1)
    assert (fleet.shown(switch).confirmed, fleet.shown(switch).expected) == (1, 2)
    assert fleet.told("confirmed") == []
    fleet.report(2, 1, state="gone")
    fleet.later(1)
    assert [fact["expected"] for fact in fleet.told("confirmed")] == [1]


def test_other_models_other_environments_and_files_do_not_count(fleet: Fleet) -> None:
    fleet.report(1, 1)
    fleet.report(2, 1, model="fraud")
    fleet.report(3, 1, environment="staging")
    fleet.report(4, 1, source="file")
    switch, _ = fleet.stop(model="churn")
    assert fleet.shown(switch).expected == 1
    everywhere, _ = fleet.stop(region="eu")
    assert fleet.shown(everywhere).expected == 2


def test_a_switch_without_guards_is_told_by_nobody(fleet: Fleet) -> None:
    switch, _ = fleet.stop()
    fleet.later(40)
    assert (fleet.told("confirmed"), fleet.told("unconfirmed")) == ([], [])
    assert (fleet.shown(switch).state, fleet.shown(switch).expected) == ("open", 0)


def test_one_that_is_released_is_counted_no_more(fleet: Fleet) -> None:
    fleet.report(1, 1)
    switch, _ = fleet.stop(severity="SEV3", model="churn")
    fleet.desk.asked(switch)
    with fleet.desk.passing():
        fleet.desk.confirm(switch, "erin")
    fleet.later(40)
    assert (fleet.told("confirmed"), fleet.told("unconfirmed")) == ([], [])
    assert fleet.shown(switch).state == "ended"


def test_entries_that_come_again_begin_no_second_count(fleet: Fleet) -> None:
    fleet.report(1, 1)
    switch, seq = fleet.stop()
    fleet.report(1, seq)
    fleet.later(1)
    assert len(fleet.told("confirmed")) == 1
    opened = Open(switch, "production", 1, seq, fleet.desk.clock.now())
    fleet.desk.warden.telemetry(SYSTEM, partial(confirming.begin, found=[opened]))
    fleet.later(40)
    assert len(fleet.told("confirmed")) == 1
    assert fleet.shown(switch).state == "confirmed"


def test_two_processes_that_lead_at_once_tell_it_once(fleet: Fleet) -> None:
    fleet.report(1, 1)
    _, seq = fleet.stop()
    fleet.report(1, seq)
    fleet.desk.clock.advance(milliseconds=1)
    ((kept, now, counted),) = fleet.desk.warden.view(SYSTEM, confirming.pending)
    settle = partial(confirming.settle, kept=kept, now=now, counted=counted)
    fleet.desk.warden.change(SYSTEM, settle)
    fleet.desk.warden.change(SYSTEM, settle)
    assert len(fleet.told("confirmed")) == 1
    with pytest.raises(NotPermitted):
        fleet.desk.warden.change(fleet.desk.switches("root")._bound.principal, settle)


def test_the_moment_that_a_snapshot_was_first_applied_stays(fleet: Fleet) -> None:
    fleet.report(1, 7)
    first = fleet.desk.clock.now()
    fleet.later(5)
    fleet.report(1, 7)
    (found,) = fleet.desk.warden.view(
        SYSTEM, lambda view: queries.instances_heard(view, NOW - LOST, "production")
    )
    assert (found.applied_at, found.heard_at) == (first, fleet.desk.clock.now())
    fleet.report(1, 8)
    (found,) = fleet.desk.warden.view(
        SYSTEM, lambda view: queries.instances_heard(view, NOW - LOST, "production")
    )
    assert found.applied_at == fleet.desk.clock.now()


def test_guards_are_listed_page_by_page_for_a_day_to_who_may_read(fleet: Fleet) -> None:
    for number in range(5):
        fleet.report(number, 1)
    fleet.report(9, 1, model="fraud")
    room = fleet.desk.acting("dave").guards
    pages, cursor = [], None
    while True:
        page = room.list(limit=2, cursor=cursor)
        pages.append([guard.pid for guard in page.items])
        if (cursor := page.next_cursor) is None:
            break
    assert pages == [[300, 301], [302, 303], [304, 309], []]
    assert [guard.pid for guard in room.list(model="fraud").items] == [309]
    with pytest.raises(CursorInvalid):
        room.list(cursor=cursor_for("web-1"))
    fleet.report(9, 1, model="fraud", state="gone")
    assert room.list(model="fraud").items == ()
    fleet.later(86_401)
    assert room.list().items == ()
    assert fleet.desk.warden.telemetry(SYSTEM, confirming.forget) == 6


def test_both_databases_keep_what_guards_say(store_url: str, tmp_path: Path) -> None:
    fleet = Fleet(Desk.opened(store_url, tmp_path))
    with fleet.desk.warden:
        for number in range(3):
            fleet.report(number, 1)
        switch, seq = fleet.stop()
        for number in range(2):
            fleet.report(number, seq)
        fleet.later(31)
        assert [each["late"] for each in fleet.told("unconfirmed")] == [[str(UUID(int=2))]]
        fleet.report(2, seq)
        fleet.later(1)
        assert [each["confirmed"] for each in fleet.told("confirmed")] == [3]
        assert [g.pid for g in fleet.desk.acting("dave").guards.list(limit=2).items] == [300, 301]
        assert fleet.shown(switch).state == "confirmed"


def test_an_account_that_invents_guards_is_bounded_and_those_it_has_go_on(
    store_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A stolen guard's token must not make "confirmed" unreachable with guards that do not exist, nor fill the disk."""
    fleet = Fleet(Desk.opened(store_url, tmp_path))
    with fleet.desk.warden:
        for numbers in (range(3), range(2, 900)):
            flood = [instance(number, generation=1) for number in numbers]
            fleet.desk.warden.telemetry(SYSTEM, partial(keep, found=flood, most=5))
        assert "895 reports were passed by" in caplog.text
        others = [instance(7, actor="svc_2"), instance(8, model="fraud"), instance(2, generation=2)]
        fleet.desk.warden.telemetry(SYSTEM, partial(keep, found=others, most=5))
        listed = fleet.desk.acting("dave").guards.list(limit=20).items
        assert [(g.model, g.pid, g.generation) for g in listed] == [
            ("churn", 300, 1), ("churn", 301, 1), ("churn", 302, 2), ("churn", 303, 1), ("churn", 304, 1),
            ("churn", 307, 0), ("fraud", 308, 0),
        ]  # fmt: skip
        fleet.later(86_401)
        fleet.desk.warden.telemetry(SYSTEM, confirming.forget)
        fleet.desk.warden.telemetry(SYSTEM, partial(keep, found=[instance(899)], most=5))
        heard = fleet.desk.warden.view(
            SYSTEM,
            partial(queries.instances_of, environment="production", model="churn", actor="svc_1"),
        )
        assert heard == {str(UUID(int=899))}


@given(
    guards=st.lists(
        st.tuples(
            st.integers(1, 2), st.integers(0, 20), st.integers(0, 300), st.sampled_from(["fresh", "gone"])
        ),
        max_size=12,
    ),
    seq=st.integers(0, 20),
)  # fmt: skip
def test_each_guard_stands_in_one_place_and_silence_never_confirms(
    guards: list[tuple[int, int, int, str]], seq: int
) -> None:
    found = [
        instance(n, epoch=epoch, generation=at, heard_at=NOW - timedelta(seconds=silent), state=state)
        for n, (epoch, at, silent, state) in enumerate(guards)
    ]  # fmt: skip
    counted = tally(Open("swi_1", "production", 1, seq, NOW), found, NOW)
    expected = [e for e in found if e.state != "gone" and NOW - e.heard_at <= LOST]
    assert [each for each, _ in counted.standings] == expected
    for each, standing in counted.standings:
        applied = each.epoch > 1 or each.generation >= seq
        assert (standing is Standing.CONFIRMED) == applied
        if not applied:
            silent = NOW - each.heard_at
            assert (standing is Standing.LOST) == (silent >= LOST)
            assert (standing is Standing.WAITING) == (silent < LATE)
    waiting = counted.of(Standing.WAITING) + counted.of(Standing.LATE)
    assert counted.is_complete == (bool(counted.of(Standing.CONFIRMED)) and not waiting)


@given(st.lists(st.integers(-5, 10**6), min_size=1))
def test_times_are_those_of_some_guard_and_never_negative(ms: list[int]) -> None:
    found = [instance(n, applied_at=NOW + timedelta(milliseconds=t)) for n, t in enumerate(ms)]
    p50, most = times_ms(NOW, found)
    assert most == max(0, *ms)
    assert sum(max(0, t) <= p50 for t in ms) * 2 >= len(ms)
    assert p50 in {max(0, t) for t in ms}
