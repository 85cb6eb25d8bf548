"""How use cases are used: what guards count for them, and what is measured of them by hand (SL-40).

Guards tell what they count for their model and, where they serve one use case, for that as well. So two use cases of
one model are told apart and no attempt counts twice; what guards count that serve none is nobody's: `unattributed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.use_cases.reads import use_case
from modelwarden.sla import queries
from modelwarden.sla.defining import known_sli, may_read
from modelwarden.sla.kept import queries as kept
from modelwarden.sla.reads import (
    DAY,
    Point,
    Span,
    Stretch,
    counts_of,
    parts_of,
    points_of,
    span,
    stretch,
    whole_of,
)
from modelwarden.sla.sli import PRODUCTION, Guarded, ResourceType
from modelwarden.values.words import named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName, UseCaseName

BACK: Final = 30 * DAY
"""How far it looks back unless asked otherwise, in minutes."""
MOST_MODELS: Final = 20
"""Models whose counts are read for one answer of up to 30 days; the longer the time, the fewer."""
MOST_MANUAL: Final = 20
MOST_DEFINED: Final = 1_000
"""Definitions among which those are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfModel:
    """What guards of one model counted for a use case.

    Attributes:
        unattributed: attempts at the model that were counted for no use case at all; None where nobody counted.
        last_used: the minute of the last attempt, later the five minutes and then the hour; None for none in this time.
    """

    model: ModelName
    whole: Point
    unattributed: int | None
    last_used: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manual:
    """What was measured of a use case under a definition; it may count the same attempts, so it is added to nothing."""

    sli: str
    whole: Point
    last_used: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How a use case was used in a time: guards' counts added up over its models, step by step; minutes.

    Attributes:
        left_out: models that the caller may not see, or that are too many for one answer; they are in no figure.
    """

    name: UseCaseName
    environment: str
    when: Span
    whole: Point
    points: tuple[Point, ...]
    models: tuple[OfModel, ...]
    manual: tuple[Manual, ...]
    left_out: int

    @property
    def last_used(self) -> int | None:
        """Return when guards last counted an attempt, over all models."""
        return max(
            (one.last_used for one in self.models if one.last_used is not None), default=None
        )


def usage(
    view: View,
    name: str,
    *,
    environment: str = PRODUCTION,
    since: datetime | None = None,
    until: datetime | None = None,
    step: str | None = None,
) -> Usage:
    """Return how a use case was used, in the last 30 days unless asked otherwise.

    Raises:
        UseCaseNotFound.
        ValueInvalid: as of `series`, or an environment that is none.
    """
    found = use_case(view, name)
    place = named(Environment, environment, field="environment").value
    when = span(view, since, until, step, back=BACK)
    counted: list[list[Point]] = []
    models = []
    most = min(MOST_MODELS, max(1, round(MOST_MODELS * BACK / (when.last - when.first))))
    for model in found.models[:most]:
        of = Guarded(model, place, found.name).name
        sli = known_sli(view, of)
        if sli is not None and may_read(view, sli):
            part = stretch(view, of, when)
            points = points_of(part, when)
            if part.slots:
                counted.append(points)
            models.append(
                OfModel(
                    model=model,
                    whole=whole_of(points),
                    unattributed=_unattributed(view, model, place, when),
                    last_used=_last_used(part),
                )
            )
    steps = tuple(map(_side_by_side, zip(*counted, strict=True))) or tuple(
        points_of(Stretch([], []), when)
    )
    return Usage(
        name=found.name,
        environment=place,
        when=when,
        whole=whole_of(steps),
        points=steps,
        models=tuple(models),
        manual=_manual(view, found.name, place, when),
        left_out=len(found.models) - len(models),
    )


def _manual(view: View, name: str, place: str, when: Span) -> tuple[Manual, ...]:
    """Return what the caller may see of this environment; definitions of elsewhere take no place from it."""
    found: list[Manual] = []
    for sli in queries.about(view, ResourceType.USE_CASE, name, limit=MOST_DEFINED):
        if len(found) == MOST_MANUAL:
            break
        if sli.labels.get("environment", PRODUCTION) == place and may_read(view, sli):
            part = stretch(view, sli.name, when)
            whole = whole_of(points_of(part, when))
            found.append(Manual(sli=sli.name, whole=whole, last_used=_last_used(part)))
    return tuple(found)


def _side_by_side(points: Sequence[Point]) -> Point:
    """Add up what several models' guards counted at one time; how much was heard is the mean."""
    return Point(
        start=points[0].start,
        minutes=points[0].minutes,
        counts=counts_of(points),
        seen=sum(one.seen for one in points) // len(points),
        dropped=sum(one.dropped for one in points),
    )


def _last_used(part: Stretch) -> int | None:
    return max((slot.start for slot in part.slots if slot.counts.total), default=None)


def _unattributed(view: View, model: ModelName, place: str, when: Span) -> int | None:
    """Return how many attempts at a model were counted for no use case; None where nobody counted."""
    sli, parts = Guarded(model, place).name, parts_of(view, when)
    found = [
        kept.total_between(view, sli, width=width, since=since, until=until)
        for width, since, until in parts
    ]
    counted = [total for total in found if total is not None]
    if not counted:
        return None
    labelled = sum(
        kept.labelled_between(view, sli, width=width, since=since, until=until)
        for width, since, until in parts
    )
    return max(0, sum(counted) - labelled)
