"""The page of local stops: what guards block by themselves, which people adopt as a switch or drop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from modelwarden.console.desk import Change, Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.words import gets_words, scope_words
from modelwarden.errors import FormInvalid, ValueInvalid
from modelwarden.safeguards import actions
from modelwarden.safeguards.local_stops.reads import adopted_answer, local_stop_answer
from modelwarden.values.local_stops import LocalStopAnswer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import maybe_named

CARDS: Final = 25
ROWS: Final = 25
EVERYTHING: Final = "everything"


class Stopped(NamedTuple):
    """A local stop with its words; `name` is what somebody types who adopts it."""

    stop: LocalStopAnswer
    scope: str
    gets: str
    name: str
    seconds: float


def read(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows: what waits for a person, then what was decided or is over."""
    waiting = actions.local_stops(
        view, Page(limit=CARDS, cursor=query.get("standing")), standing=True
    )
    ever = actions.local_stops(view, Page(limit=ROWS, cursor=query.get("cursor")))
    shown = {each.id for each in waiting.items}
    return {
        "cards": stopped(view, waiting.items),
        "more_cards": waiting.next_cursor,
        "rows": stopped(
            view,
            [each for each in ever.items if each.id not in shown and not _waits(each)],
        ),
        "more": ever.next_cursor,
    }


def rows(view: Any, _query: Fields, page: Page) -> Listing[LocalStopAnswer]:  # noqa: ANN401  # a view
    """Return a part of all local stops that ever were."""
    found = actions.local_stops(view, page)
    return Listing(tuple(local_stop_answer(view, each) for each in found.items), found.next_cursor)


def step(do: str, _query: Fields, kept: Fields) -> Change:
    """Return what a form asks for. Raises FormInvalid, ValueInvalid."""
    stop, words = kept.get("stop", ""), kept.get("notes", "")
    if do == "drop":
        drop = partial(actions.drop_local_stop, stop_id=stop, notes=words)
        return lambda change: local_stop_answer(change, drop(change))
    if do != "adopt":
        raise FormInvalid("send a form of the page")
    typed = kept.get("typed", "")
    severity = maybe_named(actions.SwitchSeverity, kept.get("severity") or None, field="severity")
    adopt = partial(
        actions.adopt_local_stop,
        stop_id=stop,
        reason=words,
        severity=severity,
        everything=typed == EVERYTHING,
    )

    def act(change: Any) -> LocalStopAnswer:  # noqa: ANN401  # a change
        name = _name(local_stop_answer(change, actions.local_stop(change, stop)))
        if typed != name:
            raise ValueInvalid("typed", f"{name}, typed once more")
        return adopted_answer(change, adopt(change))

    return act


def stopped(view: Any, stops: Iterable[Any]) -> list[Stopped]:  # noqa: ANN401  # a view
    """Return local stops with their words."""
    found = []
    for each in stops:
        answer = local_stop_answer(view, each)
        found.append(
            Stopped(
                stop=answer,
                scope=scope_words(answer),
                gets=gets_words(answer),
                name=_name(answer),
                seconds=max(0.0, ((answer.ended_at or view.now) - answer.since).total_seconds()),
            )
        )
    return found


def _name(stop: LocalStopAnswer) -> str:
    """Return what is typed once more: everything, or the model of the guard that reported it."""
    return EVERYTHING if stop.everything else stop.model


def _waits(stop: Any) -> bool:  # noqa: ANN401  # what the room holds
    return stop.state == "standing" and stop.ended_at is None


LOCAL_STOPS: Final = Sheet(
    template="local_stops.html",
    title="Local stops",
    place="/local-stops",
    read=read,
    names=("standing", "cursor"),
    rows=rows,
    step=step,
)
