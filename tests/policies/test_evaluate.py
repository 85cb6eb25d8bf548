from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.policies.check import Check, Exhibit, Situation, situation
from modelwarden.policies.check_run import read_results
from modelwarden.policies.evaluate import TYPES, evaluate, what_was_read
from modelwarden.policies.result import Outcome, Result, results_text
from modelwarden.values.clock import timestamp

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINE, THEIRS = "churn@2", "churn@1"
DAY = timedelta(days=1)


def exhibit(kind: str, value: Any, **more: Any) -> Exhibit:  # noqa: ANN401  # any value
    age = more.pop("age", DAY)
    found = {"id": "evi_1", "version": MINE, "produced_at": timestamp(NOW - age), **more}
    return Exhibit(kind=kind, value=value, **found)


def figure(value: object, *, data: str = "a", **more: object) -> Exhibit:
    part = value if isinstance(value, dict) else {"value": value}
    found = {"metrics": {"roc_auc": part}, "dataset": data, "dataset_role": "test"}
    return exhibit("metric", found, **more)


def drill(*, passed: object = True, place: str = "staging", confirm: object = 900) -> Exhibit:
    value = {"environment": place, "passed": passed, "detect_ms": 100, "confirm_ms": confirm}
    return exhibit("drill", value, version="")


def findings(**counts: Any) -> Exhibit:  # noqa: ANN401  # any value
    return exhibit("findings", {"source": "security", "counts": counts})


def said(evidence: str, by: str, **more: str) -> Exhibit:
    value = {"statement": "valid", "role": "validator", "by": by, **more}
    return exhibit("attestation", value, id=evidence)


def ran(**value: str) -> Exhibit:
    return exhibit("lineage", {"datasets": ["sha256:2"], **value})


BYTES_READ = exhibit("artifact_digest", {"sha256": "a"}, id="artifact:a")


def check(type: str, params: dict[str, Any] | None = None, **more: Any) -> Check:  # noqa: A002, ANN401  # any field
    return Check(policy="mine@1", id="it", type=type, params=params or {}, **more)


def result(asked: Check, *exhibits: Exhibit, **more: Any) -> Result:  # noqa: ANN401  # any field
    (found,) = evaluate([asked], Situation(version=MINE, exhibits=exhibits, **more), now=NOW)
    return found


FLOOR = check("metric", {"metric": "roc_auc", "min": 0.75, "max": 0.99})
GAIN = check("metric_delta", {"metric": "roc_auc", "baseline": "live", "min": 0.02})
TIER = check("field", {"where": {"field": "model.risk_tier", "gte": 2}})
BYTES = check("artifact", {"trust": "verified"})
DATA = check("dataset", {"roles": ["training", "test"]})
SCAN = check("findings", {"source": "security", "max": {"critical": 0, "high": 1}})
DRILL = check("drill", {"environment": "staging", "max_confirm": "PT1S"})
CHAIN = check("chain_verified")
SAID = check("attestation", {"statement": "valid", "by_role": "validator", "reviewed": True})
MADE = check("lineage")
RUN = {"run": "run-7", "code": "9f2c1e0", "artifact": "a", "environment": "sha256:1"}
OF_RUN = {
    "fields": {"version.run": "run-7", "version.source_commit": "9f2c1e0"},
    "datasets": {"training": ("blake3:1", "sha256:2")},
}
BASE = {"baselines": {"live": THEIRS}}
PASSING: list[tuple[Check, tuple[Exhibit, ...], dict[str, Any]]] = [
    (FLOOR, (figure("0.75"),), {}),
    (GAIN, (figure("0.80"), figure("0.78", version=THEIRS)), BASE),
    (TIER, (), {"fields": {"model.risk_tier": 2}}),
    (BYTES, (), {"fields": {"version.trust": "verified"}}),
    (DATA, (), {"datasets": {"training": ("blake3:1",), "test": ("blake3:2",)}}),
    (SCAN, (findings(critical=0, high=1),), {}),
    (DRILL, (drill(),), {}),
    (CHAIN, (exhibit("ledger_verification", {"intact": True}, version=""),), {}),
    (SAID, (said("evi_1", "ann"), said("evi_2", "ben", reviews="evi_1")), {}),
    (MADE, (ran(**RUN), BYTES_READ), OF_RUN),
]
FAILING: list[tuple[Check, tuple[Exhibit, ...], dict[str, Any]]] = [
    (FLOOR, (figure("0.7499999999999999"),), {}),
    (FLOOR, (figure("0.991"),), {}),
    (GAIN, (figure("0.7999"), figure("0.78", version=THEIRS)), BASE),
    (TIER, (), {"fields": {"model.risk_tier": 1}}),
    (SCAN, (findings(critical=1, high=0),), {}),
    (SCAN, (findings(critical=0, high=2),), {}),
    (DRILL, (drill(passed=False),), {}),
    (DRILL, (drill(confirm=1_001),), {}),
    (DRILL, (drill(confirm=None),), {}),
    (CHAIN, (exhibit("ledger_verification", {"intact": False}, version=""),), {}),
    (MADE, (ran(**(RUN | {"artifact": "b"})), BYTES_READ), OF_RUN),
    (MADE, (ran(**(RUN | {"code": "0000000"})), BYTES_READ), OF_RUN),
]


