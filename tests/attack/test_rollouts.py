"""Attempts to get a rollout further than its rules let it: races, edited rows and bytes, the wrong way back."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import (
    Conflict,
    DeploymentInProgress,
    GateRefused,
    IllegalMove,
    NotInProgress,
    StepHeld,
    WardenError,
)
from modelwarden.reactions.rollouts import KeepRollouts
from tests.attack.case import Case
from tests.store.deeds import verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RACERS = 8


@pytest.fixture
def case(store_url: str, tmp_path: Path) -> Iterator[Case]:
    """Let 1.0.0 be live, and 2.0.0 and 3.0.0 be approved."""
    found = Case.of(store_url, tmp_path)
    for follower in found.warden.followers:
        follower.close()
    olga = found.join("olga", "operator")
    found.join("oscar", "operator")
    for label in ("1.0.0", "2.0.0", "3.0.0"):
        if label != "1.0.0":
            found.register(label)
        found.agree(found.request(label).id, "xavier", "bob")
    olga.deployments.start("churn", "1.0.0")
    yield found
    found.warden.close()


def raced(*acts: Callable[[], Any]) -> list[object]:
    """Do all at once; return what each came to, an answer or an error."""
    came: list[object] = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def run(place: int) -> None:
        start.wait()
        try:
            came[place] = acts[place]()
        except WardenError as error:
            came[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return came


def edit(case: Case, statement: str) -> None:
    """Change rows as somebody does who has the database."""
    with case.warden.store.database.writing() as connection:
        connection.exec_driver_sql(statement)


def route(case: Case) -> tuple[str, str | None]:
    with case.warden.store.database.reading() as connection:
        found = connection.exec_driver_sql("select stable, candidate from routes").one()
    return found[0], found[1]


def told(case: Case, kind: str) -> int:
    return [entry["type"] for entry in case.entries()].count(kind)


def test_of_two_deployments_that_race_one_begins(case: Case) -> None:
    def begin(name: str, label: str) -> Callable[[], Any]:
        return lambda: case.acting(name).deployments.start("churn", label, strategy="canary")

    came = raced(
        *(begin(("olga", "oscar")[n % 2], ("2.0.0", "3.0.0")[n % 2]) for n in range(RACERS))
    )
    refused = [one for one in came if isinstance(one, WardenError)]
    assert len(refused) == RACERS - 1
    assert all(isinstance(one, DeploymentInProgress | Conflict) for one in refused)
    assert told(case, "deployment.started") == 2
    assert verified(case.warden, state=True).problems == ()


def test_of_many_who_take_a_step_one_takes_it(case: Case) -> None:
    olga = case.acting("olga").deployments
    begun = olga.start("churn", "2.0.0", strategy="rolling")
    case.clock.advance(minutes=10)
    came = raced(*[lambda: olga.advance(begun.id)] * RACERS)
    refused = [one for one in came if isinstance(one, WardenError)]
    assert len(refused) == RACERS - 1
    assert all(isinstance(one, StepHeld | Conflict | IllegalMove) for one in refused)
    assert olga.show(begun.id).traffic == 50


def test_time_and_a_person_take_a_step_once(case: Case) -> None:
    olga = case.acting("olga").deployments
    begun = olga.start("churn", "2.0.0", strategy="rolling")
    case.clock.advance(minutes=10)
    look = KeepRollouts(case.warden, settings=case.warden.settings)
    raced(look.idle, lambda: olga.advance(begun.id))
    assert (olga.show(begun.id).traffic, told(case, "step.advanced")) == (50, 2)


def test_a_step_and_its_end_race_to_one_of_the_two(case: Case) -> None:
    olga = case.acting("olga").deployments
    begun = olga.start("churn", "2.0.0", strategy="canary")
    case.clock.advance(hours=24)
    raced(lambda: olga.advance(begun.id), lambda: olga.abort(begun.id, reason="it is slower"))
    found = olga.show(begun.id)
    assert (found.state, found.traffic) == ("aborted", 0)
    assert route(case) == ("1.0.0", None)
    assert verified(case.warden, state=True).problems == ()


def test_no_rollback_leaves_a_canary_behind(case: Case) -> None:
    olga = case.acting("olga").deployments
    begun = olga.start("churn", "2.0.0", strategy="canary")
    olga.abort(begun.id, reason="to have two that were live")
    olga.start("churn", "3.0.0")
    again = olga.start("churn", "2.0.0", strategy="canary")
    with pytest.raises(DeploymentInProgress, match="abort"):
        olga.rollback("churn", reason="errors went up")
    olga.abort(again.id, reason="errors went up")
    assert olga.rollback("churn", reason="errors went up").version == "1.0.0"
    assert route(case) == ("1.0.0", None)


def test_bytes_that_are_edited_between_two_steps_go_no_further(case: Case) -> None:
    olga = case.acting("olga").deployments
    begun = olga.start("churn", "2.0.0", strategy="canary")
    artifact = case.folder / "2.0.0.bin"
    good = artifact.read_bytes()
    case.clock.advance(hours=24)
    artifact.write_bytes(b"x" * len(good))
    with pytest.raises(GateRefused) as denied:
        olga.advance(begun.id)
    assert denied.value.reasons == ("artifact_mismatch",)
    KeepRollouts(case.warden, settings=case.warden.settings).idle()
    assert olga.show(begun.id).traffic == 5
    artifact.write_bytes(good)
    assert olga.advance(begun.id).traffic == 25


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("routes", "share = 9000"),
        ("routes", "salt = '00000000000000000000000000000000'"),
        ("deployments", "step = 1"),
        ("deployments", "step_at = '2020-01-01T00:00:00.000000Z'"),
        ("deployments", "course = replace(course, '86400', '1')"),
        ("freezes", "ends_at = '2020-01-01T00:00:00.000000Z'"),
    ],
)
def test_an_edited_row_is_found(case: Case, table: str, change: str) -> None:
    olga = case.acting("olga")
    olga.deployments.start("churn", "2.0.0", strategy="canary")
    olga.freezes.add(
        ends_at=case.clock.now().replace(year=case.clock.now().year + 1, day=1),
        reason="the year closes",
    )
    edit(case, f"update {table} set {change}")  # noqa: S608
    assert verified(case.warden, state=True).problems != ()


def test_what_has_ended_can_not_be_moved_on(case: Case) -> None:
    olga = case.acting("olga").deployments
    begun = olga.start("churn", "2.0.0", strategy="canary")
    olga.abort(begun.id, reason="it is slower")
    case.clock.advance(days=2)
    with pytest.raises(NotInProgress):
        olga.advance(begun.id)
    KeepRollouts(case.warden, settings=case.warden.settings).idle()
    assert case.acting("olga").deployments.live("churn").version == "1.0.0"
