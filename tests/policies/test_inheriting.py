from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import PolicyInvalid, PolicyNotFound, PolicyWeakensParent
from modelwarden.policies.actions import lint, policy, prepare_policy, publish
from modelwarden.registry.lifecycle import Environment
from tests.registry.org import Org, org

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.policies.document import PolicyDocument
    from modelwarden.policies.policy import PolicyVersion

PARENT = """
schema: modelwarden.policy/v1
name: parent
owner: risk-office
approvals:
  humans: 2
  seats: [{role: approver}, {role: security_officer}]
  signature: personal
  order: sequential
  separate_deployer: true
  external: {github: required}
  expires_after: P30D
rollout: {needs: {staging: PT2H}}
checks:
  - {id: floor, type: metric, params: {metric: roc_auc, min: 0.75}, max_age: P30D}
  - {id: data, type: dataset, params: {roles: [training, test]}}
  - {id: scan, type: findings, params: {source: security, max: {critical: 0, high: 1}}, max_age: P7D}
  - {id: tier, type: field, params: {where: {field: model.risk_tier, gte: 2}}, severity: warn}
  - {id: chain, type: chain_verified}
environments:
  staging:
    approvals: {humans: 1, signature: personal}
    checks: {scan: {skip: scanned before production}}
"""
HEAD = "schema: modelwarden.policy/v1\nname: child\nextends: parent\n"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Org]:
    with org(tmp_path) as found:
        publishes(found, PARENT)
        yield found


def publishes(house: Org, text: str) -> PolicyVersion:
    return house.does("carol", partial(publish, document=prepare_policy(text)))


def linted(house: Org, text: str) -> PolicyDocument:
    return house.sees("carol", partial(lint, text=HEAD + text)).document


def test_a_child_says_only_what_differs(house: Org) -> None:
    child = linted(house, "approvals: {humans: 3, barred: [owner], void_on: [policy]}")
    assert child.extends == "parent@1"
    assert child.owner is None
    assert child.approvals.humans == 3
    assert child.approvals.signature == "personal"
    assert [seat.role for seat in child.approvals.seats] == ["approver", "security_officer"]
    assert set(child.approvals.void_on) == {"artifact", "datasets", "metrics", "policy"}
    assert [check.id for check in child.checks] == ["floor", "data", "scan", "tier", "chain"]
    staging = {c.id: c for c in child.checks_in(Environment.STAGING, policy="child@1")}
    assert staging["scan"].skip == "scanned before production"


def test_the_resolved_document_is_what_is_hashed_and_kept(house: Org) -> None:
    first = publishes(house, HEAD + "approvals: {humans: 2}")
    publishes(house, PARENT.replace("0.75", "0.8"))
    assert house.sees("carol", partial(policy, reference="child")).hash == first.hash
    again = publishes(house, HEAD + "approvals: {humans: 2}")
    assert (again.version, again.parsed.extends) == (2, "parent@2")
    floors = [
        v.parsed.checks_in(Environment.PRODUCTION, policy="")[0].params for v in (first, again)
    ]
    assert [params["min"] for params in floors] == [0.75, 0.8]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("approvals: {humans: 1, seats: [{role: approver}]}", "approvals.humans"),
        ("approvals: {humans: 2, seats: [{role: approver}]}", "approvals.seats"),
        ("approvals: {signature: any}", "approvals.signature"),
        ("approvals: {order: any}", "approvals.order"),
        ("approvals: {rejection: all_seats}", "approvals.rejection"),
        ("approvals: {separate_deployer: false}", "approvals.separate_deployer"),
        ("approvals: {external: {github: unused}}", "approvals.external.github"),
        ("approvals: {expires_after: P31D}", "approvals.expires_after"),
        ("approvals: {request_when: any}", "approvals.request_when"),
        ("enforcement: warn", "enforcement"),
        ("rollout: {needs: {staging: PT1H}}", "rollout.needs.staging"),
        ("checks: [{id: floor, severity: warn}]", "checks.floor.severity"),
        ("checks: [{id: floor, on_unknown: warn, reason: too new}]", "checks.floor.on_unknown"),
        ("checks: [{id: floor, max_age: P31D}]", "checks.floor.max_age"),
        ("checks: [{id: floor, params: {min: 0.74}}]", "checks.floor.params.min"),
        ("checks: [{id: floor, params: {metric: accuracy}}]", "checks.floor.params.metric"),
        ("checks: [{id: data, params: {roles: [test]}}]", "checks.data.params.roles"),
        ("checks: [{id: scan, params: {max: {high: 2}}}]", "checks.scan.params.max.high"),
        ("checks: [{id: chain, type: artifact}]", "checks.chain.type"),
        (
            "checks: [{id: tier, params: {where: {field: model.risk_tier, gte: 1}}}]",
            "checks.tier.params.where",
        ),
        (
            "environments: {staging: {approvals: {humans: 0}}}",
            "environments.staging.approvals.humans",
        ),
        (
            "environments: {staging: {checks: {floor: {skip: not now}}}}",
            "environments.staging.checks.floor.skip",
        ),
        (
            "environments: {staging: {checks: {floor: {params: {min: 0.5}}}}}",
            "environments.staging.checks.floor.params.min",
        ),
    ],
)  # fmt: skip
def test_a_child_may_not_be_weaker_unless_it_says_so(house: Org, text: str, path: str) -> None:
    with pytest.raises(PolicyWeakensParent) as caught:
        linted(house, text)
    assert path in {each.partition(":")[0] for each in caught.value.weaknesses}
    excuses = ", ".join(
        f"{{path: {each.partition(':')[0]}, reason: agreed in the review}}"
        for each in caught.value.weaknesses
    )
    assert linted(house, f"{text}\noverrides: [{excuses}]").overrides


