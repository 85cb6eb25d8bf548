from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import PolicyInvalid
from modelwarden.policies.built_in import built_in, editions
from modelwarden.policies.governing import assign_payload, join, publish_payload
from modelwarden.policies.inheriting import weaknesses
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.ids import ModelName
from tests.policies.sample import governs, policy

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION
APPROVER = ("role:approver",)


def preset(
    name: str, environment: Environment
) -> tuple[int, tuple[tuple[str, ...], ...], str, int, bool]:
    version = built_in()[f"builtin/{name}"]
    found = join([(version.ref, version.parsed)], environment)
    return (
        found.humans,
        found.places,
        found.signature,
        found.expires_after.days,
        found.separate_deployer,
    )


def test_the_presets_ask_what_their_table_says() -> None:
    assert preset("basic", PRODUCTION) == (1, (APPROVER,), "any", 90, False)
    assert preset("basic", STAGING) == (0, (), "any", 90, False)
    assert preset("moderate", PRODUCTION) == (2, (APPROVER,) * 2, "any", 60, False)
    assert preset("moderate", STAGING) == (1, (APPROVER,), "any", 60, False)
    assert preset("strict", PRODUCTION) == (3, (APPROVER,) * 3, "personal", 30, True)
    assert preset("strict", STAGING) == (1, (APPROVER,), "personal", 30, False)


def test_the_presets_never_change_under_their_hash() -> None:
    assert {each.id: each.hash[:16] for of in editions().values() for each in of} == {
        "builtin/basic@1": "7dba7f463633149f",
        "builtin/moderate@1": "de883bcd26fbad5a",
        "builtin/strict@1": "fdc1e868c9608ac6",
        "builtin/basic@2": "c564969a8300a71e",
        "builtin/moderate@2": "e521187629aa20da",
        "builtin/strict@2": "bd8d92f1c405e1cd",
        "builtin/strict@3": "69e0e43de3fdc395",
    }


def test_an_edition_is_no_weaker_than_the_one_before() -> None:
    for of in editions().values():
        for newer, before in itertools.pairwise(of):
            assert weaknesses(newer.parsed, before.parsed) == ()


def test_an_edition_differs_from_the_one_before() -> None:
    hashes = [each.hash for of in editions().values() for each in of]
    assert len(set(hashes)) == len(hashes)


