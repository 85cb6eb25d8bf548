"""The pages of guards: each worker that was heard of, how they behave, and which models nobody guards."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import groupby
from typing import Any, Final, NamedTuple

from modelwarden.console.desk import Change, Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.kill_page import environment_of
from modelwarden.console.rollout_words import candidate
from modelwarden.deployments import actions as releases
from modelwarden.errors import FormInvalid, NotFound, NotPermitted
from modelwarden.registry import actions as registry
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards import actions
from modelwarden.safeguards.fleet.reads import guard_answer
from modelwarden.safeguards.modes.setting import guard_mode_answer
from modelwarden.values.guards import CoverageAnswer, GuardAnswer, GuardModeAnswer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import maybe_named, named

ROWS: Final = 50
Group = tuple[str, str, int, list[GuardAnswer]]
"""Environment, model, the newest generation, and guards."""


class Behaviour(NamedTuple):
    """How the guards of a model behave in an environment, and whom they let answer there.

    Attributes:
        mode: None where the reader may not know.
        stable, going: the version that is live, and the deployment that is on its way.
        loaded: how many of this page's guards have the version that is on its way, of so many that name versions.
    """

    topic: str
    mode: GuardModeAnswer | None
    stable: str | None
    going: Any
    loaded: int
    naming: int


def read_guards(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return a page of guards by model, with the newest generation that one of its guards applied."""
    found = guard_rows(view, query, Page(limit=ROWS, cursor=query.get("cursor")))
    groups = _by_model(found.items)
    return {
        "groups": groups,
        "behaviours": [_behaviour(view, each) for each in groups],
        "more": found.next_cursor,
    }


def step(do: str, _query: Fields, kept: Fields) -> Change:
    """Return the change of how guards behave that a form asks for. Raises FormInvalid, ValueInvalid."""
    if do != "mode":
        raise FormInvalid("send a form of the page")
    environment, _, model = kept.get("topic", "").partition("/")
    act = partial(
        actions.set_guard_mode,
        model=model,
        environment=named(Environment, environment, field="environment"),
        fail=maybe_named(actions.FailMode, kept.get("fail") or None, field="fail"),
        breakers=maybe_named(actions.BreakerMode, kept.get("breakers") or None, field="breakers"),
    )
    return lambda change: guard_mode_answer(change, act(change))


def guard_rows(view: Any, query: Fields, page: Page) -> Listing[GuardAnswer]:  # noqa: ANN401  # a view
    """Return a part of the list of guards."""
    environment = environment_of(query).value if "environment" in query else None
    found = actions.guards(view, page, model=query.get("model"), environment=environment)
    items = tuple(guard_answer(view, each) for each in found.items)
    return Listing(items, found.next_cursor)


def read_coverage(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return a page of models, and how far their guards can be relied on."""
    found = coverage_rows(view, query, Page(limit=ROWS, cursor=query.get("cursor")))
    rows = [each for each in found.items if query.get("show") != "gaps" or _has_gap(each)]
    return {
        "rows": rows,
        "more": found.next_cursor,
        "environment": environment_of(query).value,
        "looked_at": len(found.items),
        "unguarded": sum(not each.guards for each in found.items),
        "gaps": sum(map(_has_gap, found.items)),
    }


def coverage_rows(view: Any, query: Fields, page: Page) -> Listing[CoverageAnswer]:  # noqa: ANN401  # a view
    """Return a part of the list of models with their guards."""
    wanted = registry.ModelFilter(text=query.get("text"))
    return actions.coverage(view, page, environment=environment_of(query), wanted=wanted)


def _has_gap(each: CoverageAnswer) -> bool:
    """Tell whether somebody should look: nobody guards it, or some guard can't be relied on."""
    return each.live < each.guards or not each.guards or bool(each.stale or each.rejecting)


def _behaviour(view: Any, group: Group) -> Behaviour:  # noqa: ANN401  # a view
    environment, model, _, guards = group
    topic, mode, stable, going = f"{environment}/{model}", None, None, None
    try:
        place = named(Environment, environment, field="environment")
        mode = guard_mode_answer(view, actions.guard_mode(view, model, environment=place))
        live = releases.live(view, model, environment=place)
        stable, going = None if live is None else live.label, candidate(view, model, place)
    except (NotFound, NotPermitted):
        pass
    naming = [each for each in guards if each.versions]
    loaded = 0 if going is None else sum(going.label in each.versions for each in naming)
    return Behaviour(topic, mode, stable, going, loaded, len(naming))


def _by_model(guards: tuple[GuardAnswer, ...]) -> list[Group]:
    """Return guards by model and environment; the list comes in that order."""
    grouped = []
    for (environment, model), some in groupby(guards, lambda each: (each.environment, each.model)):
        found = list(some)
        newest = max((each.epoch, each.generation) for each in found)[1]
        grouped.append((environment, model, newest, found))
    return grouped


GUARDS: Final = Sheet(
    template="guards.html",
    title="Guards",
    place="/guards",
    read=read_guards,
    names=("model", "environment", "cursor"),
    rows=guard_rows,
    step=step,
)
COVERAGE: Final = Sheet(
    template="coverage.html",
    title="Coverage",
    place="/guards/coverage",
    read=read_coverage,
    names=("text", "environment", "show", "cursor"),
    rows=coverage_rows,
)
