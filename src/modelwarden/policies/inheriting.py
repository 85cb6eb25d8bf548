"""A policy and the one that it extends, as one document; and where the child is weaker (POL-2, POL-4). Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.guard.router import Strategy
from modelwarden.policies.duration import duration
from modelwarden.policies.looser import check_weaknesses
from modelwarden.policies.rollout import CAREFUL, join_rollouts
from modelwarden.policies.severity_shapes import Severities
from modelwarden.registry.lifecycle import Environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.policies.document import PolicyDocument
    from modelwarden.policies.leave import AutoApproval, Waivers
    from modelwarden.policies.rollout import Condition as Watch
    from modelwarden.policies.rollout import Course
    from modelwarden.policies.seats import Approvals

OWN: Final = frozenset({"name", "owner", "applies_to", "overrides", "extends", "schema"})
"""What a child never takes from its parent."""
STAGED: Final = "environments.staging."
ENFORCED: Final[Mapping[str, int]] = {"observe": 0, "warn": 1, "block": 2}


class Weakness(NamedTuple):
    """A place where a child is weaker than its parent, and how."""

    path: str
    words: str


def joined(child: Mapping[str, Any], parent: PolicyDocument, *, reference: str) -> dict[str, Any]:
    """Return the child's tree with all that it leaves to its parent; `reference` is the parent's `name@version`.

    Keys of the child win. Its checks stand first, in its own order, so that problems keep their lines.
    """
    above = {key: item for key, item in json.loads(parent.text).items() if key not in OWN}
    whole = _over(_without_steps(above, child), child)
    whole["extends"] = reference
    whole["checks"] = _checks(child.get("checks"), above["checks"])
    for given, inherited in _approvals_of(whole, above):
        for key in ("barred", "void_on"):
            mine = given.setdefault(key, [])
            if isinstance(mine, list):
                given[key] = [*mine, *(w for w in inherited.get(key, ()) if w not in mine)]
    return whole


def weaknesses(child: PolicyDocument, parent: PolicyDocument) -> tuple[Weakness, ...]:
    """Return where a child is weaker than its parent, environment by environment (POL-4, POL-9)."""
    found = [
        Weakness(at + path, words)
        for place, at in ((Environment.PRODUCTION, ""), (Environment.STAGING, STAGED))
        for path, words in (
            *_approvals(child.approvals_in(place), parent.approvals_in(place)),
            *_staging_time(child, parent, place),
            *_targets(child, parent, place),
            *course_weaknesses(_course(child, place), _course(parent, place)),
            *_all_checks(child, parent, place),
        )
    ]
    found += [Weakness(path, words) for path, words in _waivers(child, parent)]
    if _fills(child) is not None and _fills(child) != _fills(parent):
        found.append(Weakness("auto_approval", "a seat is filled without a human"))
    if ENFORCED[child.enforcement] < ENFORCED[parent.enforcement]:
        found.append(
            Weakness("enforcement", f"{child.enforcement} instead of {parent.enforcement}")
        )
    if parent.severity is not None:
        found += _severities(child.severity or Severities(), parent.severity)
    return tuple(found)


def unexcused(child: PolicyDocument, parent: PolicyDocument) -> tuple[Weakness, ...]:
    """Return the weaknesses that the child's `overrides` do not name."""
    excused = [override.path for override in child.overrides or ()]
    return tuple(
        weak
        for weak in weaknesses(child, parent)
        if not any(weak.path == path or weak.path.startswith(f"{path}.") for path in excused)
    )


