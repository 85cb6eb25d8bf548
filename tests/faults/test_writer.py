"""Errors of the database itself: run again, look up what a lost COMMIT did, or say "try again" (LG-12)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from modelwarden.errors import LedgerUnavailable, SelfGrant
from modelwarden.warden.warden import open_warden
from tests.faults.wire import Wire
from tests.store.deeds import (
    ME,
    bodies,
    define,
    held,
    refuse,
    stored_roles,
    submitted,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelwarden.store.change import Change
    from modelwarden.warden.warden import Warden


class Deadlock(Exception):  # as the driver has it
    sqlstate = "40P01"


class Failing:
    """An action in whose midst the database fails so many times."""

    def __init__(self, name: str, times: int, error: type[Exception] = Deadlock) -> None:
        self.name, self.times, self.error, self.ran = name, times, error, 0

    def __call__(self, change: Change) -> None:
        self.ran += 1
        define(self.name)(change)
        if self.ran <= self.times:
            raise OperationalError("UPDATE", None, self.error())


def test_a_deadlock_runs_the_batch_again(warden: Warden) -> None:
    failing = Failing("third time", 2)
    with held(warden):
        futures = [warden.submit(ME, act) for act in (define("one"), failing, define("two"))]
    assert [future.result(30).receipt.seq for future in futures] == [2, 3, 4]
    assert failing.ran == 3
    assert set(stored_roles(warden)) == {"holder", "one", "two", "third time"}


def test_a_refusal_in_a_batch_that_ran_again_is_told_once(warden: Warden) -> None:
    with held(warden):
        refused = warden.submit(ME, refuse)
        again = warden.submit(ME, Failing("again", 3))
    assert isinstance(refused.exception(30), SelfGrant)
    assert again.result(30).receipt.seq == 3
    told = [body["fact"]["count"] for body in bodies(warden) if body["type"] == "access.denied"]
    assert told == [1]


def test_a_database_that_keeps_failing_fails_the_batch_and_nothing_is_lost(warden: Warden) -> None:
    before = submitted(warden, define("before"))
    with held(warden):
        futures = [warden.submit(ME, act) for act in (define("one"), Failing("never", 99))]
    assert {type(future.exception(30)) for future in futures} == {LedgerUnavailable}
    after = submitted(warden, define("after"))
    assert (before.receipt.seq, after.receipt.seq) == (1, 3)
    assert set(stored_roles(warden)) == {"holder", "before", "after"}


def test_an_error_that_trying_again_does_not_mend_fails_the_batch_at_once(warden: Warden) -> None:
    failing = Failing("broken", 99, error=OSError)
    with pytest.raises(LedgerUnavailable):
        submitted(warden, failing)
    assert failing.ran == 1
    submitted(warden, define("after"))


@pytest.fixture
def wired(postgres_url: Any, tmp_path: Path) -> Iterator[tuple[Warden, Wire]]:  # noqa: ANN401
    url = make_url(postgres_url())
    server = url.query["host"]
    assert isinstance(server, str)
    with (
        tempfile.TemporaryDirectory(prefix="mw-") as folder,  # a socket's path has to be short
        Wire(Path(server), Path(folder)) as wire,
        open_warden(
            url.update_query_dict({"host": folder}).render_as_string(hide_password=False),
            keys_folder=tmp_path / "keys",
        ) as warden,
    ):
        yield warden, wire


@pytest.mark.services
def test_a_commit_whose_answer_was_lost_is_looked_up(wired: tuple[Warden, Wire]) -> None:
    warden, wire = wired
    with held(warden):
        futures = [warden.submit(ME, define(f"role{n}")) for n in range(5)]
        futures.append(warden.submit(ME, _losing("answer")))
    seqs = [future.result(60).receipt.seq for future in futures]
    assert wire.lost == 1
    assert seqs == list(range(2, 8))
    assert set(stored_roles(warden)) == {"holder", "armed", *(f"role{n}" for n in range(5))}
    assert verified(warden).problems == ()


@pytest.mark.services
def test_a_commit_that_never_arrived_fails_and_nothing_is_there(
    wired: tuple[Warden, Wire],
) -> None:
    warden, wire = wired
    with held(warden):
        futures = [warden.submit(ME, define(f"role{n}")) for n in range(5)]
        futures.append(warden.submit(ME, _losing("request")))
    assert {type(future.exception(60)) for future in futures} == {LedgerUnavailable}
    assert wire.lost == 1
    assert set(stored_roles(warden)) == {"holder"}
    assert submitted(warden, define("role0")).receipt.seq == 2
    assert verified(warden).problems == ()


def _losing(what: str) -> Callable[[Change], None]:
    """Return an action that tells the wire what to lose of the commit of its own batch."""

    def act(change: Change) -> None:
        define("armed")(change)
        change.connection.execute(text(f"SELECT 'lose the {what}'"))

    return act
