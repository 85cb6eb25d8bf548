"""What a snapshot says of drift, read on the way in: the edges of versions, and by what rows are counted apart. Pure.

A section that can't be read is none: counts never keep a switch from being taken.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from modelwarden.errors import DriftInvalid
from modelwarden.guard.drift_edges import MOST_BY, read_edges

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from modelwarden.guard.drift import FrozenEdges


class DriftPlan(NamedTuple):
    """What is to be counted.

    Attributes:
        by: dimensions; by the values of each rows are counted apart.
        versions: the edges of those that have them, by label.
    """

    by: tuple[str, ...]
    versions: Mapping[str, FrozenEdges]


def reading_drift(raw: object) -> Generator[None, None, DriftPlan | None]:
    """Read the section, yielding between versions so that other threads run (SG-19)."""
    match raw:
        case {"versions": dict() as versions, "by": list() as by} if len(by) <= MOST_BY:
            pass
        case _:
            return None
    found = {}
    for label, edges in versions.items():
        try:
            found[label] = read_edges(edges)
        except DriftInvalid:
            return None
        yield
    names = tuple(name for name in by if isinstance(name, str))
    return DriftPlan(names, MappingProxyType(found))