def course_weaknesses(after: Course, before: Course) -> Iterator[tuple[str, str]]:
    """Yield where one way of going live is less careful than another, as `path, words`.

    No share of traffic may be passed sooner, whatever the steps are called; a shadow never takes any.
    """
    if CAREFUL.index(after.strategy) < CAREFUL.index(before.strategy):
        yield "rollout.strategy", f"{after.strategy} instead of {before.strategy}"
    elif after.strategy is not Strategy.SHADOW:
        for share in sorted({step.traffic for step in before.steps}):
            if _time_up_to(share, after) < _time_up_to(share, before):
                yield "rollout.steps", f"more than {share} % of the traffic sooner"
                break
    if before.advance == "manual" and after.advance != "manual":
        yield "rollout.advance", "no person is waited for"
    for path, kept, asked in (
        ("rollout.hold", after.hold, before.hold),
        ("rollback_when", after.rollback_when, before.rollback_when),
    ):
        if any(not any(_is_as_tight(mine, each) for mine in kept) for each in asked):
            yield path, "a condition of the parent is missing, or lets more through"


def _course(document: PolicyDocument, place: Environment) -> Course:
    return join_rollouts([document.rollout_in(place)], [document.rollback_when_in(place)])


def _time_up_to(share: int, course: Course) -> timedelta:
    """Return how long a course stays at this share of traffic or below."""
    return sum((step.bake for step in course.steps if step.traffic <= share), timedelta(0))


def _is_as_tight(after: Watch, before: Watch) -> bool:
    """Tell whether a condition stands in for another: the same thing watched alike, with no higher limit."""
    return (
        after.limit <= before.limit
        and replace(after, limit=before.limit, on_unknown=before.on_unknown) == before
        and (before.on_unknown == "hold" or after.on_unknown == "rollback")
    )


