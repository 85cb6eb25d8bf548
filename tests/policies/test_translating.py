"""Configuration of the source documents as a policy: what it becomes, what can't be said, and hostile files (POL-8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import CheckUnknownType, PolicyInvalid
from modelwarden.policies.document import draft, parse
from modelwarden.policies.source_files import read_source
from modelwarden.policies.translating import translate

GUIDE = """\
governance:
  compliance_level: "moderate"
  required_approvers: 2
  approval_roles:
    - ml_engineer
    - data_scientist
    - product_owner
  auto_approval_conditions:
    performance_improvement: 0.05
    no_security_issues: true
compliance:
  regulations:
    gdpr_compliance: true
    sox_compliance: false
  documentation:
    model_card_required: true
    data_sheet_required: false
  audit:
    log_all_changes: true
    change_approval_required: true
    periodic_audits: "quarterly"
"""
FOUR_EYES = """\
immutable_audit:
  s3_worm_enabled: true
  s3_config:
    bucket_name: "desk-audit-worm"
    retention_years: 7
  kafka_enabled: true
  kafka_config:
    topic: "audit-stream"
model_lineage:
  enabled: true
  require_dataset_hashes: true
  require_reproducibility: true
release_approval:
  github_enabled: true
  servicenow_enabled: false
  approval_policies:
    MODEL_DEPLOYMENT:
      minimum_approvals: 2
      approval_groups: ["senior_developers", "risk_managers"]
"""
PYTHON = """\
from governance import GovernancePolicy, ComplianceLevel

