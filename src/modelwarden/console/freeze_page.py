"""The page of freezes: when nothing goes forward, why, and forms to set and lift one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

from modelwarden.console.desk import Change, Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.deployments import actions
from modelwarden.deployments.answers import freeze_answer
from modelwarden.errors import FormInvalid, ValueInvalid
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.pages import Listing, Page
from modelwarden.values.rollouts import FreezeAnswer
from modelwarden.values.words import maybe_named, named

ROWS: Final = 25


class Shown(NamedTuple):
    """A freeze with its state in words; `is_over` where it holds nothing up any more."""

    freeze: FreezeAnswer
    standing: tuple[str, str]
    is_over: bool


def read_freezes(view: Any, query: Fields, frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows."""
    found = freeze_rows(view, query, Page(limit=ROWS, cursor=query.get("cursor")))
    return {
        "rows": [_shown(each, frame.now) for each in found.items],
        "more": found.next_cursor,
        "given": kept if kept.get("do") == "freeze" else {},
    }


def freeze_rows(view: Any, query: Fields, page: Page) -> Listing[FreezeAnswer]:  # noqa: ANN401  # a view
    """Return a part of the list of freezes."""
    place = maybe_named(Environment, query.get("environment"), field="environment")
    found = actions.freezes(view, page, environment=place)
    return Listing(tuple(freeze_answer(view, each) for each in found.items), found.next_cursor)


def step(do: str, _query: Fields, kept: Fields) -> Change:
    """Return the step that a form of the page asks for. Raises FormInvalid, ValueInvalid."""
    if do == "lift":
        lift = partial(actions.lift_freeze, freeze_id=kept.get("freeze", ""))
        return lambda change: freeze_answer(change, lift(change))
    if do != "freeze":
        raise FormInvalid("send a form of the page")
    ends_at = _moment(kept, "until")
    if ends_at is None:
        raise ValueInvalid("until", "a time in UTC, such as 2026-12-27 08:00")
    wanted = actions.NewFreeze(
        ends_at=ends_at,
        starts_at=_moment(kept, "since"),
        environment=named(Environment, kept.get("environment", ""), field="environment"),
        model=kept.get("model") or None,
    )
    act = partial(actions.add_freeze, wanted=wanted, reason=kept.get("reason", ""))
    return lambda change: freeze_answer(change, act(change))


def _moment(kept: Fields, field: str) -> datetime | None:
    """Return a moment in UTC, to the minute."""
    text = kept.get(field, "")
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    except ValueError as error:
        raise ValueInvalid(field, "a time in UTC, such as 2026-12-27 08:00") from error


def _shown(each: FreezeAnswer, now: datetime) -> Shown:
    if each.lifted_at is not None:
        return Shown(each, ("mut", "Lifted"), is_over=True)
    if now >= each.ends_at:
        return Shown(each, ("mut", "Over"), is_over=True)
    standing = ("warn", "In force") if now >= each.starts_at else ("info", "Comes")
    return Shown(each, standing, is_over=False)


FREEZES: Final = Sheet(
    template="freezes.html",
    title="Freezes",
    place="/freezes",
    read=read_freezes,
    names=("environment", "cursor"),
    rows=freeze_rows,
    step=step,
)