def rolled(name: str, environment: Environment) -> tuple[str, list[tuple[int, int]]]:
    version = built_in()[f"builtin/{name}"]
    course = join([(version.ref, version.parsed)], environment).course
    hours = [(step.traffic, int(step.bake.total_seconds()) // 3600) for step in course.steps]
    return course.strategy.value, hours


def test_the_presets_go_live_as_their_table_says() -> None:
    assert rolled("basic", PRODUCTION) == ("direct", [(100, 0)])
    assert rolled("moderate", PRODUCTION) == ("canary", [(5, 24), (25, 1), (100, 0)])
    assert rolled("strict", PRODUCTION) == ("canary", [(5, 72), (25, 24), (100, 0)])
    for name in ("basic", "moderate", "strict"):
        assert rolled(name, STAGING) == ("direct", [(100, 0)])


def checked(name: str, environment: Environment) -> dict[str, tuple[str, str, bool]]:
    version = built_in()[f"builtin/{name}"]
    found = join([(version.ref, version.parsed)], environment).checks
    return {each.id: (each.severity, each.on_unknown, each.skip is not None) for each in found}


def test_the_presets_check_what_their_table_says() -> None:
    warned, stops = ("warn", "warn", False), ("block", "block", False)
    assert checked("basic", PRODUCTION) == {"data": warned}
    assert checked("moderate", PRODUCTION) == {
        "data": warned,
        "stop.drill": ("block", "warn", False),
    }
    assert checked("strict", PRODUCTION) == dict.fromkeys(("artifact", "data", "stop.drill"), stops)
    assert checked("strict", STAGING)["stop.drill"] == ("block", "block", True)
    assert checked("moderate", STAGING)["stop.drill"] == ("block", "warn", True)


def test_of_each_sort_of_seat_the_most_is_taken_and_never_the_sum() -> None:
    a = policy("{humans: 2, seats: [{any: 2, of: [{role: approver}]}]}", name="a")
    b = policy("{humans: 2, seats: [{role: approver}, {role: security_officer}]}", name="b")
    found = join([governs(b), governs(a)], PRODUCTION)
    assert found.places == (APPROVER, APPROVER, ("role:security_officer",))
    assert found.humans == 3
    assert [ref.name for ref in found.policies] == ["a", "b"]


def test_two_equal_seats_of_one_policy_take_two_people() -> None:
    found = join([governs(policy("{humans: 2, seats: [{role: a}, {role: a}]}"))], PRODUCTION)
    assert [rule.any for rule in found.seats] == [2]


def test_humans_beyond_the_seats_are_approvers() -> None:
    found = join([governs(policy("{humans: 3, seats: [{role: security_officer}]}"))], PRODUCTION)
    assert found.places == (APPROVER, APPROVER, ("role:security_officer",))


def test_the_order_of_a_quorum_means_nothing() -> None:
    a = policy("{humans: 1, seats: [{any: 1, of: [{role: x}, {person: per_Y}]}]}", name="a")
    b = policy("{humans: 1, seats: [{any: 1, of: [{person: per_Y}, {role: x}]}]}", name="b")
    assert join([governs(a), governs(b)], PRODUCTION).places == (("person:per_Y", "role:x"),)


def test_the_tightest_of_each_holds() -> None:
    a = policy(
        "{humans: 1, expires_after: P10D, due: P3D, signature: personal}",
        name="a",
        rollout="{needs: {staging: PT1H}}",
    )
    b = policy(
        "{humans: 1, void_on: [policy], separate_deployer: true}",
        name="b",
        rollout="{needs: {staging: P1D}}",
    )
    found = join([governs(a), governs(b)], PRODUCTION)
    assert found.expires_after == timedelta(days=10)
    assert found.due == timedelta(days=3)
    assert found.signature == "personal"
    assert found.separate_deployer
    assert found.needs_staging == timedelta(days=1)
    assert found.void_on == {"artifact", "datasets", "metrics", "policy"}
    assert found.barred == {"committer", "owner", "registrant", "requester", "trainer"}
    assert join([governs(a), governs(b)], STAGING).needs_staging is None


COUNTS = st.fixed_dictionaries({"approver": st.integers(0, 3), "officer": st.integers(0, 3)})


@given(st.lists(COUNTS, min_size=1, max_size=4), st.integers(1, 8))
def test_joining_never_asks_for_less_than_one_of_them(
    wanted: list[dict[str, int]], humans: int
) -> None:
    documents = []
    for number, counts in enumerate(wanted):
        seats = [f"{{any: {n}, of: [{{role: {role}}}]}}" for role, n in counts.items() if n]
        least = max(humans if number == 0 else 1, sum(counts.values()))
        documents.append(
            policy(f"{{humans: {least}, seats: [{', '.join(seats)}]}}", name=f"p{number}")
        )
    found = join([governs(document) for document in documents], PRODUCTION)
    assert found.humans == len(found.places)
    assert found == join([governs(document) for document in reversed(documents)], PRODUCTION)
    for document, counts in zip(documents, wanted, strict=True):
        assert found.humans >= document.approvals.humans
        for role, n in counts.items():
            assert found.places.count((f"role:{role}",)) >= n


def test_a_payload_names_exactly_what_was_approved() -> None:
    churn = ModelName("churn")
    payloads = {
        publish_payload("a", "0" * 64),
        publish_payload("a", "1" * 64),
        publish_payload("b", "0" * 64),
        assign_payload("a", model=None, environment=None),
        assign_payload("a", model=churn, environment=None),
        assign_payload("a", model=churn, environment=STAGING),
        assign_payload("a", model=churn, environment=PRODUCTION),
    }
    assert len(payloads) == 7


def test_another_system_that_one_policy_requires_is_required() -> None:
    one = policy("{humans: 1, external: {github: unused, servicenow: required}}", name="a")
    other = policy("{humans: 1, external: {github: required}}", name="b")
    plain = policy("{humans: 1}", name="c")
    for order in itertools.permutations([governs(one), governs(other), governs(plain)]):
        assert join(order, PRODUCTION).systems == ("github", "servicenow")
    assert join([governs(plain)], PRODUCTION).systems == ()


@pytest.mark.parametrize(
    "written", ["{github: maybe}", "{gitlab: required}", "{github: true}", "[]"]
)
def test_another_system_is_one_that_the_program_can_read(written: str) -> None:
    with pytest.raises(PolicyInvalid):
        policy(f"{{humans: 1, external: {written}}}")
