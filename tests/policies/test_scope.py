"""Which policies govern a model: those assigned, and those whose `applies_to` is true or unknown (POL-6, RL-12)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import EnforcementTooWeak, PolicyAssignedStill, PolicyInvalid
from modelwarden.policies import publishing
from modelwarden.policies.actions import (
    assign,
    prepare_policy,
    publish,
    requirements,
    retire_policy,
)
from modelwarden.registry.actions import NewModel, register_model
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.ids import ModelName
from tests.registry.org import Org, org

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.policies.governing import Requirements

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Org]:
    with org(tmp_path) as found:
        found.does("alice", partial(register_model, new=NewModel(name="churn", risk_tier=3)))
        found.does(
            "alice",
            partial(
                register_model, new=NewModel(name="credit", risk_tier=1, team="risk", tags=("eu",))
            ),
        )
        yield found


def publishes(house: Org, name: str, rest: str) -> None:
    text = f"schema: modelwarden.policy/v1\nname: {name}\napprovals: {{humans: 3}}\n{rest}"
    house.does("carol", partial(publish, document=prepare_policy(text)))


def needs(house: Org, model: str | None, environment: Environment = PRODUCTION) -> Requirements:
    name = None if model is None else ModelName(model)
    return house.sees("erin", partial(requirements, model=name, environment=environment))


def governing(house: Org, model: str | None, environment: Environment = PRODUCTION) -> list[str]:
    return [ref.name for ref in needs(house, model, environment).policies]


@pytest.mark.parametrize(
    ("scope", "churn", "credit"),
    [
        ("{field: model.risk_tier, lte: 2}", False, True),
        ("{field: model.team, eq: risk}", True, True),  # churn has no team: unknown governs
        ("{field: model.team, eq: ops}", True, False),
        ("{exists: model.team}", False, True),
        ("{not: {exists: model.team}}", True, False),
        ("{field: model.tags, contains: eu}", False, True),
        ("{field: risk.eu_class, eq: high_annex_iii}", True, True),  # nothing says it yet
        ("{all: [{field: risk.eu_class, eq: minimal}, {field: model.risk_tier, gte: 2}]}", True, False),
        ("{field: model.name, prefix: chu}", True, False),
    ],
)  # fmt: skip
def test_a_policy_governs_what_it_applies_to_or_may_apply_to(
    house: Org, scope: str, churn: object, credit: object
) -> None:
    publishes(house, "wide", f"applies_to: {scope}")
    assert ("wide" in governing(house, "churn")) is churn
    assert ("wide" in governing(house, "credit")) is credit
    assert "builtin/moderate" in governing(house, "churn")


def test_a_scope_may_be_an_environment_and_never_an_access_request(house: Org) -> None:
    publishes(house, "wide", "applies_to: {field: environment, eq: production}")
    assert governing(house, "churn") == ["builtin/moderate", "wide"]
    assert governing(house, "churn", STAGING) == ["builtin/moderate"]
    assert governing(house, None) == ["builtin/moderate"]
    assert needs(house, "churn").humans == 3


def test_only_the_newest_version_of_a_policy_in_use_chooses(house: Org) -> None:
    publishes(house, "wide", "applies_to: {field: model.risk_tier, gte: 1}")
    publishes(house, "wide", "applies_to: {field: model.risk_tier, gte: 4}")
    assert governing(house, "churn") == ["builtin/moderate"]
    publishes(house, "wide", "applies_to: {field: model.risk_tier, gte: 2}")
    assert governing(house, "churn") == ["builtin/moderate", "wide"]


def test_a_policy_that_chooses_is_not_ended_by_one_person(house: Org) -> None:
    publishes(house, "wide", "applies_to: {field: model.risk_tier, gte: 1}")
    with pytest.raises(PolicyAssignedStill):
        house.does("carol", partial(retire_policy, name="wide"))
    publishes(house, "wide", "")  # takes a permit outside bootstrap mode
    house.does("carol", partial(retire_policy, name="wide"))
    assert governing(house, "churn") == ["builtin/moderate"]


def test_how_many_policies_choose_has_an_end(house: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "MOST_SCOPED", 2)
    for name in ("a", "b"):
        publishes(house, name, "applies_to: {field: model.risk_tier, gte: 1}")
    with pytest.raises(PolicyInvalid, match="2 policies have one already"):
        publishes(house, "c", "applies_to: {field: model.risk_tier, gte: 1}")
    publishes(house, "b", "applies_to: {field: model.risk_tier, gte: 2}")
    publishes(house, "c", "")


def test_words_that_look_like_a_scope_are_none(house: Org) -> None:
    publishes(
        house,
        "odd",
        "checks: [{id: a, type: artifact, severity: block, on_unknown: warn,"
        " reason: 'says \"applies_to\": {}'}]",
    )
    assert governing(house, "churn") == ["builtin/moderate"]


def test_every_problem_of_a_scope_has_its_line(house: Org) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        publishes(
            house, "wide", "applies_to:\n  any:\n  - {field: model.colour, eq: red}\n  - {all: []}"
        )
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "line 6, applies_to.any[0].field",
        "line 7, applies_to.any[1].all",
    ]


CHECKED = "checks: [{id: a, type: artifact}]\nenforcement: "


def test_what_only_observes_can_not_be_given_to_an_exposed_model(house: Org) -> None:
    publishes(house, "soft", CHECKED + "observe")
    for where in ({"model": "credit"}, {"model": "credit", "environment": PRODUCTION}):
        with pytest.raises(EnforcementTooWeak):
            house.does("carol", partial(assign, name="soft", **where))
    house.does("carol", partial(assign, name="soft", model="credit", environment=STAGING))
    house.does("carol", partial(assign, name="soft", model="churn"))
    assert [check.enforcement for check in needs(house, "churn").checks] == ["observe"]
    assert [check.enforcement for check in needs(house, "credit", STAGING).checks] == ["observe"]


def test_what_reaches_an_exposed_model_by_itself_is_enforced(house: Org) -> None:
    publishes(house, "soft", CHECKED + "warn\napplies_to: {field: model.risk_tier, gte: 1}")
    assert [check.enforcement for check in needs(house, "churn").checks] == ["warn"]
    assert [check.enforcement for check in needs(house, "credit").checks] == ["block"]
