"""Counts of a scanner's findings by severity, out of SARIF 2.1.0, CycloneDX or a plain JSON object. Pure.

Every finding counts, also one that the tool calls suppressed or not exploitable: that is a judgement of people, and
has its place in a waiver. One whose severity can't be told counts as `unknown`.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import EvidenceInvalid
from modelwarden.policies.predicate import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GRADES: Final = ("critical", "high", "medium", "low", "unknown")
"""Severities, worst first."""
LARGEST: Final = 1_000_000
SCORES: Final = (
    (Decimal(9), "critical"),
    (Decimal(7), "high"),
    (Decimal(4), "medium"),
    (Decimal(0), "low"),
)
"""Bands of a security-severity, as CVSS has them."""
LEVELS: Final[Mapping[str, str]] = {
    "error": "high",
    "warning": "medium",
    "note": "low",
    "none": "low",
}
"""What a SARIF level means where a rule has no score (SARIF 2.1.0 §3.27.10); without one it is `warning`."""
RATINGS: Final[Mapping[str, str]] = {"critical": "critical", "high": "high", "medium": "medium", "low": "low",
                                     "info": "low", "none": "low"}  # fmt: skip


class Scan(NamedTuple):
    """What a report says: counts by grade, and the tool and time where it names them."""

    counts: dict[str, int]
    tool: str | None = None
    at: datetime | None = None


def scan(text: str) -> Scan:
    """Return what a report counts. Raises EvidenceInvalid when it is of no form that is known."""
    if len(text) > LARGEST:
        raise EvidenceInvalid(f"a report of at most {LARGEST:,} characters")
    try:
        tree = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise EvidenceInvalid("the report is no JSON") from error
    try:
        return _scanned(tree)
    except (TypeError, AttributeError, KeyError) as error:
        raise EvidenceInvalid("the report breaks its own format") from error


def _scanned(tree: Any) -> Scan:  # noqa: ANN401  # any JSON
    if isinstance(tree, dict) and isinstance(tree.get("runs"), list):
        return _sarif(tree)
    if isinstance(tree, dict) and tree.get("bomFormat") == "CycloneDX":
        return _cyclonedx(tree)
    if isinstance(tree, dict) and tree and set(tree) <= set(GRADES):
        return Scan(tree)
    raise EvidenceInvalid('SARIF 2.1.0, CycloneDX, or an object such as {"critical": 0, "high": 2}')


def _sarif(tree: Mapping[str, Any]) -> Scan:
    if not tree["runs"]:
        raise EvidenceInvalid("a SARIF report without a run says nothing")
    counts: Counter[str] = Counter()
    ends = []
    for run in tree["runs"]:
        if not isinstance(run.get("results"), list):
            raise EvidenceInvalid("a SARIF run without results was never finished (§3.14.23)")
        counts.update(_sarif_grades(run))
        calls = run.get("invocations", [])
        if any(call.get("executionSuccessful") is False for call in calls):
            raise EvidenceInvalid("the scan says itself that it did not succeed")
        ends += [call["endTimeUtc"] for call in calls if "endTimeUtc" in call]
    tool = tree["runs"][0]["tool"]["driver"]["name"]
    return Scan(_all(counts), tool, min(map(_time, ends), default=None))


def _sarif_grades(run: Mapping[str, Any]) -> Iterator[str]:
    rules = run["tool"]["driver"].get("rules", [])
    by_id = {rule["id"]: rule for rule in rules}
    for result in run["results"]:
        if result.get("kind", "fail") in {"pass", "notApplicable", "informational"}:
            continue
        index = result.get("ruleIndex", -1)
        named = rules[index] if 0 <= index < len(rules) else {}
        rule = by_id.get(result.get("ruleId"), named)
        score = number(rule.get("properties", {}).get("security-severity"))
        default = rule.get("defaultConfiguration", {}).get("level", "warning")
        yield (
            next((grade for least, grade in SCORES if score >= least), "unknown")
            if score is not None
            else LEVELS.get(result.get("level", default), "unknown")
        )


def _cyclonedx(tree: Mapping[str, Any]) -> Scan:
    if not isinstance(tree.get("vulnerabilities"), list):
        raise EvidenceInvalid("a CycloneDX document without `vulnerabilities` was not scanned")
    counts: Counter[str] = Counter()
    for each in tree["vulnerabilities"]:
        grades = {
            RATINGS.get(rating.get("severity"), "unknown") for rating in each.get("ratings", [])
        }
        known = grades - {"unknown"} or grades
        counts[min(known, key=GRADES.index, default="unknown")] += 1
    at = tree.get("metadata", {}).get("timestamp")
    return Scan(_all(counts), None, None if at is None else _time(at))


def _all(counts: Mapping[str, int]) -> dict[str, int]:
    return {grade: counts.get(grade, 0) for grade in GRADES}


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise EvidenceInvalid("the report has a time that is none") from error
    if found.tzinfo is None:
        raise EvidenceInvalid("the report has a time without its zone")
    return found


def _refuse(_word: str) -> None:
    raise ValueError("NaN and infinity are no numbers")
