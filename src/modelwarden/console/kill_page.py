"""The page of kill switches: what is stopped on top, what can be stopped below. It works without script."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from modelwarden.access.actions import handle_of
from modelwarden.console.desk import Change, Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.proposed import proposed
from modelwarden.console.shown import Shown, all_shown
from modelwarden.errors import FormInvalid
from modelwarden.registry import actions as registry
from modelwarden.safeguards import actions
from modelwarden.safeguards.answers import switch_answer
from modelwarden.values.guards import CoverageAnswer
from modelwarden.values.pages import Listing, Page, cursor_for
from modelwarden.values.words import named

CARDS: Final = 10
MODELS: Final = 25
QUICK_S, CALM_S = 2, 10
"""How often the page asks anew by itself: while some worker did not confirm, and else."""

FRESH_S: Final = 600
"""A switch that has stood for longer is looked at calmly, whoever is missing."""


class Stoppable(NamedTuple):
    """A model, who owns it, how its guards are, and how many switches that are in force may touch it."""

    name: str
    owner: str
    type: str
    guards: CoverageAnswer | None
    touching: int


def read(view: Any, query: Fields, frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows."""
    live = _live(view, query, frame)
    cards = all_shown(view, live.items)
    found = registry.models(
        view,
        Page(limit=MODELS, cursor=query.get("models")),
        wanted=registry.ModelFilter(text=query.get("text")),
    )
    environment = environment_of(query)
    return {
        "cards": cards,
        "more_cards": live.next_cursor,
        "models": stoppable(view, found.items, frame, environment),
        "more_models": found.next_cursor,
        "environment": environment.value,
        "proposed": proposed(view, frame.proposals[:CARDS]),
        "seen": kept.get("seen", ""),
        "poll_s": QUICK_S if any(map(_is_waiting, cards)) else CALM_S,
    }


def stoppable(
    view: Any,  # noqa: ANN401  # a view
    models: tuple[Any, ...],
    frame: Frame,
    environment: actions.Environment,
) -> tuple[Stoppable, ...]:
    """Return models as they can be stopped in an environment."""
    guards = {each.model: each for each in actions.guarded(view, models, environment=environment)}
    reaches = [actions.reach_of(each) for each in frame.live if each.environment is environment]
    return tuple(
        Stoppable(
            name=each.name,
            owner=handle_of(view, each.owner),
            type=each.type,
            guards=guards.get(each.name),
            touching=sum(reach.may_touch(each.name, each.type or None) for reach in reaches),
        )
        for each in models
    )


def environment_of(fields: Fields) -> actions.Environment:
    """Return the environment that an address or a form names; production unless said. Raises ValueInvalid."""
    word = fields.get("environment", actions.Environment.PRODUCTION.value)
    return named(actions.Environment, word, field="environment")


def step(do: str, query: Fields, kept: Fields) -> Change:
    """Return the move that a form asks for. Raises FormInvalid."""
    switch, notes = query.get("switch") or kept.get("switch", ""), kept.get("notes", "")
    move = MOVES.get(do)
    if move is None:
        raise FormInvalid("send a form of the page")
    words = notes or None if do == "withdraw" else notes
    more = {"verification": kept.get("verification") or None} if do == "request" else {}
    act = partial(move, switch_id=switch, notes=words, **more)
    return lambda change: switch_answer(change, act(change))


MOVES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "request": actions.request_release,
        "confirm": actions.confirm_release,
        "refuse": actions.refuse_release,
        "withdraw": actions.withdraw_release,
    }
)


def _live(view: Any, query: Fields, frame: Frame) -> Listing[Any]:  # noqa: ANN401  # a view
    """Return a page of what is in force; the frame knows the first."""
    if "live" in query:
        page = Page(limit=CARDS, cursor=query["live"])
        return actions.switches(view, page, wanted=actions.SwitchFilter(live=True))
    first = frame.live[:CARDS]
    return Listing(first, cursor_for(first[-1].id) if len(frame.live) > CARDS else None)


def _is_waiting(card: Shown) -> bool:
    """Tell whether more workers may confirm soon."""
    return card.standing is not None and card.standing.is_awaited and card.seconds < FRESH_S


KILL: Final = Sheet(
    template="kill.html",
    title="Kill switches",
    place="/kill-switches",
    read=read,
    names=("text", "environment", "models", "live"),
    step=step,
)
