"""The page of seats: which questions wait for the reader, who stands in for whom, and the groups that seats name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from modelwarden.access import actions
from modelwarden.access.answers import delegation_answer, delegations_answer, group_answer
from modelwarden.approvals import actions as approvals
from modelwarden.approvals.answers import dossier_answer
from modelwarden.console.desk import Change, Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.errors import FormInvalid, NotPermitted, ValueInvalid
from modelwarden.values.approvals import TimesAnswer
from modelwarden.values.pages import Page

ROWS: Final = 25
LONGEST_DAYS: Final = 4
"""Digits of a number of days."""


def read_seats(view: Any, query: Fields, _frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows."""
    page = Page(limit=ROWS, cursor=query.get("cursor"))
    waiting = approvals.approvals(view, page, waiting_for_me=True)
    groups = actions.groups(view, Page(limit=ROWS, cursor=query.get("groups")))
    return {
        "waiting": [
            dossier_answer(view, approvals.approval(view, one.id)) for one in waiting.items
        ],
        "more": waiting.next_cursor,
        "times": _times(view),
        "delegations": delegations_answer(view, actions.delegations(view)),
        "groups": [group_answer(view, one) for one in groups.items],
        "more_groups": groups.next_cursor,
        "given": kept,
    }


def step(do: str, _query: Fields, kept: Fields) -> Change:
    """Return the step that a form of the page asks for. Raises FormInvalid, ValueInvalid."""
    group, user = kept.get("group", ""), kept.get("user", "")
    if do in {"delegate", "end"}:
        act = (
            partial(actions.delegate, user=user, reason=kept.get("reason", ""), days=_days(kept))
            if do == "delegate"
            else partial(actions.end_delegation, delegation_id=kept.get("delegation", ""))
        )
        return lambda change: delegation_answer(change, act(change))
    acts: Mapping[str, Any] = {
        "create": partial(actions.create_group, name=group),
        "add": partial(actions.add_member, group=group, user=user),
        "remove": partial(actions.remove_member, group=group, user=user),
    }
    if do not in acts:
        raise FormInvalid("send a form of the page")
    return lambda change: group_answer(change, acts[do](change))


def _times(view: Any) -> TimesAnswer | None:  # noqa: ANN401  # a view
    try:
        return approvals.times(view)
    except NotPermitted:
        return None


def _days(kept: Fields) -> int:
    text = kept.get("days", "")
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_DAYS):
        raise ValueInvalid("days", "a whole number, such as 7")
    return int(text)


SEATS: Final = Sheet(
    template="seats.html",
    title="Seats",
    place="/seats",
    read=read_seats,
    names=("cursor", "groups"),
    step=step,
)
