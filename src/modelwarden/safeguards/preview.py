"""What a switch would do if it were put in force now: shown, never waited for (SG-7).

It rests on what guards say of themselves: how many they are, and how many decisions they made in the last hour by what
their places have fixed. Of a dimension that no place has fixed nothing is known, and the answer says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access.allowed import readable
from modelwarden.guard.compiled import compile_switches
from modelwarden.guard.match import NOTHING
from modelwarden.guard.scope import Scope, parse_except, parse_scope
from modelwarden.permissions import Permission
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.fleet import queries as fleet
from modelwarden.safeguards.fleet.instance import GONE, LOST, Cell
from modelwarden.safeguards.fleet.reports import topic_resource
from modelwarden.safeguards.reach import MODEL, TYPE
from modelwarden.safeguards.snapshots import queries as snapshots
from modelwarden.safeguards.snapshots.body import Topic
from modelwarden.values.previews import PreviewAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modelwarden.guard.match import Matcher
    from modelwarden.safeguards.fleet.instance import Instance
    from modelwarden.store.change import View

HOUR: Final = timedelta(hours=1)
PREVIEWED: Final = "preview"
MOST_MODELS: Final = 100
SILENT: Final = (Cell({}, 0),)
"""What is looked at of a guard that tells nothing of its decisions: whether it may be hit at all."""


class Tally(NamedTuple):
    """Decisions and guards of one model, or of all together.

    Attributes:
        decisions, hit, unknown: of the last hour: all, those that match, and those that match if what is missing does.
        workers, workers_hit, workers_unknown: guards that live, and those of which some call may match.
    """

    decisions: int = 0
    hit: int = 0
    unknown: int = 0
    workers: int = 0
    workers_hit: int = 0
    workers_unknown: int = 0

    def plus(self, other: Tally) -> Tally:
        """Return both together."""
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a scope hits.

    Attributes:
        missing: dimensions that it names and that are not known of some calls that it may hit.
        silent: guards that tell nothing of their decisions.
    """

    environment: Environment
    scope: Scope
    exception: Scope
    total: Tally
    models: Mapping[str, Tally]
    missing: frozenset[str] = field(default=frozenset())
    silent: int = 0


def preview(
    view: View,
    scope: Mapping[str, object],
    *,
    exception: Mapping[str, object] | None = None,
    environment: Environment = Environment.PRODUCTION,
) -> Preview:
    """Return what a switch with this scope would hit, of models whose switches the caller may read.

    A scope that names nothing is everything here, since nothing is stopped. Raises UnknownDimension, ValueInvalid.
    """
    configured = view.settings.switch_dimensions
    wanted = parse_scope(scope, configured=configured, everything=not scope)
    carved = parse_except(exception or {}, configured=configured)
    rule = {
        "id": PREVIEWED,
        "scope": wanted.as_json(),
        "except": carved.as_json(),
        "action": "block",
        "unknown": "match",
    }
    matcher = compile_switches([rule], configured=configured)
    heard = _readable(view, fleet.instances_heard(view, view.now - HOUR, environment.value))
    types = snapshots.types_of(view, sorted({each.model for each in heard}))
    models: dict[str, Tally] = {}
    missing: set[str] = set()
    for each in heard:
        is_live = view.now - each.heard_at < LOST and each.state != GONE
        found = _tally(each, types.get(each.model), matcher, missing, is_live=is_live)
        models[each.model] = models.get(each.model, Tally()).plus(found)
    total = Tally()
    for tally in models.values():
        total = total.plus(tally)
    return Preview(
        environment=environment,
        scope=wanted,
        exception=carved,
        total=total,
        models={name: tally for name, tally in models.items() if tally.workers or tally.decisions},
        missing=frozenset(missing),
        silent=sum(each.traffic is None for each in heard),
    )


def _tally(
    instance: Instance,
    model_type: str | None,
    matcher: Matcher,
    missing: set[str],
    *,
    is_live: bool,
) -> Tally:
    """Return what one guard adds; a value that is known of no call is told in `missing`."""
    about = {MODEL: instance.model} | ({} if model_type is None else {TYPE: model_type})
    hit = unknown = decisions = 0
    is_hit = is_open = False
    cells = instance.traffic.cells if instance.traffic is not None else ()
    for context, n in cells or SILENT:
        decisions += n
        match = matcher.match({**context, **about})
        if match is NOTHING:
            continue
        if match.missing:
            missing.update(match.missing)
            unknown, is_open = unknown + n, True
        else:
            hit, is_hit = hit + n, True
    return Tally(
        decisions=decisions,
        hit=hit,
        unknown=unknown,
        workers=int(is_live),
        workers_hit=int(is_live and is_hit),
        workers_unknown=int(is_live and is_open and not is_hit),
    )


def _readable(view: View, heard: Iterable[Instance]) -> list[Instance]:
    found = list(heard)
    may = {
        topic: readable(view, Permission.SWITCH_READ, on=topic_resource(view, topic))
        for topic in {Topic(each.environment, each.model) for each in found}
    }
    return [each for each in found if may[Topic(each.environment, each.model)]]


def preview_answer(_view: View, found: Preview) -> PreviewAnswer:
    """Return a preview as callers see it."""
    total = found.total
    known = total.decisions > 0
    return PreviewAnswer(
        environment=found.environment.value,
        scope=found.scope.as_json(),
        exception=found.exception.as_json(),
        decisions=total.decisions,
        hit=total.hit,
        unknown=total.unknown,
        share=total.hit * 10_000 // total.decisions if known else None,
        share_at_most=-(-(total.hit + total.unknown) * 10_000 // total.decisions)
        if known
        else None,
        workers=total.workers,
        workers_hit=total.workers_hit,
        workers_unknown=total.workers_unknown,
        silent=found.silent,
        missing=tuple(sorted(found.missing)),
        models={
            name: tally.hit + tally.unknown
            for name, tally in sorted(found.models.items())[:MOST_MODELS]
            if tally.workers_hit or tally.workers_unknown or tally.hit or tally.unknown
        },
    )
