"""What a switch would do, as callers get it."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the API reads the annotations at run time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewAnswer:
    """What a switch would hit if it were put in force now, as far as guards know (SG-7).

    Attributes:
        decisions: of the last hour that live or recent guards told of; `hit` of them match, `unknown` of them may.
        share, share_at_most: in basis points of `decisions`, without and with what may match; none without decisions.
        workers, workers_hit, workers_unknown: guards that live, and those that would or may stop something.
        silent: guards that tell nothing of their decisions.
        missing: dimensions whose values are not known of some calls; those count as `unknown`.
        models: decisions that match or may, by model; the first hundred.
    """

    environment: str
    scope: Mapping[str, Any]
    exception: Mapping[str, Any]
    decisions: int
    hit: int
    unknown: int
    share: int | None
    share_at_most: int | None
    workers: int
    workers_hit: int
    workers_unknown: int
    silent: int
    missing: tuple[str, ...]
    models: Mapping[str, int]
