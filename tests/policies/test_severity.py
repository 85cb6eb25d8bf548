"""The severity section of a policy: read strictly, put before the program's own rules, recorded with what it made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import PolicyInvalid
from modelwarden.policies.document import parse, restored
from modelwarden.policies.governing import PolicyRef
from modelwarden.policies.severity import joined, severities
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.severity.built_in import severity_rules, signals_classified
from modelwarden.safeguards.severity.classify import Concern, classify
from modelwarden.safeguards.triggers.signal import SIGNALS
from modelwarden.values.ids import PolicyName
from tests.policies.sample import HEAD
from tests.safeguards.conftest import desk as desk  # noqa: PLC0414  # a fixture
from tests.safeguards.judges import SYSTEM, Judge

if TYPE_CHECKING:
    from modelwarden.policies.document import PolicyDocument
    from tests.safeguards.desk import Desk

BASE = f"{HEAD}approvals: {{humans: 1}}\n"
OWN = severity_rules()


def policy(section: str, name: str = "mine") -> PolicyDocument:
    return parse(f"{BASE}severity: {section}".replace("name: mine", f"name: {name}"))


def base(signal: str, value: float | None, *documents: PolicyDocument) -> str:
    said = [
        (PolicyRef(PolicyName(each.name), 3, each.hash), each.severity)
        for each in documents
        if each.severity is not None
    ]
    return classify(Concern(signal, value, 2_000, 3), joined(OWN, said)).base.value


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("{rules: [{signals: [psy], severity: SEV1}]}", "no signals psy"),
        ("{rules: [{signals: [], severity: SEV1}]}", "at least 1 item"),
        ("{rules: [{signals: [psi], severity: SEV5}]}", "Input should be 'SEV1'"),
        ("{rules: [{signals: [psi], severity: SEV1, above: 0.4}]}", "valid string"),
        ("{rules: [{signals: [psi], severity: SEV1, above: 'nan'}]}", "should match pattern"),
        ("{rules: [{signals: [psi], severity: SEV1, above: '-1'}]}", "should match pattern"),
        ("{wide_share: 10001}", "less than or equal to 10000"),
        ("{wide_share: '5000'}", "valid integer"),
        ("{highest_tiers: [5]}", "less than or equal to 4"),
        ("{rules: [{signals: [psi], severity: SEV1, below: '1'}]}", "an unknown key"),
        ("{severest: SEV1}", "an unknown key"),
    ],
)
def test_what_it_may_not_say_is_refused(section: str, words: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        policy(section)
    assert words in " ".join(caught.value.problems)


def test_every_signal_can_be_named() -> None:
    assert set(SIGNALS) <= signals_classified()
    found = ", ".join(sorted(signals_classified()))
    assert policy(f"{{rules: [{{signals: [{found}], severity: SEV4}}]}}").severity is not None


def test_its_rules_stand_instead_of_the_programs_for_the_signals_that_it_names() -> None:
    mine = policy(
        "{rules: [{signals: [psi], severity: SEV1, above: '0.4'}, {signals: [psi], severity: SEV4}]}"
    )
    assert [base("psi", value, mine) for value in (0.6, 0.41, 0.3)] == ["SEV1", "SEV1", "SEV4"]
    assert [base("psi", value) for value in (0.6, 0.41, 0.3)] == ["SEV2", "SEV3", "SEV3"]
    assert base("error_rate", 0.2, mine) == base("error_rate", 0.2) == "SEV2"
    assert restored(mine.text).severity == mine.severity


def test_of_several_policies_the_gravest_counts() -> None:
    mild = policy("{rules: [{signals: [psi, latency], severity: SEV4}], wide_share: 9000}", "mild")
    hard = policy("{rules: [{signals: [psi], severity: SEV2}], wide_share: 1000}", "hard")
    assert base("psi", 0.6, mild, hard) == base("psi", 0.6, hard, mild) == "SEV2"
    assert base("latency", 0.2, mild, hard) == "SEV2", (
        "the other says nothing else than the program"
    )
    both = [
        (PolicyRef(PolicyName(each.name), 1, each.hash), each.severity) for each in (mild, hard)
    ]
    found = joined(OWN, [(ref, section) for ref, section in both if section is not None])
    assert (found.wide_share, found.policies) == (1_000, (("mild", 1), ("hard", 1)))


def test_a_document_without_the_section_keeps_its_hash() -> None:
    assert "severity" not in parse(BASE).text


def test_a_trigger_is_classified_by_the_policy_that_governs_and_says_so(desk: Desk) -> None:
    judge = Judge(desk)
    root = desk.acting("root").policies
    root.publish(
        f"{BASE}severity: {{rules: [{{signals: [error_rate], severity: SEV4}}], wide_share: 10000}}"
    )
    root.publish(
        f"{BASE}severity: {{rules: [{{signals: [error_rate], severity: SEV3}}], wide_share: 10000}}"
    )
    root.assign("mine", model="churn")
    judge.set()
    for _ in range(2):
        judge.window(ok=800, failed=200)
    (fired,) = judge.fired()
    assert fired.severity == "SEV3"
    (fact,) = (fact for fact in judge.told("severity.classified") if fact.get("firing"))
    assert (fact["base"], fact["policies"], fact["policy_versions"]) == ("SEV3", ["mine"], [2])
    assert [each["severity"] for each in judge.told("trigger.fired")] == ["SEV3"]


def test_a_policy_of_one_environment_says_nothing_of_another(desk: Desk) -> None:
    root = desk.acting("root").policies
    root.publish(f"{BASE}severity: {{unknown: SEV1}}")
    root.assign("mine", model="churn", environment="staging")
    for environment, expected in ((Environment.STAGING, "SEV1"), (Environment.PRODUCTION, "SEV3")):
        found = desk.warden.view(SYSTEM, lambda view, at=environment: severities(view, "churn", at))
        assert found.unknown == expected


def test_a_setting_that_names_no_policy_keeps_nothing_from_being_told(desk: Desk) -> None:
    object.__setattr__(desk.warden.store.around.settings, "default_policy", "nobody-wrote-it")
    judge = Judge(desk)
    judge.set()
    for _ in range(2):
        judge.window(ok=800, failed=200)
    assert len(judge.fired()) == 1