def _without_steps(above: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parent's tree without its steps where the child goes live another way: they would not fit."""
    theirs, mine = above.get("rollout"), child.get("rollout")
    if isinstance(theirs, Mapping) and isinstance(mine, Mapping):
        named = mine.get("strategy", theirs.get("strategy"))
        if named != theirs.get("strategy"):
            return {**above, "rollout": {k: v for k, v in theirs.items() if k != "steps"}}
    return dict(above)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return one tree over another: mappings are joined, everything else is replaced."""
    whole = dict(below)
    for key, item in above.items():
        before = whole.get(key)
        both = isinstance(before, Mapping) and isinstance(item, Mapping)
        whole[key] = _over(before, item) if both and isinstance(before, Mapping) else item
    return whole


def _checks(own: object, inherited: list[dict[str, Any]]) -> object:
    """Return the child's checks over the parent's of the same id, then the rest of the parent's."""
    if own is None:
        return inherited
    if not isinstance(own, list):
        return own
    known = {check["id"]: check for check in inherited}
    mine = [
        _over(known.pop(each["id"], {}), each)
        if isinstance(each, dict) and isinstance(each.get("id"), str)
        else each
        for each in own
    ]
    return [*mine, *known.values()]


def _approvals_of(
    whole: Mapping[str, Any], above: Mapping[str, Any]
) -> Iterator[tuple[dict[str, Any], Mapping[str, Any]]]:
    yield from _pairs(whole.get("approvals"), above["approvals"])
    places = whole.get("environments")
    staging = places.get("staging") if isinstance(places, Mapping) else None
    given = staging.get("approvals") if isinstance(staging, Mapping) else None
    inherited = above["environments"]["staging"].get("approvals", above["approvals"])
    yield from _pairs(given, inherited)


def _pairs(
    given: object, inherited: Mapping[str, Any]
) -> Iterator[tuple[dict[str, Any], Mapping[str, Any]]]:
    if isinstance(given, dict):
        yield given, inherited


def _approvals(child: Approvals, parent: Approvals) -> Iterator[tuple[str, str]]:
    if child.humans < parent.humans:
        yield "approvals.humans", f"{child.humans} people instead of {parent.humans}"
    if _seats(parent) - _seats(child):
        yield "approvals.seats", "a seat of the parent is missing"
    if duration(child.expires_after) > duration(parent.expires_after):
        yield "approvals.expires_after", f"{child.expires_after} instead of {parent.expires_after}"
    yield from _due(child, parent)
    for key, strict in (
        ("on_timeout", "reject"),
        ("signature", "personal"),
        ("order", "sequential"),
        ("rejection", "any"),
        ("separate_deployer", True),
        ("second_person", True),
    ):
        if getattr(parent, key) == strict and getattr(child, key) != strict:
            path = "emergency.second_person" if key == "second_person" else key
            yield f"approvals.{path}", f"{getattr(child, key)} instead of {strict}"
    for system in sorted(parent.systems - child.systems):
        yield f"approvals.external.{system}", "unused instead of required"
    if child.request_when == "any" and parent.request_when != "any":
        yield "approvals.request_when", "any instead of no_block"


def _due(child: Approvals, parent: Approvals) -> Iterator[tuple[str, str]]:
    if parent.due and (child.due is None or duration(child.due) > duration(parent.due)):
        yield "approvals.due", f"{child.due or 'never'} instead of {parent.due}"


def _fills(document: PolicyDocument) -> AutoApproval | None:
    """Return what a policy fills by itself, if it does."""
    auto = document.auto_approval
    return auto if auto is not None and auto.enabled else None


def _waivers(child: PolicyDocument, parent: PolicyDocument) -> Iterator[tuple[str, str]]:
    """Yield where more can be waived than under the parent; without checks it had nothing to waive."""
    ours, theirs = child.waivers, parent.waivers
    if ours is None or not parent.checks:
        return
    if theirs is None:
        yield "waivers", "the parent lets no check be waived"
        return
    if duration(ours.max) > duration(theirs.max):
        yield "waivers.max", f"{ours.max} instead of {theirs.max}"
    if _seats(theirs) - _seats(ours):
        yield "waivers.seats", "a seat of the parent is missing"


def _seats(part: Approvals | Waivers) -> Counter[frozenset[str]]:
    """Return how many people each sort of seat takes."""
    found: Counter[frozenset[str]] = Counter()
    for seat in part.seats:
        found[frozenset(f"{c.role}:{c.person}:{c.group}" for c in seat.choices)] += seat.count
    return found


def _staging_time(
    child: PolicyDocument, parent: PolicyDocument, place: Environment
) -> Iterator[tuple[str, str]]:
    before, after = parent.rollout_in(place).needs.staging, child.rollout_in(place).needs.staging
    if before is not None and (after is None or duration(after) < duration(before)):
        yield "rollout.needs.staging", f"{after or 'none'} instead of {before}"


def _targets(
    child: PolicyDocument, parent: PolicyDocument, place: Environment
) -> Iterator[tuple[str, str]]:
    mine = {part.endpoint: part.value.within_s for part in child.rollout_in(place).targets or ()}
    for part in parent.rollout_in(place).targets or ():
        before = part.value
        if mine.get(before.endpoint, before.within_s + 1) > before.within_s:
            yield "rollout.targets", f"{before.endpoint} is not waited for as before"


def _all_checks(
    child: PolicyDocument, parent: PolicyDocument, place: Environment
) -> Iterator[tuple[str, str]]:
    mine = {check.id: check for check in child.checks_in(place, policy="")}
    for before in parent.checks_in(place, policy=""):
        for part, words in check_weaknesses(mine[before.id], before):
            yield f"checks.{before.id}.{part}", words


def _severities(child: Severities, parent: Severities) -> Iterator[Weakness]:
    """Yield where signals count as less bad than under the parent; `SEV1` is the gravest."""
    mine = [(signal, rule) for rule in child.rules for signal in rule.signals]
    for asked in parent.rules:
        for signal in asked.signals:
            if not any(
                name == signal
                and rule.severity <= asked.severity
                and float(rule.above or 0) <= float(asked.above or 0)
                for name, rule in mine
            ):
                yield Weakness("severity.rules", f"{signal} counts as less bad")
    for key in ("unknown", "wide_share", "small_share"):
        ours, theirs = getattr(child, key), getattr(parent, key)
        if theirs is not None and (ours is None or ours > theirs):
            yield Weakness(f"severity.{key}", f"{ours} instead of {theirs}")
    for key in ("highest_tiers", "guarded_tiers"):
        if not {*(getattr(parent, key) or ())} <= {*(getattr(child, key) or ())}:
            yield Weakness(f"severity.{key}", "a tier of the parent is missing")
