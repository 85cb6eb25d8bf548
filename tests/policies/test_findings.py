from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import EvidenceInvalid
from modelwarden.policies.findings import GRADES, scan


def sarif(*results: dict[str, Any], **run: Any) -> str:  # noqa: ANN401  # any field
    rules = [
        {"id": "R1", "properties": {"security-severity": "9.8"}},
        {"id": "R2", "defaultConfiguration": {"level": "error"}},
        {"id": "R3"},
    ]
    driver = {"name": "bandit", "rules": rules}
    return json.dumps(
        {
            "version": "2.1.0",
            "runs": [{"tool": {"driver": driver}, "results": list(results), **run}],
        }
    )


def counted(text: str) -> dict[str, int]:
    return {grade: count for grade, count in scan(text).counts.items() if count}


@pytest.mark.parametrize(
    ("found", "grade"),
    [
        ({"ruleId": "R1", "level": "note"}, "critical"),
        ({"ruleIndex": 0}, "critical"),
        ({"ruleId": "R2"}, "high"),
        ({"ruleId": "R2", "level": "note"}, "low"),
        ({"ruleId": "R3"}, "medium"),
        ({"ruleId": "elsewhere"}, "medium"),
        ({"level": "error"}, "high"),
        ({"level": "shouting"}, "unknown"),
        ({"ruleId": "R3", "suppressions": [{"kind": "inSource"}]}, "medium"),
    ],
)
def test_a_sarif_result_counts_by_its_rule_or_level(found: dict[str, Any], grade: str) -> None:
    assert counted(sarif(found)) == {grade: 1}


def test_what_a_sarif_tool_says_passed_is_no_finding() -> None:
    assert (
        counted(sarif({"ruleId": "R1", "kind": "pass"}, {"ruleId": "R1", "kind": "notApplicable"}))
        == {}
    )
    assert set(scan(sarif()).counts) == set(GRADES)


def test_a_sarif_report_tells_its_tool_and_when_it_ended() -> None:
    found = scan(
        sarif(invocations=[{"executionSuccessful": True, "endTimeUtc": "2026-11-20T10:00:00Z"}])
    )
    assert (found.tool, found.at) == ("bandit", datetime(2026, 11, 20, 10, tzinfo=UTC))


def test_cyclonedx_takes_the_worst_rating_of_each_vulnerability() -> None:
    vulnerabilities = [
        {"id": "CVE-1", "ratings": [{"severity": "low"}, {"severity": "critical"}]},
        {"id": "CVE-2", "ratings": [{"severity": "odd"}, {"severity": "info"}]},
        {"id": "CVE-3", "analysis": {"state": "not_affected"}, "ratings": [{"severity": "high"}]},
        {"id": "CVE-4"},
    ]
    text = json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "vulnerabilities": vulnerabilities,
                       "metadata": {"timestamp": "2026-11-20T10:00:00+01:00"}})  # fmt: skip
    assert counted(text) == {"critical": 1, "low": 1, "high": 1, "unknown": 1}
    assert scan(text).at == datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "1", "nonsense", '{"runs": []}', '{"runs": [{}]}', '{"runs": [1]}', "[" * 100_000,
        '{"critical": 0, "severe": 1}', '{"critical": NaN}', '{"bomFormat": "CycloneDX"}',
        '{"bomFormat": "CycloneDX", "vulnerabilities": [1]}',
        sarif({"ruleId": "R1"}, invocations=[{"executionSuccessful": False}]),
        sarif({"ruleId": "R1"}, invocations=[{"endTimeUtc": "noon"}]),
        sarif({"ruleId": "R1"}, invocations=[{"endTimeUtc": "2026-11-20T10:00:00"}]),
        sarif().replace('"results": []', '"results": null'),
    ],
)  # fmt: skip
def test_what_is_no_finished_report_is_refused(text: str) -> None:
    with pytest.raises(EvidenceInvalid):
        scan(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["runs", "results", "tool", "driver", "name", "rules", "id", "ruleId", "ruleIndex", "level", "kind",
             "properties", "security-severity", "bomFormat", "vulnerabilities", "ratings", "severity", "invocations",
             "defaultConfiguration", "metadata", "timestamp"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON, st.booleans())
def test_any_json_is_read_or_refused(tree: Any, wrap: object) -> None:  # noqa: ANN401  # any JSON
    whole = {"runs": [tree]} if wrap else {"bomFormat": "CycloneDX", "vulnerabilities": [tree]}
    for each in (tree, whole):
        try:
            assert scan(json.dumps(each)).counts
        except EvidenceInvalid:
            continue
