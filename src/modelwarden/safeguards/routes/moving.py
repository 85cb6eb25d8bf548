"""Moving a route, telling it, and how snapshots and rooms above read it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.facts.kinds import Code
from modelwarden.facts.safeguards import RouteMoved
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.fleet import queries as fleet
from modelwarden.safeguards.fleet.instance import LATE, LISTED
from modelwarden.safeguards.routes import queries
from modelwarden.values.ids import ModelName, version_name

if TYPE_CHECKING:
    from modelwarden.safeguards.routes.route import RouteTable
    from modelwarden.safeguards.snapshots.body import Topic
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import Label

MOST_WORKERS: Final = 10_000


class Readiness(NamedTuple):
    """How many workers that name versions are heard of now, and how many of them have one loaded (SG-32).

    Attributes:
        listed: heard of within a day, and not gone: with some of them and none live, nothing is known.
    """

    live: int = 0
    loaded: int = 0
    listed: int = 0


def move_route(change: Change, route: RouteTable) -> RouteTable:
    """Give guards another route, within the change of a room above, which authorised it. Raises RouteInvalid."""
    before = queries.find_route(change, route.environment, route.model)
    if before is not None and before.as_body() == route.as_body():
        return before
    if before is not None:
        left = sorted(before.labels - route.labels)
        previous = left[0] if left else before.previous
        route = replace(route, previous=previous, revision=before.revision)
    moved = change.save(route)
    model = moved.model
    change.record(
        RouteMoved(
            deployment=moved.deployment,
            model=model,
            environment=Code(moved.environment),
            stable=version_name(model, moved.stable),
            candidate=None if moved.candidate is None else version_name(model, moved.candidate),
            share=moved.share,
            shadow=None if moved.shadow is None else version_name(model, moved.shadow),
        )
    )
    return moved


def route_body(view: View, topic: Topic) -> dict[str, object] | None:
    """Return the route as the snapshot of a topic holds it."""
    if topic.environment not in set(Environment):
        return None
    found = queries.find_route(view, Environment(topic.environment), ModelName(topic.model))
    return None if found is None else found.as_body()


def routed_labels(view: View, environment: Environment, model: ModelName) -> frozenset[Label]:
    """Return the versions that workers may have loaded: those of the route, and one before them, which gets no call."""
    found = queries.find_route(view, environment, model)
    if found is None:
        return frozenset()
    return found.labels if found.previous is None else found.labels | {found.previous}


def readiness(
    view: View, environment: Environment, model: ModelName, *, label: Label, sha256: str | None
) -> Readiness:
    """Return how many workers have a version loaded; with another artifact it is not loaded.

    A worker that names no version serves what it serves whatever the route says, and is not counted.
    """
    heard = fleet.instances_after(
        view,
        ("",) * 4,
        since=view.now - LISTED,
        environment=environment.value,
        model=model,
        limit=MOST_WORKERS,
    )
    listed = [each for each in heard if each.versions]
    live = [each for each in listed if view.now - each.heard_at < LATE]
    loaded = [
        each
        for each in live
        if any(one.label == label and one.sha256 in {None, sha256} for one in each.versions)
    ]
    return Readiness(len(live), len(loaded), len(listed))
