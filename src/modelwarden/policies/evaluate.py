"""Checks weighed against evidence: every type, whole (EVAL-1 to EVAL-4). Pure, standard library, one `now`.

Nothing here reads anything: a `Situation` holds all values. Absent evidence is unknown, old evidence is stale, evidence
of the wrong type is an error; none of them is ever a pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.policies.artifact import artifact
from modelwarden.policies.attested import attestation, chain_verified, lineage
from modelwarden.policies.check import RANK, Check, Exhibit, Situation, witnessed
from modelwarden.policies.condition import condition
from modelwarden.policies.duration import duration
from modelwarden.policies.fields import OF_VERSION
from modelwarden.policies.predicate import (
    Seen,
    WrongType,
    number,
    weigh,
    words,
)
from modelwarden.policies.result import UNKNOWN, Finding, Outcome, Result
from modelwarden.values.clock import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from decimal import Decimal

    from modelwarden.policies.predicate import Json

AHEAD: Final = timedelta(minutes=5)
"""How far ahead of now evidence may say that it was made (EV-4)."""
VERSION: Final = 2
"""Of the set of check types (POL-10): it grows, and what a type means stays."""
NOT_WAIVABLE: Final = frozenset({"artifact", "chain_verified"})
"""Check types that nobody can give leave from (EVAL-5)."""


def evaluate(checks: Iterable[Check], situation: Situation, *, now: datetime) -> tuple[Result, ...]:
    """Return what each check comes to, in the order of policy and id."""
    ordered = sorted(checks, key=lambda check: (check.policy, check.id))
    return tuple(_result(check, situation, now) for check in ordered)


def what_was_read(situation: Situation, results: Iterable[Result]) -> Situation:
    """Return the part of a situation that made these results: evaluated again, it makes the same.

    Where one ended in an error all is kept, since what could not be read is not named.
    """
    found = tuple(results)
    if any(Outcome.ERROR in {result.outcome, result.underlying} for result in found):
        return situation
    used = {each for result in found for each in result.evidence}
    leave = {result.waiver for result in found}
    return replace(
        situation,
        exhibits=tuple(each for each in situation.exhibits if each.id in used),
        waivers=tuple(each for each in situation.waivers if each.request in leave),
    )


def _result(check: Check, situation: Situation, now: datetime) -> Result:
    found = _found(check, situation, now)
    result = Result(
        policy=check.policy,
        check=check.id,
        type=check.type,
        outcome=found.outcome,
        effect=_effect(check, unknown=found.outcome in UNKNOWN),
        atoms=found.atoms,
        evidence=tuple(each.id for each in found.used),
        next=found.next,
    )
    return _waived(result, situation, now)


def _waived(result: Result, situation: Situation, now: datetime) -> Result:
    """Return the result, waived where it does not pass, its type may be, and somebody's leave holds (EVAL-5)."""
    if result.outcome in {Outcome.PASS, Outcome.NOT_APPLICABLE} or result.type in NOT_WAIVABLE:
        return result
    leave = next((w for w in situation.waivers if w.check == result.name), None)
    if leave is None or now >= moment(leave.until):
        return result
    return replace(
        result,
        outcome=Outcome.WAIVED,
        underlying=result.outcome,
        waiver=leave.request,
        next=f"waived by {leave.request} until {leave.until}; then: {result.next}",
    )


def _effect(check: Check, *, unknown: bool) -> str:
    """Return what it does if it does not pass: as strict as the check, and no stricter than its policy is enforced."""
    wanted = check.on_unknown if unknown else check.severity
    most = "info" if check.enforcement == "observe" else check.enforcement
    return min(wanted, most, key=RANK.__getitem__)


def _found(check: Check, situation: Situation, now: datetime) -> Finding:
    if check.skip is not None:
        return Finding(Outcome.NOT_APPLICABLE, next=check.skip)
    weighed = TYPES.get(check.type)
    if weighed is None:  # a policy of a later release, read by an earlier one
        return Finding(Outcome.ERROR, next=f"this release has no check type {check.type}")
    try:
        read = witnessed(situation) if check.witness else situation
        found = _aged(check, weighed(check.params, read, now), now)
    except (ValueError, TypeError, ArithmeticError, LookupError) as error:
        return Finding(Outcome.ERROR, next=f"the evidence can't be read: {str(error)[:200]}")
    if check.witness and found.outcome is Outcome.UNKNOWN:
        return found._replace(next=f"{found.next}; by somebody who had no part in the version")
    return found


