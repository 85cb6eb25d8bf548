"""What policies say of going live: what is refused, what the short names stand for, and how several join."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import PolicyInvalid
from modelwarden.guard.router import Strategy
from modelwarden.policies.document import PolicyDocument, parse, restored
from modelwarden.policies.governing import join
from modelwarden.policies.rollout import CAREFUL, Course, Rollout, join_rollouts
from modelwarden.registry.lifecycle import Environment
from tests.policies.sample import governs, policy

PRODUCTION, STAGING = Environment.PRODUCTION, Environment.STAGING
HEAD = "schema: modelwarden.policy/v1\nname: mine\napprovals: {humans: 1}\n"


def read(*lines: str) -> PolicyDocument:
    return parse(HEAD + "\n".join(lines))


def course(*documents: PolicyDocument, environment: Environment = PRODUCTION) -> Course:
    return join([governs(each) for each in documents], environment).course


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    "line",
    [
        "rollout: {strategy: canary, steps: []}",
        "rollout: {strategy: canary, steps: [{traffic: 5}]}",
        "rollout: {strategy: canary, steps: [{traffic: 5}, {traffic: 5}, {traffic: 100}]}",
        "rollout: {strategy: canary, steps: [{traffic: 50}, {traffic: 5}, {traffic: 100}]}",
        "rollout: {strategy: canary, steps: [{traffic: 101}]}",
        "rollout: {strategy: canary, steps: [{traffic: 2.5}, {traffic: 100}]}",
        "rollout: {strategy: canary, steps: [{traffic: 5, bake: PT0S}, {traffic: 100}]}",
        "rollout: {strategy: blue_green, steps: [{traffic: 50}, {traffic: 100}]}",
        "rollout: {strategy: direct, steps: [{traffic: 0}, {traffic: 100}]}",
        "rollout: {strategy: shadow, steps: [{traffic: 0}, {traffic: 100}]}",
        "rollout: {strategy: canary, advance: sometimes}",
        "rollout: {strategy: canary, hold: {all: []}}",
        "rollout: {strategy: canary, hold: {any: [{metric: error_rate, lte: 0.1}]}}",
        "rollout: {strategy: canary, hold: {all: [{metric: error_rate}]}}",
        "rollout: {strategy: canary, hold: {all: [{metric: error_rate, lte: 0.1, lte_baseline: 0.1}]}}",
        "rollback_when: {any: []}",
        "rollback_when: {any: [anything]}",
        "rollback_when: {any: [{metric: roc_auc, above: 1}]}",
        "rollback_when: {any: [{metric: error_rate, above: -1}]}",
        "rollback_when: {any: [{metric: error_rate, above: '1'}]}",
        "rollback_when: {any: [{metric: error_rate, above: 0.1, for: PT2H}]}",
        "rollback_when: {any: [{metric: error_rate, above: 0.1, min_samples: 0}]}",
        "rollback_when: {any: [{metric: error_rate, above: 0.1, on_unknown: pass}]}",
    ],
)
def test_what_could_not_be_kept_to_is_refused(line: str) -> None:
    with pytest.raises(PolicyInvalid):
        read(line)


def test_names_of_the_source_documents_stand_for_conditions() -> None:
    found = course(read("rollback_when: {any: [error_rate_spike, performance_degradation]}"))
    told = [
        (one.metric, one.against, one.limit, one.window_s, one.min_samples)
        for one in found.rollback_when
    ]
    assert told == [
        ("error_rate", "baseline", 0.01, 300, 500),
        ("latency", "baseline_times", 1.5, 300, 500),
    ]


def test_a_document_with_conditions_comes_back_from_its_text() -> None:
    document = read(
        "rollout: {strategy: canary, advance: manual,"
        " hold: {all: [{metric: latency, lte_baseline_times: 1.2, for: PT1M}]},"
        " steps: [{traffic: 1, bake: PT1H}, {traffic: 100}]}",
        "rollback_when: {any: [{metric: error_rate, above_baseline: 0.01, for: PT10S, on_unknown: rollback}]}",
    )
    assert restored(document.text) == document
    assert restored(document.text).hash == document.hash
    assert course(restored(document.text)) == course(document)


def test_a_policy_that_says_nothing_of_steps_has_the_hash_that_it_had() -> None:
    assert policy("{humans: 2}").text == (
        '{"approvals":{"barred":["committer","owner","registrant","requester","trainer"],"expires_after":"P30D",'
        '"humans":2,"order":"any","rejection":"any","seats":[],"separate_deployer":false,"signature":"any",'
        '"void_on":["artifact","datasets","metrics"]},"checks":[],"enforcement":"block","environments":{"staging":{}},'
        '"name":"mine","rollout":{"needs":{},"strategy":"direct"},"schema":"modelwarden.policy/v1"}'
    )


def test_joined_is_what_is_most_careful_of_each() -> None:
    one = read("rollout: {strategy: canary, steps: [{traffic: 5, bake: PT60M}, {traffic: 100}]}")
    other = read(
        "rollout: {strategy: canary, advance: manual, steps: [{traffic: 5, bake: PT10M}, {traffic: 20, bake: PT5M},"
        " {traffic: 100}], hold: {all: [{metric: error_rate, lte: 0.1}]}}",
        "rollback_when: {any: [error_rate_spike]}",
    )
    plain = read("rollback_when: {any: [error_rate_spike, performance_degradation]}")
    found = course(one, other, plain)
    assert found.strategy is Strategy.CANARY
    assert [(step.traffic, step.bake) for step in found.steps] == [
        (5, minutes(60)), (20, minutes(5)), (100, minutes(0)),
    ]  # fmt: skip
    assert found.advance == "manual"
    assert [one.metric for one in found.hold] == ["error_rate"]
    assert [one.metric for one in found.rollback_when] == ["error_rate", "latency"]
    assert course(plain, other, one) == course(one, other, plain) or len(found.steps) == 3


def test_staging_goes_as_production_unless_it_says_otherwise() -> None:
    plain = read(
        "rollout: {strategy: canary, needs: {staging: PT1H}, steps: [{traffic: 5}, {traffic: 100}]}"
    )
    assert course(plain, environment=STAGING).steps == course(plain).steps
    own = read(
        "rollout: {strategy: canary}", "environments: {staging: {rollout: {strategy: direct}}}"
    )
    assert course(own, environment=STAGING).strategy is Strategy.DIRECT


SHARES = st.lists(st.integers(1, 99), min_size=1, max_size=5, unique=True).map(sorted)


@given(
    several=st.lists(
        st.tuples(st.sampled_from(["canary", "rolling"]), SHARES), min_size=1, max_size=4
    )
)
def test_no_joined_course_is_ahead_of_any_of_its_policies(
    several: list[tuple[str, list[int]]],
) -> None:
    rollouts = [
        Rollout.model_validate(
            {
                "strategy": strategy,
                "steps": (
                    *({"traffic": share, "bake": "PT1H"} for share in shares),
                    {"traffic": 100},
                ),
            }
        )
        for strategy, shares in several
    ]
    joined = join_rollouts(rollouts, [])
    assert CAREFUL.index(joined.strategy) == max(
        CAREFUL.index(Strategy(one.strategy)) for one in rollouts
    )

    def at(steps: tuple[tuple[int, timedelta], ...], hour: int) -> int:
        began = timedelta(0)
        for traffic, bake in steps:
            began += bake
            if timedelta(hours=hour) < began:
                return traffic
        return 100

    mine = tuple((step.traffic, step.bake) for step in joined.steps)
    for one in rollouts:
        if Strategy(one.strategy) is joined.strategy:
            theirs = tuple((step.traffic, step.bake) for step in one.steps_of(joined.strategy))
            assert all(at(mine, hour) <= at(theirs, hour) for hour in range(30))