def test_every_type_is_tried_here() -> None:
    assert {asked.type for asked, *_ in PASSING} == set(TYPES)


@pytest.mark.parametrize(("asked", "exhibits", "more"), PASSING)
def test_a_check_passes_on_its_limit(
    asked: Check, exhibits: tuple[Exhibit, ...], more: dict[str, Any]
) -> None:
    found = result(asked, *exhibits, **more)
    assert found.outcome is Outcome.PASS
    assert found.evidence == tuple(each.id for each in exhibits)
    assert found.atoms
    assert not found.blocks


@pytest.mark.parametrize(("asked", "exhibits", "more"), FAILING)
def test_a_check_fails_past_its_limit(
    asked: Check, exhibits: tuple[Exhibit, ...], more: dict[str, Any]
) -> None:
    found = result(asked, *exhibits, **more)
    assert found.outcome is Outcome.FAIL
    assert found.fails
    assert found.blocks
    assert found.atoms


@pytest.mark.parametrize("asked", [asked for asked, *_ in PASSING])
def test_nothing_known_is_unknown_and_says_what_to_do(asked: Check) -> None:
    found = result(asked)
    assert found.outcome is Outcome.UNKNOWN
    assert found.next
    assert found.blocks
    assert not found.fails


@pytest.mark.parametrize(("asked", "exhibits", "more"), [case for case in PASSING if case[1]])
def test_evidence_grows_old_and_is_never_of_tomorrow(
    asked: Check, exhibits: tuple[Exhibit, ...], more: dict[str, Any]
) -> None:
    def at(age: timedelta, limit: timedelta | None) -> Outcome:
        moved = [replace(each, produced_at=timestamp(NOW - age)) for each in exhibits]
        return result(replace(asked, max_age=limit), *moved, **more).outcome

    second = timedelta(seconds=1)
    assert at(DAY, DAY) is Outcome.PASS
    assert at(DAY + second, DAY) is Outcome.STALE
    assert at(DAY * 900, None) is Outcome.PASS
    assert at(-timedelta(minutes=5), DAY) is Outcome.PASS
    assert at(-timedelta(minutes=5) - second, DAY) is Outcome.ERROR
    assert at(-timedelta(minutes=5) - second, None) is Outcome.ERROR


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e999", "", "high", None, True, [], {}, float("nan")]
)
def test_a_figure_that_is_no_finite_number_never_passes(value: object) -> None:
    broken = exhibit("metric", {"metrics": {"roc_auc": {"value": value}}})
    for asked in (FLOOR, replace(FLOOR, params={"metric": "roc_auc", "max": 1})):
        assert result(asked, broken).is_unknown
    for exhibits in ((figure({"value": value}), figure("0.1", version=THEIRS)),
                     (figure("0.9"), figure({"value": value}, version=THEIRS))):  # fmt: skip
        assert result(GAIN, *exhibits, **BASE).is_unknown