def _aged(check: Check, found: Finding, now: datetime) -> Finding:
    """Return the finding, or that what it rests on is too old, or from the future."""
    if found.outcome not in {Outcome.PASS, Outcome.FAIL}:
        return found
    for each in found.used:
        age = now - each.at
        if age < -AHEAD:
            return found._replace(outcome=Outcome.ERROR, next=f"{each.id} is from the future")
        if check.max_age is not None and age > check.max_age:
            wanted = words(check.max_age)
            return found._replace(
                outcome=Outcome.STALE, next=f"{each.id} is older than {wanted}; make it anew"
            )
    return found


def _metric(params: Mapping[str, Json], situation: Situation, _now: datetime) -> Finding:
    """Pass when the figure lies within `min` and `max` on the dataset role."""
    name, use = str(params["metric"]), str(params.get("use", "value"))
    found = _figure_of(situation, situation.version, params)
    if found is None:
        return Finding(Outcome.UNKNOWN, next=f"record the metric {name} of this version")
    value = _part(found, name, use)
    if value is None:
        return Finding(
            Outcome.UNKNOWN, used=(found,), next=f"record {use} of {name}: no interval is known"
        )
    return _within(
        f"metric.{name}" if use == "value" else f"metric.{name}.{use}", value, params, (found,)
    )


def _metric_delta(params: Mapping[str, Json], situation: Situation, _now: datetime) -> Finding:
    """Pass when the difference to the baseline lies within limits, both measured on one dataset.

    With `ci_lower` it is the least that the two intervals leave: ours at its lower end, theirs at its upper.
    """
    name, use = str(params["metric"]), str(params.get("use", "value"))
    other = situation.baselines.get(str(params["baseline"]))
    if other is None or other == situation.version:
        return Finding(Outcome.UNKNOWN, next=f"there is no {params['baseline']} to compare with")
    ours = _figure_of(situation, situation.version, params)
    theirs = _figure_of(situation, other, params)
    if ours is None or theirs is None:
        whose = situation.version if ours is None else other
        known = tuple(each for each in (ours, theirs) if each is not None)
        return Finding(Outcome.UNKNOWN, used=known, next=f"record the metric {name} of {whose}")
    used = (ours, theirs)
    data = ours.value.get("dataset")
    if data is None or data != theirs.value.get("dataset"):
        return Finding(Outcome.UNKNOWN, used=used, next="measure both on the same dataset")
    against = {"ci_lower": "ci_upper", "ci_upper": "ci_lower"}.get(use, "value")
    mine, base = _part(ours, name, use), _part(theirs, name, against)
    if mine is None or base is None:
        return Finding(Outcome.UNKNOWN, used=used, next=f"record an interval of {name} for both")
    return _within(f"metric.{name}.difference", mine - base, params, used)


def _field(params: Mapping[str, Json], situation: Situation, now: datetime) -> Finding:
    """Pass when the condition over the registry's fields is true."""
    ruling = weigh(condition(params["where"], fields=OF_VERSION), situation.fields, now=now)
    if ruling.truth is None:
        missing = ", ".join(dict.fromkeys(a.subject for a in ruling.atoms if a.value is None))
        return Finding(Outcome.UNKNOWN, ruling.atoms, next=f"nothing is known of {missing}")
    return Finding(Outcome.PASS if ruling.truth else Outcome.FAIL, ruling.atoms)


def _dataset(params: Mapping[str, Json], situation: Situation, _now: datetime) -> Finding:
    """Pass when a dataset with a fingerprint is registered in each role."""
    seen = tuple(
        Seen(
            f"dataset.{role}",
            "in",
            "registered",
            ", ".join(situation.datasets.get(role, ())) or None,
        )
        for role in _names(params["roles"])
    )
    missing = [each.subject.removeprefix("dataset.") for each in seen if each.value is None]
    if missing:
        return Finding(
            Outcome.UNKNOWN,
            seen,
            next=f"register a dataset with fingerprint as {', '.join(missing)}",
        )
    return Finding(Outcome.PASS, seen)