@pytest.mark.parametrize(
    "text",
    [
        "approvals: {humans: 3, expires_after: P1D}",
        "approvals: {humans: 3, seats: [{role: approver}, {role: security_officer}, {role: owner}]}",
        "rollout: {needs: {staging: PT3H}}",
        "checks: [{id: floor, params: {min: 0.76, max: 0.99}, max_age: P1D}]",
        "checks: [{id: scan, params: {max: {high: 0, low: 5}}}]",
        "checks: [{id: tier, severity: block}]",
        "checks: [{id: mine, type: artifact}]",
        "environments: {staging: {approvals: {humans: 2}}}",
    ],
)
def test_a_child_may_add_and_tighten(house: Org, text: str) -> None:
    assert linted(house, text).extends == "parent@1"


def test_a_path_excuses_what_is_below_it_and_nothing_beside_it(house: Org) -> None:
    text = "approvals: {{signature: any}}\noverrides: [{{path: {}, reason: agreed}}]"
    assert linted(house, text.format("approvals")).approvals.signature == "any"
    with pytest.raises(PolicyWeakensParent):
        linted(house, text.format("approvals.sign"))


def test_problems_of_a_child_keep_their_lines(house: Org) -> None:
    with pytest.raises(PolicyInvalid, match=r"line 4, checks\[0\]\.params\.min"):
        linted(house, "checks: [{id: floor, params: {min: high}}]")
    with pytest.raises(PolicyInvalid, match="line 4, approvals"):
        linted(house, "approvals: [1]")
    with pytest.raises(PolicyInvalid, match=r"checks\.floor\.params\.min"):
        linted(house, "environments: {staging: {checks: {floor: {params: {min: high}}}}}")


def test_a_parent_has_to_exist_and_overrides_need_one(house: Org) -> None:
    for parent in ("parent@2", "nobody", "child"):
        with pytest.raises(PolicyNotFound):
            house.sees("carol", partial(lint, text=HEAD.replace("parent", parent)))
    with pytest.raises(PolicyInvalid, match="extends none"):
        house.sees(
            "carol",
            partial(lint, text=PARENT + "overrides: [{path: approvals, reason: just so}]"),
        )
    for wrong in ("[parent]", "1"):
        with pytest.raises(PolicyInvalid, match="line 3, extends"):
            house.sees(
                "carol", partial(lint, text=HEAD.replace("extends: parent", f"extends: {wrong}"))
            )


def test_a_preset_can_be_extended(house: Org) -> None:
    text = HEAD.replace("parent", "builtin/strict@1")
    assert house.sees("carol", partial(lint, text=text)).document.approvals.humans == 3
    with pytest.raises(PolicyWeakensParent):
        house.sees("carol", partial(lint, text=text + "approvals: {humans: 2, seats: []}"))