custom_policy = GovernancePolicy(
    name="High-Risk Model Policy",
    description="Strict governance for high-risk ML models",
    compliance_level=ComplianceLevel.STRICT,
    required_approvers=3,
    approval_roles=["ml_engineer", "data_scientist", "product_owner", "security_officer"],
    auto_approve_conditions={
        "performance_improvement": 0.10,
        "passes_bias_tests": True,
    },
    deployment_strategy=DeploymentStrategy.CANARY,
    rollback_conditions={
        "error_rate_spike": 0.01,
        "performance_degradation": 0.02,
    },
)
framework.policies["high_risk"] = custom_policy
fairness_config = {
    "protected_attributes": ["age"],
    "bias_threshold": 0.1,
}
"""
PEOPLE = "required_approvers: [ada, bob]\n"


def problems(text: str, **more: object) -> tuple[str, ...]:
    with pytest.raises(PolicyInvalid) as refused:
        translate(text, **more)  # type: ignore[arg-type]
    return refused.value.problems


def test_every_key_without_a_counterpart_is_named_with_its_line() -> None:
    assert [each.partition(": ")[0] for each in problems(GUIDE)] == [
        "line 8, governance.auto_approval_conditions",
        "line 13, compliance.regulations.gdpr_compliance",
        "line 16, compliance.documentation.model_card_required",
        "line 21, compliance.audit.periodic_audits",
    ]
    assert [each.partition(": ")[0] for each in problems(FOUR_EYES)] == [
        "line 12, model_lineage.require_reproducibility"
    ]
    assert [each.partition(": ")[0] for each in problems(PYTHON)] == [
        "line 9, auto_approve_conditions",
        "line 20, fairness_config",
    ]


def test_what_is_left_out_by_name_stands_in_the_policy_as_a_comment() -> None:
    paths = [
        "governance.auto_approval_conditions",
        "compliance.regulations.gdpr_compliance",
        "compliance.documentation",
        "compliance.audit.periodic_audits",
    ]
    found = translate(GUIDE, name="guide", leave_out=paths)
    for path in paths:
        assert f"# left out: {path}\n" in found.text
    assert [note for note in found.notes if note.startswith("always")] == [
        "always so: compliance.audit.log_all_changes",
        "always so: compliance.audit.change_approval_required",
    ]
    assert draft(found.text).tree == {
        "schema": "modelwarden.policy/v1",
        "name": "guide",
        "extends": "builtin/moderate@2",
        "approvals": {
            "humans": 2,
            "seats": [
                {
                    "any": 2,
                    "of": [
                        {"role": "ml_engineer"},
                        {"role": "data_scientist"},
                        {"role": "product_owner"},
                    ],
                }
            ],
        },
        "overrides": [
            {
                "path": "approvals.seats",
                "reason": "as in the imported file, line 4, governance.approval_roles",
            }
        ],
    }
    assert problems(GUIDE, leave_out=[*paths, "compliance.audits"]) == (
        "line 1: nothing to leave out at compliance.audits",
    )


def test_four_eyes_copies_and_other_systems() -> None:
    found = translate(FOUR_EYES, leave_out=["model_lineage.require_reproducibility"])
    document = parse(found.text)
    assert [seat.role for seat in document.approvals.seats] == [
        "senior_developers",
        "risk_managers",
    ]
    assert (document.approvals.humans, document.approvals.systems) == (2, {"github"})
    assert [(check.id, check.type, check.severity) for check in document.checks] == [
        ("data", "dataset", "block")
    ]
    assert found.settings == (
        "sinks:",
        "  - s3://desk-audit-worm/ledger?region=REGION&name=s3",
        "  - kafka://HOST:9092/audit-stream",
    )
    assert "Object Lock at 7 years" in found.notes[0]


def test_a_policy_in_python_is_read_and_never_run() -> None:
    found = translate(PYTHON, leave_out=["auto_approve_conditions", "fairness_config"])
    assert found.name == "high-risk-model-policy"
    assert found.text.startswith("# Strict governance for high-risk ML models\n# left out: ")
    tree = draft(found.text).tree
    assert tree["extends"] == "builtin/strict@3"
    assert tree["rollout"] == {"strategy": "canary"}
    assert tree["rollback_when"] == {
        "any": [
            {"metric": "error_rate", "above_baseline": 0.01},
            {"metric": "latency", "above_baseline_times": 1.02},
        ]
    }


def test_a_named_strategy_less_careful_than_the_preset_s_is_an_override_that_says_so() -> None:
    text = "compliance_level: strict\nrequired_approvers: 1\ndeployment_strategy: blue-green\n"
    overrides = {
        each["path"]: each["reason"] for each in draft(translate(text).text).tree["overrides"]
    }
    assert overrides["approvals.humans"].endswith("line 2, required_approvers")
    assert overrides["rollout.strategy"].endswith("line 3, deployment_strategy")


def test_names_are_people_and_more_people_than_roles_are_a_seat_each() -> None:
    people = parse(translate(PEOPLE).text).approvals
    assert ([seat.person for seat in people.seats], people.humans) == (["ada", "bob"], 2)
    more = parse(translate("required_approvers: 3\napproval_roles: [a, b]\n").text).approvals
    assert ([seat.role for seat in more.seats], more.humans) == (["a", "b"], 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: a mapping of keys to values"),
        ("[]", "line 1: a mapping of keys to values"),
        ("{}", "line 1: it says neither compliance_level nor how many have to agree"),
        ("required_approvers: 0", "line 1, required_approvers: a whole number from 1 to 20, or names"),
        ("required_approvers: true", "line 1, required_approvers: a whole number from 1 to 20, or names"),
        ("required_approvers: 2.0", "line 1, required_approvers: a whole number from 1 to 20, or names"),
        ("required_approvers: 99", "line 1, required_approvers: a whole number from 1 to 20, or names"),
        ("compliance_level: lax", "line 1, compliance_level: one of basic, moderate, strict"),
        (f"{PEOPLE}approval_roles: [a]", "line 2, approval_roles: who has to agree is said twice"),
        (
            "required_approvers: 1\napproval_roles: [a, a]",
            "line 2, approval_roles[1]: the role stands there twice",
        ),
        (
            f"{PEOPLE}governance: {{required_approvers: 1}}",
            "line 2, governance.required_approvers: how many have to agree is said twice",
        ),
        (f"{PEOPLE}deployment_strategy: teleport", "line 2, deployment_strategy: one of direct, "),
        (
            f"{PEOPLE}rollback_conditions: {{error_rate_spike: 1.5}}",
            "line 2, rollback_conditions.error_rate_spike: a part from 0 to 1",
        ),
        (
            f"{PEOPLE}rollback_conditions: {{error_rate_spike:}}",
            "line 2, rollback_conditions.error_rate_spike: a part from 0 to 1",
        ),
        (
            f"{PEOPLE}compliance: {{audit: {{log_all_changes: false}}}}",
            "line 2, compliance.audit.log_all_changes: it is always so here; take the line out",
        ),
        (
            f"{PEOPLE}release_approval: {{approval_policies: {{EMERGENCY: {{}}}}}}",
            "line 2, release_approval.approval_policies.EMERGENCY: no such key",
        ),
        (f"{PEOPLE}auto_approve: true", "line 2, auto_approve: no such key"),
        (
            f"{PEOPLE}immutable_audit: {{kafka_enabled: true}}",
            "line 2, immutable_audit.kafka_enabled: it needs kafka_config beside it",
        ),
        (
            f"{PEOPLE}immutable_audit: {{s3_worm_enabled: false, s3_config: {{bucket_name: abc}}}}",
            "line 2, immutable_audit.s3_config: s3_worm_enabled is not true; take one of them out",
        ),
        ("GovernancePolicy(required_approvers=1+1)", "line 1, required_approvers: a plain value"),
        ("GovernancePolicy(3)", "line 1: name each argument, as in required_approvers=2"),
        ("GovernancePolicy(**{})", "line 1, **: no such key"),
        ("GovernancePolicy(required_approvers=float('nan'))", "line 1, required_approvers: a plain"),
        ("GovernancePolicy(required_approvers=1e999)", "line 1, required_approvers: a plain value"),
        ("GovernancePolicy(", "line 1: not Python: "),
        ("x = GovernancePolicy(name='a')\ny = GovernancePolicy(name='b')", "line 1: one "),
        ("# GovernancePolicy(", "line 1: one GovernancePolicy(…) a file; there are 0"),
    ],
)  # fmt: skip
def test_what_can_not_be_said_is_refused(text: str, problem: str) -> None:
    assert any(each.startswith(problem) for each in problems(text)), problems(text)


@pytest.mark.parametrize(
    "text",
    [
        "GovernancePolicy(name=" + "(" * 5_000 + ")" * 5_000 + ")",
        "GovernancePolicy(name=" + "-" * 30_000 + "1)",
        "GovernancePolicy(name=a" + ".b" * 12_000 + ")",
        "GovernancePolicy(name=" + "[" * 150 + "]" * 150 + ")",
        "GovernancePolicy(name='\x00')",
        "GovernancePolicy(name='" + "x" * 40_000 + "')",
        "GovernancePolicy(name=f'{open(1)}')",
    ],
)
def test_hostile_python_is_refused(text: str) -> None:
    assert problems(text)


def test_a_description_can_not_write_keys_of_the_policy() -> None:
    text = 'required_approvers: 2\ndescription: "fine\\nenforcement: observe\\u2028extends: x"\n'
    found = translate(text)
    assert parse(found.text).enforcement == "block"
    assert draft(found.text).tree.keys() == {"schema", "name", "approvals"}


WORDS = st.sampled_from(
    ["governance", "name", "required_approvers", "approval_roles", "compliance_level", "strict", "compliance", "audit",
     "rollback_conditions", "error_rate_spike", "deployment_strategy", "canary", "immutable_audit", "s3_config", "x"]
)  # fmt: skip
TREES = st.recursive(
    st.one_of(WORDS, st.booleans(), st.none(), st.integers(-2, 30), st.floats(allow_nan=True)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=5)),
    max_leaves=12,
)


@given(TREES)
def test_any_tree_gives_a_policy_that_can_be_read_or_problems(tree: object) -> None:
    try:
        found = translate(_flow(tree))
    except PolicyInvalid:
        return
    draft(found.text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for given_text in (text, f"GovernancePolicy({text})"):
        try:
            read_source(given_text)
        except (PolicyInvalid, CheckUnknownType):
            continue


def _flow(tree: object) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(_flow(item) for item in tree) + "]"
    return (
        {True: "true", False: "false", None: "null"}.get(tree, f"{tree}")
        if isinstance(tree, bool | None)
        else f"{tree}"
    )