@pytest.mark.parametrize(
    ("asked", "broken", "more"),
    [
        (FLOOR, exhibit("metric", {"metrics": "good"}), {}),
        (FLOOR, exhibit("metric", {"metrics": {"roc_auc": "0.9"}}), {}),
        (FLOOR, replace(figure("0.9"), produced_at="yesterday"), {}),
        (SCAN, findings(critical=0), {}),
        (SCAN, findings(critical=0, high=-1), {}),
        (SCAN, findings(critical=0, high="0"), {}),
        (SCAN, findings(critical=False, high=0), {}),
        (SCAN, exhibit("findings", {"source": "security"}), {}),
        (DRILL, drill(passed="yes"), {}),
        (DRILL, drill(confirm="soon"), {}),
        (CHAIN, exhibit("ledger_verification", {"intact": 1}, version=""), {}),
        (TIER, figure("1"), {"fields": {"model.risk_tier": "two"}}),
        (check("later", {}), figure("1"), {}),
    ],
)
def test_evidence_of_a_wrong_form_is_an_error(
    asked: Check, broken: Exhibit, more: dict[str, Any]
) -> None:
    found = result(asked, broken, **more)
    assert found.outcome is Outcome.ERROR
    assert found.blocks
    assert not found.fails


def test_evidence_of_another_version_place_or_source_does_not_count() -> None:
    assert result(FLOOR, figure("0.9", version=THEIRS)).outcome is Outcome.UNKNOWN
    assert result(DRILL, drill(place="production")).outcome is Outcome.UNKNOWN
    other = replace(SCAN, params={**SCAN.params, "source": "licences"})
    assert result(other, findings(critical=0, high=0)).outcome is Outcome.UNKNOWN
    role = replace(FLOOR, params={**FLOOR.params, "dataset_role": "live_sample"})
    assert result(role, figure("0.9")).outcome is Outcome.UNKNOWN


def test_the_newest_counts() -> None:
    worse, better = figure("0.5", id="evi_2"), figure("0.9", id="evi_1")
    assert result(FLOOR, worse, better).outcome is Outcome.FAIL
    assert result(FLOOR, better, worse).outcome is Outcome.PASS


def test_an_interval_is_read_at_its_unfavourable_end() -> None:
    part = {"value": "0.80", "ci_lower": "0.74", "ci_upper": "0.86"}
    lower = replace(FLOOR, params={"metric": "roc_auc", "min": 0.75, "use": "ci_lower"})
    assert result(lower, figure(part)).outcome is Outcome.FAIL
    assert result(lower, figure("0.80")).outcome is Outcome.UNKNOWN
    gain = replace(GAIN, params={**GAIN.params, "use": "ci_lower"})
    before = figure({"value": "0.70", "ci_lower": "0.68", "ci_upper": "0.72"}, version=THEIRS)
    assert result(gain, figure(part), before, **BASE).atoms[0].value == "0.02"
    assert result(gain, figure(part), figure("0.7", version=THEIRS), **BASE).is_unknown


def test_a_difference_wants_one_dataset_and_another_version() -> None:
    mine, theirs = figure("0.9"), figure("0.5", version=THEIRS)
    other = figure("0.5", version=THEIRS, data="b")
    unnamed = exhibit("metric", {"metrics": {"roc_auc": {"value": "0.5"}}}, version=THEIRS)
    for exhibits, more in (
        ((mine, other), BASE),
        ((mine, unnamed), BASE),
        ((mine,), BASE),
        ((theirs,), BASE),
        ((mine, theirs), {}),
        ((mine, theirs), {"baselines": {"live": MINE}}),
    ):
        assert result(GAIN, *exhibits, **more).outcome is Outcome.UNKNOWN


def test_what_a_check_does_depends_on_severity_unknown_and_enforcement() -> None:
    def effect(**more: str) -> tuple[str, str]:
        asked = replace(FLOOR, **more)  # type: ignore[arg-type]
        return result(asked, figure("0.1")).effect, result(asked).effect

    assert effect() == ("block", "block")
    assert effect(severity="warn", on_unknown="warn") == ("warn", "warn")
    assert effect(on_unknown="info") == ("block", "info")
    assert effect(severity="info", on_unknown="block") == ("info", "block")
    assert effect(enforcement="warn") == ("warn", "warn")
    assert effect(enforcement="observe") == ("info", "info")
    assert not result(replace(FLOOR, enforcement="warn"), figure("0.1")).blocks


