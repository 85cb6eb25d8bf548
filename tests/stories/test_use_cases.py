"""A use case ends: calls that carry it are refused by each guard, all others go on (RL-9, RL-11)."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

import modelwarden
from modelwarden.guard.decision import Status
from modelwarden.guard.feed import Pace
from modelwarden.guard.guard import Guard
from modelwarden.warden.warden import open_warden
from tests.guard.hosts import soon
from tests.safeguards.fleet import guard_token
from tests.services.own_server import serving

if TYPE_CHECKING:
    from pathlib import Path

PURPOSE = "predicts which customers leave next month"
PEOPLE = {"carol": "admin", "dave": "operator", "olivia": "developer"}


def founded(url: str, keys: Path) -> tuple[str, dict[str, str]]:
    """Set up people and a model; return the token of its guards, and theirs."""
    with open_warden(url, keys_folder=keys) as warden:
        for name, role in PEOPLE.items():
            warden.add_user(name, roles=[role])
        warden.acting_as("olivia").models.register(
            "churn", owner="olivia", business_purpose=PURPOSE
        )
        tokens = {name: warden.acting_as(name).tokens.create().secret or "" for name in PEOPLE}
        return guard_token(warden, owner="carol"), tokens


@pytest.mark.services
def test_calls_that_carry_a_deprecated_use_case_are_refused(store_url: str, tmp_path: Path) -> None:
    secret, tokens = founded(store_url, tmp_path / "keys")
    with ExitStack() as stack:
        address = stack.enter_context(serving(store_url, tmp_path))
        guard = Guard(address, "churn", token=secret, init_wait=20.0, state_dir=tmp_path / "state")
        stack.callback(guard.close)
        olivia, dave = (
            stack.enter_context(modelwarden.connect(address, token=tokens[name]))
            for name in ("olivia", "dave")
        )
        predict = guard.protect(lambda use_case: 0.4)  # noqa: ARG005
        plain = guard.protect(lambda: 0.4)
        for name in ("calls", "letters", "mails"):
            olivia.use_cases.create(name, models=["churn"])
        assert predict(use_case="calls").status is Status.OK
        dave.use_cases.deprecate("calls", replacement="letters")
        soon(lambda: predict(use_case="calls").status is Status.BLOCKED)
        later = datetime.now(UTC) + timedelta(seconds=2)
        waiting = dave.use_cases.deprecate("mails", sunset_at=later)
        assert waiting.stopped_at is None
        soon(lambda: predict(use_case="mails").status is Status.BLOCKED)
        stopped = dave.use_cases.show("mails").stopped_at
        assert stopped is not None
        assert stopped >= later
        assert predict(use_case="letters").status is Status.OK
        assert plain().status is Status.OK


@pytest.mark.services
def test_a_guard_that_serves_one_use_case_is_counted_for_it_and_stops_with_it(
    store_url: str, tmp_path: Path
) -> None:
    secret, tokens = founded(store_url, tmp_path / "keys")
    with ExitStack() as stack:
        address = stack.enter_context(serving(store_url, tmp_path))
        olivia, dave = (
            stack.enter_context(modelwarden.connect(address, token=tokens[name]))
            for name in ("olivia", "dave")
        )
        for name in ("calls", "letters"):
            olivia.use_cases.create(name, models=["churn"])
        predicts = {}
        for name, use_case in (("one", "calls"), ("two", "letters"), ("three", None)):
            guard = Guard(
                address, "churn", token=secret, use_case=use_case, init_wait=20.0, pace=Pace(slots_s=0.1),
                state_dir=tmp_path / name,
            )  # fmt: skip
            stack.callback(guard.close)
            predicts[use_case] = guard.protect(lambda: 0.4)
        for use_case, calls in (("calls", 30), ("letters", 20), (None, 10)):
            assert {predicts[use_case]().status for _ in range(calls)} == {Status.OK}
        until = datetime.now(UTC) + timedelta(minutes=2)

        def counted(name: str) -> tuple[int | None, int]:
            found = olivia.use_cases.usage(name, until=until)
            return found.whole.total, found.models[0].unattributed

        soon(lambda: (counted("calls"), counted("letters")) == ((30, 10), (20, 10)))
        assert olivia.use_cases.usage("calls", until=until).last_used is not None
        dave.use_cases.deprecate("calls", replacement="letters")
        soon(lambda: predicts["calls"]().status is Status.BLOCKED)
        assert predicts["letters"]().status is predicts[None]().status is Status.OK


def test_a_question_whose_use_case_changed_ends_by_itself(tmp_path: Path) -> None:
    with open_warden(f"sqlite:///{tmp_path}/warden.db") as warden:
        for name, role in PEOPLE.items():
            warden.add_user(name, roles=[role])
        olivia = warden.acting_as("olivia")
        olivia.models.register("churn", owner="olivia", business_purpose=PURPOSE)
        olivia.use_cases.create(
            "calls",
            name="Calls",
            description="Call those who leave",
            models=["churn"],
            input_schema={"type": "object"},
            output_schema={"type": "number"},
            impact_level="low",
            affected_systems=["crm"],
        )
        asked = olivia.use_cases.submit("calls", comment="the retention team asks for it")
        assert asked.request is not None
        olivia.use_cases.update("calls", impact_level="high")
        request = asked.request
        soon(lambda: olivia.approvals.show(request).cause == "use_case")
        assert olivia.use_cases.show("calls").status == "draft"
