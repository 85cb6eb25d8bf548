"""The pages of guards: each worker that was heard of, and which models nobody guards."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

from modelwarden.console.desk import Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.kill_page import environment_of
from modelwarden.registry import actions as registry
from modelwarden.safeguards import actions
from modelwarden.safeguards.fleet.reads import guard_answer
from modelwarden.values.guards import CoverageAnswer, GuardAnswer
from modelwarden.values.pages import Listing, Page

ROWS: Final = 50


def read_guards(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return a page of guards by model, with the newest generation that one of its guards applied."""
    found = guard_rows(view, query, Page(limit=ROWS, cursor=query.get("cursor")))
    return {"groups": _by_model(found.items), "more": found.next_cursor}


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


def _by_model(
    guards: tuple[GuardAnswer, ...],
) -> list[tuple[str, str, int, list[GuardAnswer]]]:
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
)
COVERAGE: Final = Sheet(
    template="coverage.html",
    title="Coverage",
    place="/guards/coverage",
    read=read_coverage,
    names=("text", "environment", "show", "cursor"),
    rows=coverage_rows,
)
