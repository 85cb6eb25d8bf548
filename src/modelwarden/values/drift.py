"""Drift references and drift, as callers get them."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the API reads the annotations at run time
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReferenceAnswer:
    """What a version's features looked like when it was registered.

    Attributes:
        sha256: what the version's registration names.
        edges_sha256: what counts of guards name.
        features: by name, `low` and `uppers` as decimal text or `names`, and `counts` of the reference table.
    """

    model: str
    version: str
    sha256: str
    edges_sha256: str
    features: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDriftAnswer:
    """How far one feature lies from its reference in a window.

    Attributes:
        psi: the index less what chance alone makes; null is unknown: too few rows.
        counts: rows by cell, in the order of the reference.
    """

    feature: str
    psi: float | None
    n: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDriftAnswer:
    """How a part of the traffic stands.

    Attributes:
        value: of the dimension; null is what has no own count, or all traffic where no dimension is asked for.
        state: trip, observe, note or none by the windows so far; unknown where the last one has too few rows, and no
            alarm stands from before.
        psi: the largest among the features in the last window.
        psi_by_window: oldest first; the last one is `psi`.
        features: of the last window, worst first.
    """

    value: str | None
    state: str
    psi: float | None
    n: int
    psi_by_window: tuple[float | None, ...]
    features: tuple[FeatureDriftAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftAnswer:
    """Drift of one version in one environment, worst part of its traffic first.

    Attributes:
        since, until: the last window; `window_s` is its length, and that of those before.
        reference_sha256: the reference compared with, so that each index can be computed again from its counts.
    """

    model: str
    version: str
    environment: str
    by: str | None
    window_s: int
    since: datetime
    until: datetime
    reference_sha256: str
    groups: tuple[GroupDriftAnswer, ...]
