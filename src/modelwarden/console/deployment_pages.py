"""The page of deployments: what is live where and what is on its way, with forms to start one or walk on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from modelwarden.console.desk import Fields, Hashing, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.gate_words import RULES
from modelwarden.console.rollout_words import UNDER_WAY, shown
from modelwarden.deployments import actions
from modelwarden.deployments.answers import deployment_answer, promotion_answer
from modelwarden.errors import FormInvalid, ValueInvalid
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.answers import DeploymentAnswer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.rollouts import PromotionAnswer
from modelwarden.values.words import maybe_named, named

ROWS: Final = 25
MOVING: Final = 10
"""So many that are under way stand above the list."""
LIVE, ALL = "live", "all"


def read_deployments(view: Any, query: Fields, _frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows."""
    show = query.get("show", LIVE)
    found = _found(view, query, Page(limit=ROWS, cursor=query.get("cursor")), show)
    moving: Listing[Any] = Listing(())
    if show == LIVE and "cursor" not in query:
        moving = _found(view, query, Page(limit=MOVING), UNDER_WAY)
    return {
        "rows": [shown(view, each) for each in found.items],
        "more": found.next_cursor,
        "moving": [shown(view, each) for each in moving.items],
        "more_moving": moving.next_cursor is not None,
        "show": show,
        "rules": RULES,
        "given": kept if kept.get("do") == "start" else _start(query),
    }


def deployment_rows(view: Any, query: Fields, page: Page) -> Listing[DeploymentAnswer]:  # noqa: ANN401  # a view
    """Return a part of the list of deployments."""
    found = _found(view, query, page, query.get("show", LIVE))
    return Listing(tuple(deployment_answer(view, each) for each in found.items), found.next_cursor)


def step(do: str, _query: Fields, kept: Fields) -> Hashing:
    """Return the step that the form of the page asks for. Raises FormInvalid, ValueInvalid."""
    if do != "start":
        raise FormInvalid("send a form of the page")
    return starting(kept, kept.get("model", ""), kept.get("version", ""))


def starting(kept: Fields, model: str, version: str) -> Hashing:
    """Return the start in one environment, or the walk through both (RL-39). Raises ValueInvalid."""
    words = kept.get("environment", "").split()
    through = [named(Environment, word, field="environment") for word in words]
    if len(through) > 1:
        return _walking(kept, model, version, through)
    launch = actions.Launch(
        environment=named(Environment, "".join(words), field="environment"),
        strategy=kept.get("strategy") or None,
        notes=kept.get("notes") or None,
        reference=kept.get("reference") or None,
        target=kept.get("target") or None,
    )

    def act(change: Any, prepared: actions.Prepared) -> PromotionAnswer:  # noqa: ANN401  # a change
        done = actions.start(change, model, version, prepared=prepared, launch=launch)
        return promotion_answer(change, actions.Promoted((done,)))

    return Hashing(partial(actions.candidate, model=model, version=version), act)


def _walking(kept: Fields, model: str, version: str, through: list[Environment]) -> Hashing:
    for field in ("strategy", "notes", "reference", "target"):
        if kept.get(field):
            raise ValueInvalid(field, "nothing: a walk goes as the policy of each environment says")

    def act(change: Any, prepared: actions.Prepared) -> PromotionAnswer:  # noqa: ANN401  # a change
        done = actions.promote(change, model, version, through=through, prepared=prepared)
        return promotion_answer(change, done)

    return Hashing(partial(actions.candidate, model=model, version=version), act)


def _found(view: Any, query: Fields, page: Page, show: str) -> Listing[Any]:  # noqa: ANN401  # a view
    state = None if show == ALL else named(actions.DeploymentState, show, field="show")
    place = maybe_named(Environment, query.get("environment"), field="environment")
    found: Listing[Any] = actions.deployments(
        view, page, model=query.get("model"), environment=place, state=state
    )
    return found


def _start(query: Fields) -> Mapping[str, str]:
    """Return what the forms begin with: the address may name a version."""
    return {name: query[name] for name in ("model", "version", "environment") if name in query}


DEPLOYMENTS: Final = Sheet(
    template="deployments.html",
    title="Deployments",
    place="/deployments",
    read=read_deployments,
    names=("show", "model", "environment", "cursor"),
    rows=deployment_rows,
    step=step,
)
