"""Where one check lets more through than another of the same id (POL-4). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modelwarden.policies.check import RANK, Check
from modelwarden.policies.check_shapes import TIGHTENS
from modelwarden.policies.duration import duration
from modelwarden.policies.predicate import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.policies.predicate import Json


def check_weaknesses(after: Check, before: Check) -> Iterator[tuple[str, str]]:
    """Yield the parts of a check that let more through than those before, as `part, words`."""
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
        elif key == "formats":
            if isinstance(theirs, list) and not (isinstance(ours, list) and {*ours} <= {*theirs}):
                yield key, "a format is let through that the parent does not let through"
        elif isinstance(theirs, list) and isinstance(ours, list):
            if not {str(role) for role in theirs} <= {str(role) for role in ours}:
                yield key, "a role of the parent is missing"
        elif (
            ours != theirs
            and not (ours is True and (theirs is None or theirs is False))
            and (key not in TIGHTENS or _is_looser(ours, theirs, way=TIGHTENS[key]))
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