CAREFUL = """
schema: modelwarden.policy/v1
name: parent
approvals: {humans: 1, void_on: [policy]}
rollout:
  strategy: canary
  advance: manual
  steps: [{traffic: 5, bake: PT2H}, {traffic: 50, bake: PT1H}, {traffic: 100}]
  hold: {all: [{metric: error_rate, lte: 0.02}]}
rollback_when: {any: [{metric: error_rate, above_baseline: 0.01, on_unknown: rollback}]}
"""


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("rollout: {strategy: direct}", {"rollout.strategy"}),
        ("rollout: {strategy: blue_green}", {"rollout.strategy"}),
        ("rollout: {advance: automatic}", {"rollout.advance"}),
        ("rollout: {steps: [{traffic: 5, bake: PT3H}, {traffic: 100}]}", set()),
        ("rollout: {steps: [{traffic: 6, bake: PT9H}, {traffic: 100}]}", {"rollout.steps"}),
        ("rollout: {steps: [{traffic: 5, bake: PT1H}, {traffic: 100}]}", {"rollout.steps"}),
        ("rollout: {steps: [{traffic: 1}, {traffic: 5, bake: PT2H}, {traffic: 100}]}", {"rollout.steps"}),
        ("rollout: {hold: {all: [{metric: error_rate, lte: 0.01}]}}", set()),
        ("rollout: {hold: {all: [{metric: error_rate, lte: 0.03}]}}", {"rollout.hold"}),
        ("rollout: {hold: {all: [{metric: error_rate, lte: 0.02, for: PT1M}]}}", {"rollout.hold"}),
        ("rollback_when: {any: [{metric: latency, above: 1}]}", {"rollback_when"}),
        (
            "rollback_when: {any: [{metric: error_rate, above_baseline: 0.01}]}",
            {"rollback_when"},
        ),
    ],
)  # fmt: skip
def test_a_child_can_not_go_live_less_carefully_unseen(
    house: Org, text: str, paths: set[str]
) -> None:
    publishes(house, CAREFUL)
    if not paths:
        linted(house, text)
        return
    with pytest.raises(PolicyWeakensParent) as refused:
        linted(house, text)
    found = {problem.partition(":")[0] for problem in refused.value.weaknesses}
    staged = {f"environments.staging.{path}" for path in paths}
    assert found == paths | staged
    reason = ", ".join(f"{{path: {path}, reason: as agreed}}" for path in sorted(found))
    linted(house, f"{text}\noverrides: [{reason}]")


def test_staging_of_its_own_still_voids_on_all_that_the_parent_names(house: Org) -> None:
    publishes(house, CAREFUL)
    child = linted(house, "environments: {staging: {approvals: {humans: 1}}}")
    assert "policy" in child.approvals_in(Environment.STAGING).void_on


def test_two_steps_that_each_look_tighter_end_no_looser_than_where_they_began(house: Org) -> None:
    publishes(house, CAREFUL)
    first = HEAD + "rollout: {steps: [{traffic: 5, bake: PT4H}, {traffic: 100}]}"
    publishes(house, first)
    second = "schema: modelwarden.policy/v1\nname: grandchild\nextends: child\n"
    for steps in ("[{traffic: 100}]", "[{traffic: 50, bake: PT4H}, {traffic: 100}]"):
        with pytest.raises(PolicyWeakensParent):
            house.sees("carol", partial(lint, text=f"{second}rollout: {{steps: {steps}}}"))


GRAVE = """
schema: modelwarden.policy/v1
name: parent
approvals: {humans: 1}
severity:
  rules: [{signals: [psi, missing_rate], severity: SEV2, above: "0.4"}]
  unknown: SEV2
  wide_share: 3000
  guarded_tiers: [1, 2]
"""


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("rules: [{signals: [psi, missing_rate], severity: SEV1, above: '0.3'}]", None),
        ("rules: [{signals: [psi, missing_rate], severity: SEV2}]", None),
        ("rules: [{signals: [psi], severity: SEV1}]", "severity.rules"),
        ("rules: [{signals: [psi, missing_rate], severity: SEV3, above: '0.4'}]", "severity.rules"),
        ("rules: [{signals: [psi, missing_rate], severity: SEV2, above: '0.5'}]", "severity.rules"),
        ("rules: []", "severity.rules"),
        ("unknown: SEV3", "severity.unknown"),
        ("wide_share: 2999", None),
        ("wide_share: 3001", "severity.wide_share"),
        ("guarded_tiers: [1, 2, 3]", None),
        ("guarded_tiers: []", "severity.guarded_tiers"),
    ],
)
def test_a_child_can_not_make_signals_less_bad_unseen(
    house: Org, text: str, path: str | None
) -> None:
    publishes(house, GRAVE)
    if path is None:
        linted(house, f"severity: {{{text}}}")
        return
    with pytest.raises(PolicyWeakensParent) as refused:
        linted(house, f"severity: {{{text}}}")
    assert {words.partition(":")[0] for words in refused.value.weaknesses} == {path}
