"""What a trigger saw, read again: the windows that were judged, gaps where nothing is known, and its budget."""

from __future__ import annotations

import itertools
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import NotFound
from modelwarden.reactions.triggers import SOURCES
from modelwarden.safeguards import actions
from tests.safeguards.judges import Judge

if TYPE_CHECKING:
    from modelwarden.safeguards.triggers.watched import Watched
    from tests.safeguards.desk import Desk


@pytest.fixture
def judge(desk: Desk) -> Judge:
    return Judge(desk)


def seen(judge: Judge, name: str = "errors", *, by: str = "dave", periods: int = 6) -> Watched:
    read = partial(actions.watched, name=name, sources=_sources(judge), periods=periods)
    principal = judge.desk.acting(by).triggers._bound.principal
    found: Watched = judge.desk.warden.view(principal, read)
    return found


def _sources(judge: Judge) -> dict[str, Any]:
    return {**SOURCES, "psi": judge.given}


def test_the_windows_are_those_that_were_judged(judge: Judge) -> None:
    judge.set()
    for failed in (10, 200, 300):
        judge.window(ok=1_000 - failed, failed=failed)
    (fired,) = judge.fired()
    found = seen(judge)
    (windows,) = found.seen.values()
    assert [each.value for each in windows[-3:]] == [0.01, 0.2, 0.3]
    assert [(each.n, each.value) for each in windows[:3]] == [(0, None)] * 3
    judged = [(each["n"], float(each["value"])) for each in fired.evidence]
    assert judged == [(each.n, each.value) for each in windows[-2:]]
    assert windows[-1].until == fired.last_at
    assert {b.until - a.until for a, b in itertools.pairwise(windows)} == {timedelta(seconds=300)}


def test_a_window_that_rests_on_too_little_is_a_gap(judge: Judge) -> None:
    judge.set(n_min=200)
    judge.window(ok=900, failed=100)
    judge.window(ok=150)
    judge.pass_on()
    (windows,) = seen(judge, periods=3).seen.values()
    assert [(each.n, each.value) for each in windows] == [(1_000, 0.1), (150, None), (0, None)]


def test_values_of_a_dimension_stand_apart(judge: Judge) -> None:
    judge.set(name="drift", signal="psi", by="region", n_min=500)
    judge.psi(eu=(900, 0.7), us=(900, 0.01))
    found = seen(judge, "drift", periods=1)
    assert {value: windows[0].value for value, windows in found.seen.items()} == {
        "eu": 0.7,
        "us": 0.01,
    }


def test_what_it_did_by_itself_is_counted_for_an_hour(judge: Judge) -> None:
    judge.automatic()
    assert seen(judge).spent == 0
    for _ in range(2):
        judge.window(ok=700, failed=300)
    assert seen(judge).spent == 1
    judge.desk.clock.advance(hours=1)
    assert seen(judge).spent == 0


def test_the_version_that_judges_is_shown_while_another_one_waits(judge: Judge) -> None:
    judge.set()
    judge.set(consecutive=5)
    assert judge.room().show("errors").version == 2
    assert seen(judge).trigger.version == 1


def test_who_may_not_read_it_is_told_that_it_is_not_there(judge: Judge) -> None:
    judge.set()
    judge.desk.join("frank")
    with pytest.raises(NotFound):
        seen(judge, by="frank")
    with pytest.raises(NotFound):
        seen(judge, "nothing")
