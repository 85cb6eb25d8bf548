from __future__ import annotations

import hashlib
import json

import pytest

from modelwarden.errors import CheckUnknownType, PolicyInvalid
from modelwarden.policies.document import named_persons, parse, restored, with_persons
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.canonical import encode_any
from modelwarden.values.ids import PersonId
from tests.policies.sample import HEAD, policy

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(PolicyInvalid) as caught:
        parse(text)
    return caught.value.problems


@pytest.mark.parametrize(
    ("approvals", "words"),
    [
        ("{}", "approvals.humans: Field required"),
        ("{humans: 0}", "production needs at least one human"),
        ("{humans: true}", "valid integer"),
        ("{humans: '2'}", "valid integer"),
        ("{humans: 2.0}", "valid integer"),
        ("{humans: 21}", "less than or equal to 20"),
        ("{humans: 1, seats: [{role: a}, {role: b}]}", "the seats take 2 people"),
        ("{humans: 1, seats: [{any: 2, of: [{role: a}]}]}", "the seats take 2 people"),
        ("{humans: 1, seats: [{group: 'A B'}]}", "should match pattern"),
        (
            "{humans: 1, seats: [{group: a, role: b}]}",
            "a group beside a role or person takes over at",
        ),
        ("{humans: 1, seats: [{}]}", "a seat is one role, person or group"),
        ("{humans: 1, seats: [{role: a, person: b}]}", "a seat is one role, person or group"),
        ("{humans: 1, seats: [{any: 1}]}", "a seat is one role, person or group"),
        ("{humans: 1, seats: [{of: [{role: a}]}]}", "a seat is one role, person or group"),
        ("{humans: 1, seats: [{any: 1, of: []}]}", "`of` names nobody"),
        ("{humans: 1, seats: [{any: 0, of: [{role: a}]}]}", "greater than or equal to 1"),
        ("{humans: 2, seats: [{any: 2, of: [{role: a}, {role: a}]}]}", "twice"),
        ("{humans: 2, seats: [{any: 2, of: [{person: bob}]}]}", "more people than `of` names"),
        ("{humans: 1, seats: [{role: 'Big Boss'}]}", "should match pattern"),
        ("{humans: 1, barred: [boss]}", "Input should be 'committer'"),
        ("{humans: 1, void_on: [weather]}", "Input should be 'artifact'"),
        ("{humans: 1, expires_after: P1Y}", "no years, no months"),
        ("{humans: 1, expires_after: PT0S}", "longer than nothing"),
        ("{humans: 1, expires_after: P366D}", "at most P365D"),
        ("{humans: 1, signature: none}", "Input should be 'personal' or 'any'"),
        ("{humans: 1, order: backwards}", "Input should be 'any' or 'sequential'"),
        ("{humans: 1, rejection: most}", "Input should be 'any' or 'all_seats'"),
        ("{humans: 1, on_timeout: approve}", "Input should be 'expire' or 'reject'"),
    ],
)
def test_approvals_that_break_a_rule_are_refused(approvals: str, words: str) -> None:
    (problem,) = problems(f"{HEAD}approvals: {approvals}")
    assert words in problem
    assert problem.startswith("line ")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("extends: builtin/basic", "line 4, extends: its parent is not known here"),
        ("audit: {every: P3M}", "line 4, audit: this release can't enforce it"),
        ("auto_approval: {enabled: true, seat: a}", "auto_approval.when: Field required"),
        ("auto_approval: {seat: a, when: {all: []}}", "auto_approval.when.all: Tuple should have"),
        ("auto_approval: {seat: a, when: {all: [{check: b}]}}", "no seat of its own is for role a"),
        ("auto_approve: true", "line 4, auto_approve: an unknown key"),
        ("enforcement: shout", "Input should be 'observe', 'warn' or 'block'"),
        ("rollout: {strategy: teleport}", "Input should be 'direct', 'shadow'"),
        ("rollout: {needs: {staging: soon}}", "no years, no months"),
        ("environments: {production: {}}", "environments.production: an unknown key"),
        (
            "environments: {staging: {rollout: {needs: {staging: PT1H}}}}",
            "staging can't wait for staging",
        ),
        ("environments: {staging: {approvals: {humans: -1}}}", "greater than or equal to 0"),
        ("checks: {}", "checks: Input should be a valid array"),
    ],
)
def test_a_key_that_could_not_be_enforced_is_refused(line: str, words: str) -> None:
    (problem,) = problems(f"{HEAD}approvals: {{humans: 1}}\n{line}")
    assert words in problem


