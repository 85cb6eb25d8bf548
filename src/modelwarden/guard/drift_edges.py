"""Frozen edges and drift references as JSON, read strictly (SG-49). Pure.

A reference is what a version's features looked like when it was registered: edges, and how many rows of a reference
table lie in each cell. Edges stand as decimal text: a whole number beyond 2^53 would not survive JSON.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

from modelwarden.errors import DriftInvalid, NotCanonical
from modelwarden.guard import fields
from modelwarden.guard.drift import Categories, Edges, FrozenEdges, least_rows
from modelwarden.values import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.guard.drift import Feature

MAX_FEATURES: Final = 500
MAX_REFERENCE_BYTES: Final = 262_144
MOST_BY: Final = 4
"""Dimensions by whose values rows are counted apart; each is counted for itself."""

COUNTS: Final = "counts"

_NUMBER: Final = re.compile(r"-?[0-9]{1,32}(?:\.[0-9]{1,32})?(?:e[+-]?[0-9]{1,3})?")
_EDGES: Final = frozenset({"low", "uppers"})
_NAMES: Final = frozenset({"names"})


@dataclass(frozen=True, slots=True)
class DriftReference:
    """Edges, and the counts of a reference table among them, by feature in their order. Raises DriftInvalid."""

    edges: FrozenEdges
    counts: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        features = self.edges.features
        if not 1 <= len(features) <= MAX_FEATURES or len(self.counts) != len(features):
            raise DriftInvalid("features", f"1 to {MAX_FEATURES}, each with counts")
        for (name, feature), counts in zip(features, self.counts, strict=True):
            for count in counts:
                fields.whole(DriftInvalid, COUNTS, count)
            if len(counts) != feature.cells:
                raise DriftInvalid(COUNTS, f"{feature.cells} counts of {name}")
            if not least_rows(len(counts)) <= sum(counts) <= fields.MAX_COUNT:
                raise DriftInvalid(COUNTS, f"at least {least_rows(len(counts))} rows of {name}")
        if len(self.canonical) > MAX_REFERENCE_BYTES:
            raise DriftInvalid("features", f"at most {MAX_REFERENCE_BYTES:,} bytes of JSON")

    @property
    def canonical(self) -> bytes:
        """The reference's bytes, of which the version names the digest (RFC 8785). Raises DriftInvalid."""
        try:
            return canonical.encode_any(self.encode())
        except NotCanonical as error:
            raise DriftInvalid("features", f"text that JSON can hold ({error})") from None

    @property
    def sha256(self) -> str:
        """The digest that is registered with the version."""
        return hashlib.sha256(self.canonical).hexdigest()

    @property
    def baseline(self) -> dict[str, tuple[int, ...]]:
        """The counts by feature."""
        names = (name for name, _ in self.edges.features)
        return dict(zip(names, self.counts, strict=True))

    def encode(self) -> dict[str, object]:
        """Return the reference as JSON has it."""
        counts = self.baseline
        return {
            "features": {
                name: encode_feature(feature) | {COUNTS: list(counts[name])}
                for name, feature in self.edges.features
            }
        }


def encode_edges(edges: FrozenEdges) -> dict[str, object]:
    """Return edges as a snapshot has them, by feature."""
    return {name: encode_feature(feature) for name, feature in edges.features}


def encode_feature(feature: Feature) -> dict[str, object]:
    """Return one feature's edges as JSON has them."""
    if isinstance(feature, Edges):
        return {"low": _text(feature.low), "uppers": [_text(upper) for upper in feature.uppers]}
    return {"names": list(feature.names)}


def read_edges(value: object) -> FrozenEdges:
    """Read the edges of a version. Raises DriftInvalid."""
    found = _features(value)
    return FrozenEdges(tuple((name, _feature(found[name])) for name in sorted(found)))


def read_reference(value: object) -> DriftReference:
    """Read a reference. Raises DriftInvalid."""
    outer = fields.members(DriftInvalid, "reference", value, frozenset({"features"}))
    found = _features(outer["features"])
    features, counted = [], []
    for name in sorted(found):
        one = found[name]
        if not isinstance(one, dict) or COUNTS not in one:
            raise DriftInvalid("features", "edges and counts of each feature")
        features.append((name, _feature({key: one[key] for key in one if key != COUNTS})))
        counts = fields.items(DriftInvalid, COUNTS, one[COUNTS])
        counted.append(tuple(fields.whole(DriftInvalid, COUNTS, count) for count in counts))
    return DriftReference(FrozenEdges(tuple(features)), tuple(counted))


def _features(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict) or len(value) > MAX_FEATURES:
        raise DriftInvalid("features", f"an object of at most {MAX_FEATURES} features")
    return value


def _feature(value: object) -> Feature:
    if isinstance(value, dict) and value.keys() == _NAMES:
        names = fields.items(DriftInvalid, "names", value["names"])
        return Categories(tuple(fields.text(DriftInvalid, "names", name) for name in names))
    found = fields.members(DriftInvalid, "edges", value, _EDGES)
    uppers = fields.items(DriftInvalid, "uppers", found["uppers"])
    return Edges(_number("low", found["low"]), tuple(_number("uppers", each) for each in uppers))


def _number(field: str, value: object) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value) and isfinite(number := float(value)):
        return number
    raise DriftInvalid(field, "finite decimal numbers as text, such as '0.25'")


def _text(number: float) -> str:
    return repr(number + 0.0)  # minus zero is zero