def test_what_is_skipped_says_why() -> None:
    found = result(replace(FLOOR, skip="done before production"))
    assert (found.outcome, found.next) == (Outcome.NOT_APPLICABLE, "done before production")
    assert not found.blocks


def test_a_witness_is_somebody_else() -> None:
    asked = replace(FLOOR, witness=True)
    assert result(asked, figure("0.9", witness=True)).outcome is Outcome.PASS
    mine = result(asked, figure("0.9"))
    assert mine.outcome is Outcome.UNKNOWN
    assert mine.next.endswith("by somebody who had no part in the version")
    assert result(asked, figure("0.9"), figure("0.1", witness=True)).outcome is Outcome.FAIL
    altered = exhibit("metric", {"altered": True})
    assert result(asked, altered, figure("0.9", witness=True)).outcome is Outcome.ERROR


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["0.76", "NaN", "x", "0", "1"]),
    st.floats(), st.lists(st.integers(), max_size=1),
)  # fmt: skip


@given(st.data())
def test_taking_evidence_away_never_makes_a_check_pass(data: st.DataObject) -> None:
    asked, exhibits, more = data.draw(st.sampled_from(PASSING + FAILING))
    before = result(asked, *exhibits, **more)
    kept = tuple(each for each in exhibits if data.draw(st.booleans()))
    less = {key: data.draw(st.sampled_from([item, {}])) for key, item in more.items()}
    after = result(asked, *kept, **less)
    assert after.outcome is not Outcome.PASS or before.outcome is Outcome.PASS


@given(st.data())
def test_no_rubbish_in_evidence_raises(data: st.DataObject) -> None:
    asked, exhibits, more = data.draw(st.sampled_from(PASSING))
    rubbish = [
        replace(
            each,
            value={
                key: data.draw(st.one_of(st.just(item), VALUES)) for key, item in each.value.items()
            },
        )
        for each in exhibits
    ]
    assert result(asked, *rubbish, **more).outcome in set(Outcome)


@given(st.data())
def test_what_was_read_makes_the_same_results_again(data: st.DataObject) -> None:
    cases = data.draw(st.lists(st.sampled_from(PASSING + FAILING), min_size=1, max_size=5))
    ages = st.sampled_from([None, DAY, DAY / 2])
    checks = [
        replace(asked, id=f"c{n}", max_age=data.draw(ages), witness=data.draw(st.booleans()))
        for n, (asked, *_) in enumerate(cases)
    ]
    pool = [each for _, exhibits, _ in PASSING + FAILING for each in exhibits]
    pool += [figure("NaN"), exhibit("metric", {"altered": True}), findings(critical="x", high=0)]
    drawn = data.draw(st.lists(st.sampled_from(pool), max_size=8))
    exhibits = tuple(
        replace(each, id=f"e{n}", witness=data.draw(st.booleans())) for n, each in enumerate(drawn)
    )
    whole = Situation(version=MINE, exhibits=exhibits, **data.draw(st.sampled_from([BASE, {}])))
    results = evaluate(checks, whole, now=NOW)
    part = what_was_read(whole, results)
    assert evaluate(checks, situation(part.text), now=NOW) == results


@given(
    st.lists(st.sampled_from(PASSING + FAILING), min_size=1, max_size=6, unique_by=id), st.randoms()
)
def test_the_same_results_are_the_same_bytes_and_read_back(cases: list[Any], random: Any) -> None:  # noqa: ANN401  # any generator
    checks = [replace(asked, id=f"c{number}") for number, (asked, *_) in enumerate(cases)]
    read = Situation(
        version=MINE, exhibits=tuple(each for _, es, _ in cases for each in es), **BASE
    )
    first = evaluate(checks, read, now=NOW)
    random.shuffle(checks)
    again = evaluate(checks, situation(read.text), now=NOW)
    assert results_text(again) == results_text(first)
    assert read_results(results_text(first)) == first