def test_every_problem_is_listed_with_path_and_line() -> None:
    found = problems(f"{HEAD}extends: x\napprovals:\n  humans: yes\n  seats:\n  - boss: a\nfoo: 1")
    assert [problem.partition(":")[0] for problem in found] == [
        "line 5, approvals.humans",
        "line 3, extends",
        "line 5, approvals.humans",
        "line 7, approvals.seats[0].boss",
        "line 8, foo",
    ]


@pytest.mark.parametrize("text", ["", "[]", "a", "null"])
def test_a_document_is_a_mapping(text: str) -> None:
    assert problems(text) == ("line 1: a policy is a mapping of keys to values",)


@pytest.mark.parametrize("name", ["Mine", "", "a b", "other/basic", "builtin/", "a/b"])
def test_a_policy_has_a_name_by_pattern(name: str) -> None:
    assert (
        "name"
        in problems(f"schema: modelwarden.policy/v1\nname: '{name}'\napprovals: {{humans: 1}}")[0]
    )


def test_another_schema_is_refused() -> None:
    assert "modelwarden.policy/v1" in problems("schema: v2\nname: a\napprovals: {humans: 1}")[0]


def test_a_check_type_that_is_not_installed_is_refused() -> None:
    words = r"line 4, checks\[0\]\.type: expr; line 4, checks\[1\]\.type: fairness; there are artifact, "
    with pytest.raises(CheckUnknownType, match=words):
        parse(f"{HEAD}approvals: {{humans: 1}}\nchecks: [{{type: expr}}, {{type: fairness}}]")


def test_the_hash_is_of_the_resolved_document() -> None:
    short = policy("{humans: 1}")
    long = parse(
        json.dumps(
            {
                "environments": {"staging": {}},
                "approvals": {
                    "seats": [], "humans": 1, "barred": ["owner"], "void_on": [], "order": "any",
                    "expires_after": "P30D", "signature": "any", "separate_deployer": False,
                },
                "name": "mine", "schema": "modelwarden.policy/v1", "checks": [], "enforcement": "block",
            }
        )
    )  # fmt: skip
    assert short.text == long.text
    assert short.hash == hashlib.sha256(encode_any(json.loads(short.text))).hexdigest()
    assert restored(short.text).hash == short.hash
    assert policy("{humans: 2}").hash != short.hash


def test_barred_and_void_on_only_grow() -> None:
    found = json.loads(policy("{humans: 1, barred: [], void_on: [policy]}").text)["approvals"]
    assert found["barred"] == ["committer", "owner", "registrant", "requester", "trainer"]
    assert found["void_on"] == ["artifact", "datasets", "metrics", "policy"]


def test_staging_is_as_production_unless_replaced() -> None:
    same = policy("{humans: 2}", rollout="{needs: {staging: PT1H}}")
    assert same.approvals_in(STAGING) == same.approvals
    assert same.rollout_in(STAGING).needs.staging is None
    assert same.rollout_in(PRODUCTION).needs.staging == "PT1H"
    lighter = policy("{humans: 2}", staging="{approvals: {humans: 0}}")
    assert lighter.approvals_in(STAGING).humans == 0
    assert lighter.approvals_in(PRODUCTION).humans == 2


def test_people_are_kept_by_their_random_ids() -> None:
    document = policy(
        "{humans: 2, seats: [{person: bob}, {any: 1, of: [{person: carol}, {role: a}]}]}",
        staging="{approvals: {humans: 1, seats: [{person: dave}]}}",
    )
    assert named_persons(document) == {"bob", "carol", "dave"}
    final = with_persons(
        document, {n: PersonId(f"per_{n.upper()}") for n in ("bob", "carol", "dave")}
    )
    assert named_persons(final) == {"per_BOB", "per_CAROL", "per_DAVE"}
    assert "bob" not in final.text
    assert final.hash != document.hash


def test_two_names_of_one_person_are_no_two_seats() -> None:
    document = policy("{humans: 2, seats: [{any: 2, of: [{person: bob}, {person: bob2}]}]}")
    with pytest.raises(PolicyInvalid, match="twice"):
        with_persons(document, {"bob": PersonId("per_BOB"), "bob2": PersonId("per_BOB")})