def _findings(params: Mapping[str, Json], situation: Situation, _now: datetime) -> Finding:
    """Pass when no severity has more findings than `max` lets it."""
    source = str(params["source"])
    found = next((e for e in situation.of("findings") if e.value.get("source") == source), None)
    if found is None:
        return Finding(Outcome.UNKNOWN, next=f"import the findings of {source} for this version")
    counts, limits = _mapping(found.value.get("counts")), _mapping(params["max"])
    seen = []
    for severity in sorted(limits):
        count = _whole(counts.get(severity))
        seen.append(
            (
                count <= _whole(limits[severity]),
                Seen(f"findings.{severity}", "lte", words(limits[severity]), str(count)),
            )
        )
    failed = tuple(atom for holds, atom in seen if not holds)
    if failed:
        return Finding(Outcome.FAIL, failed, (found,), "mend them, and scan again")
    return Finding(Outcome.PASS, tuple(atom for _, atom in seen), (found,))


def _drill(params: Mapping[str, Json], situation: Situation, _now: datetime) -> Finding:
    """Pass when the last drill of the model there passed, each move within its limit."""
    place = str(params.get("environment", "staging"))
    drills = situation.of("drill", version="")
    found = next((e for e in drills if e.value.get("environment") == place), None)
    if found is None:
        return Finding(Outcome.UNKNOWN, next=f"run a drill of the model in {place}")
    passed = found.value.get("passed")
    if not isinstance(passed, bool):
        raise WrongType("a drill says whether it passed")
    seen = [(passed, Seen("drill.passed", "eq", "true", words(passed)))]
    seen += [
        _timed(move, found.value.get(f"{move}_ms"), str(params[f"max_{move}"]))
        for move in ("detect", "activate", "confirm")
        if params.get(f"max_{move}") is not None
    ]
    failed = tuple(atom for holds, atom in seen if not holds)
    if failed:
        return Finding(Outcome.FAIL, failed, (found,), "look into its report, and drill again")
    return Finding(Outcome.PASS, tuple(atom for _, atom in seen), (found,))


def _timed(move: str, took: Json, limit: str) -> tuple[bool, Seen]:
    """Return whether a move of a drill came in time; one that never came did not."""
    most = duration(limit) / timedelta(milliseconds=1)
    atom = Seen(f"drill.{move}", "lte", limit, None if took is None else f"{_whole(took)} ms")
    return took is not None and _whole(took) <= most, atom


TYPES: Final[Mapping[str, Callable[[Mapping[str, Json], Situation, datetime], Finding]]] = (
    MappingProxyType(
        {
            "artifact": artifact,
            "attestation": attestation,
            "chain_verified": chain_verified,
            "dataset": _dataset,
            "drill": _drill,
            "field": _field,
            "findings": _findings,
            "lineage": lineage,
            "metric": _metric,
            "metric_delta": _metric_delta,
        }
    )
)
"""The check types of this release (POL-10); their parameters are in `check_shapes`."""


def _figure_of(situation: Situation, version: str, params: Mapping[str, Json]) -> Exhibit | None:
    """Return the newest exhibit that holds the metric, on the dataset role where one is asked for."""
    name, role = str(params["metric"]), params.get("dataset_role")
    for each in situation.of("metric", version=version):
        figures = _mapping(each.value.get("metrics"))
        if name in figures and (role is None or each.value.get("dataset_role") == role):
            return each
    return None


def _part(found: Exhibit, name: str, use: str) -> Decimal | None:
    """Return one part of a figure: its value, or an end of its interval. Raises WrongType."""
    text = _mapping(_mapping(found.value.get("metrics"))[name]).get(use)
    if text is None:
        return None
    figure = number(text)
    if figure is None:
        raise WrongType(f"{name} is no finite number")
    return figure


def _within(
    subject: str, value: Decimal, params: Mapping[str, Json], used: tuple[Exhibit, ...]
) -> Finding:
    seen = []
    for word, operator in (("min", "gte"), ("max", "lte")):
        limit = number(params[word]) if params.get(word) is not None else None
        if limit is not None:
            holds = value >= limit if word == "min" else value <= limit
            seen.append((holds, Seen(subject, operator, words(limit), words(value))))
    failed = tuple(atom for holds, atom in seen if not holds)
    if failed:
        return Finding(Outcome.FAIL, failed, used, "improve the model, or propose another limit")
    return Finding(Outcome.PASS, tuple(atom for _, atom in seen), used)


def _mapping(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        raise WrongType(f"a mapping was expected, not {type(value).__name__}")
    return value


def _names(value: Json) -> Sequence[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise WrongType("a list of words was expected")
    return tuple(str(each) for each in value)


def _whole(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise WrongType("a whole number of at least 0 was expected")
    return value
