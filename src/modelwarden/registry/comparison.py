"""Two versions side by side: what differs, and by how much. Pure (RL-7)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.registry.version import Version

_FIELDS: Final = (
    "algorithm", "feature_version", "snapshot", "source_commit", "run", "parent", "size_bytes",
    "subject_sha256",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not the same in both; None where a version lacks it.

    Attributes:
        change: what `b` has more than `a`, as decimal text, for figures that both have.
    """

    name: str
    a: str | None
    b: str | None
    change: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between two versions. Metrics name every figure, the rest only differences."""

    a: Version
    b: Version
    metrics: tuple[Difference, ...]
    parameters: tuple[Difference, ...]
    datasets: tuple[Difference, ...]
    fields: tuple[Difference, ...]


def compared(a: Version, b: Version) -> Comparison:
    """Return how two versions differ."""
    return Comparison(
        a=a,
        b=b,
        metrics=tuple(
            _figure(name, a.evaluation.get(name), b.evaluation.get(name))
            for name in sorted(a.evaluation.keys() | b.evaluation.keys())
        ),
        parameters=_differences(_texts(a.parameters), _texts(b.parameters)),
        datasets=_differences(_datasets(a), _datasets(b)),
        fields=_differences(_fields(a), _fields(b)),
    )


def _figure(name: str, a: str | None, b: str | None) -> Difference:
    change = None if a is None or b is None else format(Decimal(b) - Decimal(a), "f")
    return Difference(name=name, a=a, b=b, change=change)


def _differences(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[Difference, ...]:
    return tuple(
        Difference(name=name, a=a.get(name), b=b.get(name))
        for name in sorted(a.keys() | b.keys())
        if a.get(name) != b.get(name)
    )


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {
        name: item if isinstance(item, str) else json.dumps(item, sort_keys=True)
        for name, item in values.items()
    }


def _datasets(version: Version) -> dict[str, str]:
    return {f"{item['role']}: {item['name']}": _prints(item) for item in version.datasets}


def _prints(dataset: Mapping[str, object]) -> str:
    prints = dataset["fingerprints"]
    return " ".join(map(str, prints)) if isinstance(prints, list | tuple) else str(prints)


def _fields(version: Version) -> dict[str, str]:
    return {name: str(value) for name in _FIELDS if (value := getattr(version, name)) is not None}
