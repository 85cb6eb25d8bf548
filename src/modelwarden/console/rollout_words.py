"""Deployments as pages show them: their state and traffic in words, their steps, and who agreed to them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from modelwarden.access.actions import handle_of
from modelwarden.approvals import actions as approvals
from modelwarden.deployments import actions
from modelwarden.deployments.answers import deployment_answer
from modelwarden.errors import NotFound
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.answers import DeploymentAnswer
from modelwarden.values.pages import Page

ONE: Final = Page(limit=1)
UNDER_WAY: Final = "in_progress"
STATES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        UNDER_WAY: ("info", "Rolling out"),
        "live": ("ok", "Live"),
        "superseded": ("mut", "Superseded"),
        "rolled_back": ("warn", "Rolled back"),
        "aborted": ("mut", "Broken off"),
        "failed": ("bad", "Failed"),
    }
)


class Leg(NamedTuple):
    """One step: its number, traffic and time; `done`, `now`, `left`, or `ended` where it ended."""

    number: int
    traffic: int
    bake_s: int
    mark: str


class Shown(NamedTuple):
    """A deployment for a page.

    `traffic` is its share now: what is live has what a candidate on its way leaves it. `agreed` is who approved it;
    None where the reader may not know, or nobody was asked.
    """

    deployment: DeploymentAnswer
    traffic: int
    standing: tuple[str, str]
    legs: tuple[Leg, ...]
    agreed: tuple[str, ...] | None


def shown(view: Any, found: Any) -> Shown:  # noqa: ANN401  # a view, and what rooms hold
    """Return a deployment for a page."""
    answer = deployment_answer(view, found)
    taken = candidate_share(view, found) if answer.state == "live" else 0
    return Shown(
        deployment=answer,
        traffic=answer.traffic - taken,
        standing=_standing(answer),
        legs=_legs(answer),
        agreed=agreed(view, answer.request),
    )


def candidate_share(view: Any, found: Any) -> int:  # noqa: ANN401  # a view, a deployment
    """Return the percentage that a candidate on its way has in the place of a deployment."""
    going = candidate(view, found.model, found.environment)
    return 0 if going is None else going.traffic


def candidate(view: Any, model: str, environment: Environment) -> Any:  # noqa: ANN401  # a view, a deployment
    """Return the deployment that is on its way there; there is one at most."""
    items = actions.deployments(
        view,
        ONE,
        model=model,
        environment=environment,
        state=actions.DeploymentState.IN_PROGRESS,
    ).items
    return items[0] if items else None


def agreed(view: Any, request: str | None) -> tuple[str, ...] | None:  # noqa: ANN401  # a view
    """Return who said yes to a request, by handle, in the order of their answers; None where it is not to be read."""
    if request is None:
        return None
    try:
        dossier = approvals.approval(view, request)
    except NotFound:
        return None
    given = (d for d in dossier.decisions if d.stands and d.verdict is approvals.Answer.APPROVE)
    return tuple(handle_of(view, each.actor) for each in given)


def _standing(answer: DeploymentAnswer) -> tuple[str, str]:
    if answer.state == UNDER_WAY and answer.held:
        return "warn", "Held"
    if answer.state == "live" and answer.approve_by is not None and answer.approved_at is None:
        return "warn", "Live, not approved yet"
    return STATES[answer.state]


def _legs(answer: DeploymentAnswer) -> tuple[Leg, ...]:
    at = answer.step or 0
    return tuple(
        Leg(number, step.traffic, step.bake_s, _mark(answer.state, number, at))
        for number, step in enumerate(answer.steps, 1)
    )


def _mark(state: str, number: int, at: int) -> str:
    if number < at or (number == at and state in {"live", "superseded"}):
        return "done"
    if number > at:
        return "left"
    return "now" if state == UNDER_WAY else "ended"
