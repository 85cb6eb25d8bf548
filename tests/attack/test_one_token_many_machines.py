"""A guard's token that got about: many machines use it at their limits, and under names that they make up.

A fleet may share a token (SG-23), so each instance has an allowance of its own (AC-70). Whoever is over it is told when
to come again; guards that behave, and people, are not held up, and nothing grows with the names that are made up.
"""

from __future__ import annotations

import contextlib
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import httpx
import pytest

from modelwarden.api.limits import MOST_KEPT, SNAPSHOT, TELEMETRY, Limits, Rate
from modelwarden.config import Settings
from modelwarden.errors import RateLimited
from modelwarden.guard.guard import Guard
from tests.api import town as towns
from tests.guard.hosts import soon
from tests.safeguards.fleet import ROOT, bearer, fetched, guard_token, head_of, report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api.town import Town

MACHINES: Final = 6
CALLS: Final = 3 * TELEMETRY
STOPS: Final = 5


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with towns.town(tmp_path, read_rate=50, write_rate=20) as made:
        purpose = "predicts which customers leave next month"
        body = {"name": "churn", "owner": "alice", "business_purpose": purpose}
        assert made.call("alice", "POST", "/models", body).status_code == 201
        yield made


class Machine(threading.Thread):
    """Reports as fast as it can until it is ended, under one name or always another."""

    def __init__(self, town: Town, token: str, *, name: str | None) -> None:
        super().__init__(daemon=True)
        self._url, self._token, self._name = town.url, token, name
        self._said = report(head_of(fetched(town.http, token).content), model="churn")
        self.ending = threading.Event()
        self.answers: list[int] = []

    def run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30) as http:
            while not (self.ending.is_set() and len(self.answers) > CALLS):
                named = {"Modelwarden-Instance": self._name or uuid4().hex}
                answer = http.post(
                    f"{ROOT}/snapshot/applied", json=self._said, headers=bearer(self._token) | named
                )
                self.answers.append(answer.status_code)


@pytest.mark.soak
def test_who_overdoes_it_is_told_so_and_holds_up_neither_guards_nor_people(
    town: Town, tmp_path: Path
) -> None:
    token = guard_token(town.warden, owner="carol")
    machines = [Machine(town, token, name=f"machine-{n}") for n in range(MACHINES // 2)]
    machines += [Machine(town, token, name=None) for _ in range(MACHINES // 2)]
    with contextlib.closing(
        Guard(town.url, "churn", token=token, state_dir=tmp_path / "state", init_wait=30.0)
    ) as guard:
        for machine in machines:
            machine.start()
        for number in range(STOPS):
            scope = {"model": "churn", "region": f"r{number}"}
            answer = town.call(
                "dave", "POST", "/kill-switches", {"scope": scope, "reason": "drift"}
            )
            assert answer.status_code == HTTPStatus.CREATED
            soon(lambda at=number: guard.check(region=f"r{at}").diverts)  # type: ignore[misc]
            time.sleep(1.0)
        assert guard.status()["red"] is None
        for machine in machines:
            machine.ending.set()
            machine.join()
    assert {status for each in machines for status in each.answers} <= {204, 429}
    limits = town.app.state.host.limits
    assert len(limits._buckets) <= MOST_KEPT


def test_one_instance_has_its_allowance_and_no_more_and_takes_nobody_elses() -> None:
    now = [0.0]
    limits = Limits(Settings(), clock=lambda: now[0])
    for rate, calls in ((Rate.TELEMETRY, TELEMETRY), (Rate.SNAPSHOT, SNAPSHOT)):
        taken = 0
        with contextlib.suppress(RateLimited):
            for _ in range(10 * calls):
                limits.take(rate, "churn-guards machine-1")
                taken += 1
        assert taken == 2 * calls  # what two seconds allow
        limits.take(rate, "churn-guards machine-2")


def test_names_that_are_made_up_leave_no_more_than_a_bounded_memory() -> None:
    limits = Limits(Settings(), clock=lambda: 0.0)
    for number in range(MOST_KEPT + 5_000):
        limits.take(Rate.SNAPSHOT, f"churn-guards {number}")
    assert len(limits._buckets) == MOST_KEPT
