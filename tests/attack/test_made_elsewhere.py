"""Attempts to get by what was "made elsewhere" what nobody agreed to: back, beside a candidate, or past staging."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import NothingToRollBackTo
from tests.attack.case import Case
from tests.attack.test_rollouts import route, told
from tests.store.deeds import verified

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def case(store_url: str, tmp_path: Path) -> Iterator[Case]:
    """Let 1.0.0 be live, 3.0.0 be approved, and nobody be asked about 2.0.0."""
    found = Case.of(store_url, tmp_path)
    for follower in found.warden.followers:
        follower.close()
    olga = found.join("olga", "operator")
    found.agree(found.request().id, "xavier", "bob")
    olga.deployments.start("churn", "1.0.0")
    for label in ("2.0.0", "3.0.0"):
        found.register(label)
    found.agree(found.request("3.0.0").id, "xavier", "bob")
    yield found
    found.warden.close()


def test_a_rollback_does_not_bring_back_what_was_only_noted(case: Case) -> None:
    olga = case.acting("olga").deployments
    case.clock.advance(seconds=1)
    olga.record("churn", "2.0.0")
    assert told(case, "bypass.detected") == 1
    case.clock.advance(seconds=1)
    olga.start("churn", "3.0.0")
    with pytest.raises(NothingToRollBackTo):
        olga.rollback("churn", reason="I want the other one", to="2.0.0")
    assert olga.rollback("churn", reason="errors went up").version == "1.0.0"
    assert route(case) == ("1.0.0", None)


def test_noting_it_twice_leads_back_to_it_no_more(case: Case) -> None:
    olga = case.acting("olga").deployments
    for label in ("2.0.0", "1.0.0"):
        case.clock.advance(seconds=1)
        olga.record("churn", label)
    case.acting("quinn").approvals.request("churn", "2.0.0", justification="asked, and no answer")
    with pytest.raises(NothingToRollBackTo):
        olga.rollback("churn", reason="I want the other one", to="2.0.0")
    assert route(case) == ("1.0.0", None)


@pytest.mark.parametrize("strategy", ["canary", "shadow", "blue_green", "rolling"])
def test_it_answers_nothing_beside_a_candidate_nor_after_it(case: Case, strategy: str) -> None:
    olga = case.acting("olga").deployments
    olga.record("churn", "2.0.0")
    begun = olga.start("churn", "3.0.0", strategy=strategy)
    assert route(case)[0] == "1.0.0"
    olga.abort(begun.id, reason="it was a way to the other one")
    assert route(case) == ("1.0.0", None)
    assert olga.live("churn").version == "2.0.0", "what is live elsewhere is said as it is"
    assert verified(case.warden, state=True).problems == ()


def test_what_people_agreed_to_can_come_back_though_it_was_made_elsewhere(case: Case) -> None:
    olga = case.acting("olga").deployments
    case.agree(case.request("2.0.0").id, "xavier", "bob")
    case.clock.advance(seconds=1)
    olga.record("churn", "2.0.0")
    assert told(case, "bypass.detected") == 0
    case.clock.advance(seconds=1)
    olga.start("churn", "3.0.0")
    assert olga.rollback("churn", reason="errors went up").version == "2.0.0"
    assert route(case) == ("2.0.0", None)
