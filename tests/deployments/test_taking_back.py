"""What takes a rollout back by itself: the candidate against what was live, over the same time (RL-37)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.deployments import actions as deployments
from modelwarden.deployments.judging import Compared
from modelwarden.deployments.rollout import DeploymentState, ReviewOutcome
from modelwarden.errors import GateRefused, NotPermitted, SelfReview
from modelwarden.policies.rollout import Condition
from modelwarden.safeguards.by_version.figures import Figures
from tests.deployments.fleet import SPIKE, STEPS, Worker, govern, look, route, stepped
from tests.deployments.test_actions import bodies, refused
from tests.deployments.test_steps import advance, shares, shown, waits

if TYPE_CHECKING:
    from modelwarden.deployments.rollout import Deployment
    from tests.approvals.org import Org


def canary(org: Org, *lines: str, workers: int = 1) -> tuple[Deployment, list[Worker]]:
    """Let a canary begin whose workers have reported once, so that what follows counts."""
    govern(org, *lines)
    fleet = [Worker(org, n, "1.0.0", "1.1.0") for n in range(workers)]
    for each in fleet:
        each.report()
    return stepped(org), fleet


def served(org: Org, worker: Worker, **added: tuple[int, int]) -> None:
    """Let five minutes of calls pass, reported twice."""
    for _ in range(5):
        org.clock.advance(minutes=1)
        worker.report(
            **{name: (calls // 5, failed // 5) for name, (calls, failed) in added.items()}
        )


def test_a_candidate_with_more_errors_is_taken_back_by_the_program(org: Org) -> None:
    begun, (worker,) = canary(org, STEPS, SPIKE)
    served(org, worker, v1_0_0=(9_500, 0), v1_1_0=(500, 25))
    org.clock.advance(seconds=5)
    look(org)
    ended = shown(org, begun)
    assert (ended.state, shares(org)) == (DeploymentState.ROLLED_BACK, ("1.0.0", {}, None))
    told, moved = bodies(org, 2)
    assert (told["type"], told["severity"], moved["type"]) == (
        "rollout.rolled_back",
        "HIGH",
        "route.moved",
    )
    assert told["actor"]["id"] == "system:rollback"  # type: ignore[index]
    fact = told["fact"]
    assert (fact["metric"], fact["value"], fact["baseline"]) == (
        "error_rate",
        "0.050000",
        "0.000000",
    )  # type: ignore[index]
    assert (fact["calls"], fact["baseline_calls"], fact["restored"]) == (500, 9_500, "churn@1.0.0")  # type: ignore[index]
    assert org.status("1.1.0") == "rolled_back"
    assert org.status("1.0.0") == "deployed_production"


def test_what_was_taken_back_needs_a_new_approval(org: Org) -> None:
    _, (worker,) = canary(org, STEPS, SPIKE)
    served(org, worker, v1_0_0=(9_500, 0), v1_1_0=(500, 500))
    look(org)
    org.clock.advance(minutes=1)
    assert refused(org, "1.1.0") == {"rolled_back_since"}


def test_as_many_errors_as_before_take_nothing_back(org: Org) -> None:
    begun, (worker,) = canary(org, STEPS, SPIKE)
    served(org, worker, v1_0_0=(9_500, 475), v1_1_0=(500, 25))
    look(org)
    assert shown(org, begun).state is DeploymentState.IN_PROGRESS


def test_too_few_calls_or_too_short_a_time_say_nothing(org: Org) -> None:
    begun, (worker,) = canary(org, STEPS, SPIKE)
    org.clock.advance(minutes=4)
    worker.report(v1_0_0=(9_500, 0), v1_1_0=(2_000, 2_000))
    look(org)
    assert shown(org, begun).state is DeploymentState.IN_PROGRESS
    org.clock.advance(minutes=10)
    served(org, worker, v1_0_0=(9_500, 0), v1_1_0=(495, 495))
    look(org)
    assert shown(org, begun).state is DeploymentState.IN_PROGRESS


def test_what_is_unknown_takes_back_where_the_policy_says_so(org: Org) -> None:
    strict = SPIKE.replace("min_samples: 500", "min_samples: 500, on_unknown: rollback")
    begun, (worker,) = canary(org, STEPS, strict)
    org.clock.advance(minutes=4)
    worker.report()
    look(org)
    assert shown(org, begun).state is DeploymentState.IN_PROGRESS
    org.clock.advance(minutes=2)
    look(org)
    assert shown(org, begun).state is DeploymentState.ROLLED_BACK
    assert "value" not in bodies(org, 2)[0]["fact"]  # type: ignore[operator]


def test_one_worker_that_lies_takes_nothing_back(org: Org) -> None:
    begun, fleet = canary(org, STEPS, SPIKE, workers=10)
    for _ in range(5):
        org.clock.advance(minutes=1)
        for each in fleet[1:]:
            each.report(v1_0_0=(1_000, 0), v1_1_0=(100, 0))
        fleet[0].report(v1_0_0=(1_000, 0), v1_1_0=(40, 4))
    look(org)
    assert shown(org, begun).state is DeploymentState.IN_PROGRESS


def test_a_replayed_report_counts_once(org: Org) -> None:
    begun, (worker,) = canary(org, STEPS, SPIKE)
    served(org, worker, v1_0_0=(9_500, 0), v1_1_0=(495, 5))
    for _ in range(50):
        worker.report()
    look(org)
    assert shown(org, begun).state is DeploymentState.IN_PROGRESS


def test_a_step_waits_for_every_condition_and_for_what_is_unknown(org: Org) -> None:
    hold = "hold: {all: [{metric: error_rate, lte_baseline: 0.02, for: PT5M, min_samples: 100}]}, "
    begun, (worker,) = canary(org, STEPS.replace("steps:", f"{hold}steps:"))
    org.clock.advance(hours=1)
    worker.report()
    assert waits(org, begun) == {"condition_unknown"}
    served(org, worker, v1_0_0=(9_500, 0), v1_1_0=(500, 50))
    assert waits(org, begun) == {"condition_failed"}
    look(org)
    assert shown(org, begun).held_by == {"condition_failed"}
    org.clock.advance(minutes=10)
    served(org, worker, v1_0_0=(9_500, 0), v1_1_0=(500, 5))
    assert advance(org, begun).traffic == 50


def test_nobody_looks_back_at_their_own_work_and_long_overdue_bars_the_next(org: Org) -> None:
    begun, (worker,) = canary(org, STEPS, SPIKE)
    served(org, worker, v1_0_0=(9_500, 0), v1_1_0=(500, 500))
    look(org)
    due = shown(org, begun).review_due_at
    assert due is not None
    say = partial(
        deployments.review, outcome=ReviewOutcome.ISSUES, findings="the join lost a column in July"
    )
    for name in ("bob", "carol", "dave"):
        with pytest.raises(SelfReview):
            org.do(name, say, begun.id)
    with pytest.raises(NotPermitted):
        org.do("alice", say, begun.id)
    org.clock.advance(days=14, minutes=1)
    org.register("1.2.0")
    org.approved("1.2.0")
    worker.loaded = ("1.0.0", "1.2.0")
    worker.report()
    with pytest.raises(GateRefused) as denied:
        org.deploy("1.2.0")
    assert denied.value.reasons == ("review_overdue",)
    org.do("root", say, begun.id)
    assert org.deploy("1.2.0").state is DeploymentState.IN_PROGRESS
    assert route(org).candidate == "1.2.0"


NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
COUNTS = st.integers(0, 5_000)


@given(
    calls=COUNTS, failed=COUNTS, before=COUNTS, failed_before=COUNTS, is_whole=st.booleans(),
    limit=st.floats(0, 1), on_unknown=st.sampled_from(["hold", "rollback"]),
)  # fmt: skip
def test_a_condition_is_above_its_bound_or_not_or_unknown(  # noqa: PLR0913
    calls: int,
    failed: int,
    before: int,
    failed_before: int,
    limit: float,
    on_unknown: str,
    *,
    is_whole: bool,
) -> None:
    condition = Condition(
        metric="error_rate",
        against="baseline",
        limit=limit,
        window_s=300,
        min_samples=500,
        on_unknown=on_unknown,
    )
    seen = Compared(
        condition=condition, since=NOW, until=NOW, is_whole=is_whole,
        candidate=Figures(calls, min(failed, calls)), baseline=Figures(before, min(failed_before, before)),
    )  # fmt: skip
    known = is_whole and calls >= 500 and before >= 500
    assert (seen.exceeds is not None) == known
    if known:
        more = min(failed, calls) / calls > min(failed_before, before) / before + limit
        assert seen.takes_back == seen.exceeds == more
    else:
        assert seen.takes_back == (is_whole and on_unknown == "rollback")


def test_with_all_the_traffic_there_is_nothing_to_compare_with_and_nothing_to_wait_for(
    org: Org,
) -> None:
    hold = "hold: {all: [{metric: error_rate, lte_baseline: 0.02, min_samples: 100}]}, "
    rolling = f"rollout: {{strategy: blue_green, {hold}steps: [{{traffic: 0}}, {{traffic: 100, bake: PT1H}}]}}\n"
    begun, (worker,) = canary(org, rolling, SPIKE.replace("500}", "500, on_unknown: rollback}"))
    look(org)
    assert shown(org, begun).traffic == 100
    org.clock.advance(minutes=59)
    worker.report(v1_1_0=(2_000, 1_000))
    look(org)
    assert shown(org, begun).state is DeploymentState.IN_PROGRESS
    org.clock.advance(minutes=1)
    worker.report()
    look(org)
    assert shown(org, begun).state is DeploymentState.LIVE


def test_a_plain_bound_is_kept_to_with_all_the_traffic(org: Org) -> None:
    rolling = "rollout: {strategy: blue_green, steps: [{traffic: 0}, {traffic: 100, bake: PT1H}]}\n"
    plain = SPIKE.replace("above_baseline: 0.01", "above: 0.2")
    begun, (worker,) = canary(org, rolling, plain)
    look(org)
    served(org, worker, v1_1_0=(2_000, 500))
    look(org)
    assert shown(org, begun).state is DeploymentState.ROLLED_BACK
