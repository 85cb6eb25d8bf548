"""A policy and the one that it extends, as one document; and where the child is weaker (POL-2, POL-4). Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.policies.check import RANK, Check
from modelwarden.policies.check_shapes import TIGHTENS
from modelwarden.policies.duration import duration
from modelwarden.policies.predicate import number
from modelwarden.registry.lifecycle import Environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.policies.document import PolicyDocument
    from modelwarden.policies.predicate import Json
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
    whole = _over(above, child)
    whole["extends"] = reference
    whole["checks"] = _checks(child.get("checks"), above["checks"])
    for given, inherited in _approvals_of(whole, above):
        for key in ("barred", "void_on"):
            if isinstance(given.get(key), list):
                given[key] = [
                    *given[key],
                    *(w for w in inherited.get(key, ()) if w not in given[key]),
                ]
    return whole


def weaknesses(child: PolicyDocument, parent: PolicyDocument) -> tuple[Weakness, ...]:
    """Return where a child is weaker than its parent, environment by environment (POL-4, POL-9)."""
    found = [
        Weakness(at + path, words)
        for place, at in ((Environment.PRODUCTION, ""), (Environment.STAGING, STAGED))
        for path, words in (
            *_approvals(child.approvals_in(place), parent.approvals_in(place)),
            *_staging_time(child, parent, place),
            *_all_checks(child, parent, place),
        )
    ]
    if ENFORCED[child.enforcement] < ENFORCED[parent.enforcement]:
        found.append(
            Weakness("enforcement", f"{child.enforcement} instead of {parent.enforcement}")
        )
    return tuple(found)


def unexcused(child: PolicyDocument, parent: PolicyDocument) -> tuple[Weakness, ...]:
    """Return the weaknesses that the child's `overrides` do not name."""
    excused = [override.path for override in child.overrides or ()]
    return tuple(
        weak
        for weak in weaknesses(child, parent)
        if not any(weak.path == path or weak.path.startswith(f"{path}.") for path in excused)
    )


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
    ):
        if getattr(parent, key) == strict and getattr(child, key) != strict:
            yield f"approvals.{key}", f"{getattr(child, key)} instead of {strict}"
    for system in sorted(parent.systems - child.systems):
        yield f"approvals.external.{system}", "unused instead of required"
    if child.request_when == "any" and parent.request_when != "any":
        yield "approvals.request_when", "any instead of no_block"


def _due(child: Approvals, parent: Approvals) -> Iterator[tuple[str, str]]:
    if parent.due and (child.due is None or duration(child.due) > duration(parent.due)):
        yield "approvals.due", f"{child.due or 'never'} instead of {parent.due}"


def _seats(part: Approvals) -> Counter[frozenset[str]]:
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


def _all_checks(
    child: PolicyDocument, parent: PolicyDocument, place: Environment
) -> Iterator[tuple[str, str]]:
    mine = {check.id: check for check in child.checks_in(place, policy="")}
    for before in parent.checks_in(place, policy=""):
        for part, words in _check(mine[before.id], before):
            yield f"checks.{before.id}.{part}", words


def _check(after: Check, before: Check) -> Iterator[tuple[str, str]]:
    if before.skip is not None:
        return
    if after.skip is not None:
        yield "skip", "skipped"
        return
    if after.type != before.type:
        yield "type", f"{after.type} instead of {before.type}"
        return
    if RANK[after.severity] < RANK[before.severity]:
        yield "severity", f"{after.severity} instead of {before.severity}"
    if RANK[after.on_unknown] < RANK[before.on_unknown]:
        yield "on_unknown", f"{after.on_unknown} instead of {before.on_unknown}"
    yield from _evidence(after, before)
    for path, words in _params(after.params, before.params):
        yield f"params.{path}", words


def _evidence(after: Check, before: Check) -> Iterator[tuple[str, str]]:
    if before.witness and not after.witness:
        yield "assurance", "evidence of those who built the version is let through"
    if before.max_age is not None and (after.max_age is None or after.max_age > before.max_age):
        yield "max_age", "older evidence is let through"


def _params(after: Mapping[str, Json], before: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for key in sorted({*after, *before}):
        ours, theirs = after.get(key), before.get(key)
        if isinstance(theirs, Mapping) and key == "max":
            yield from _counts(ours, theirs)
        elif isinstance(theirs, list) and isinstance(ours, list):
            if not {str(role) for role in theirs} <= {str(role) for role in ours}:
                yield key, "a role of the parent is missing"
        elif ours != theirs and (
            key not in TIGHTENS or _is_looser(ours, theirs, way=TIGHTENS[key])
        ):
            yield key, "another value than the parent's"


def _counts(ours: Json, theirs: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    known = ours if isinstance(ours, Mapping) else {}
    for grade in sorted(theirs):
        if _is_looser(known.get(grade), theirs[grade], way="down"):
            yield f"max.{grade}", "more findings are let through"


def _is_looser(ours: Json, theirs: Json, *, way: str) -> bool:
    """Tell whether a limit lets more through than before; one that was not there before tightens."""
    if theirs is None:
        return False
    mine, before = _size(ours), _size(theirs)
    if mine is None or before is None:
        return True
    return mine < before if way == "up" else mine > before


def _size(limit: Json) -> float | None:
    if isinstance(limit, str):
        return duration(limit).total_seconds()
    found = None if limit is None else number(limit)
    return None if found is None else float(found)
