"""The page of the identity map: whose the accounts in other systems are, and forms to ask for a change and make it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from modelwarden.access import actions
from modelwarden.access.answers import identity_answer
from modelwarden.approvals import actions as approvals
from modelwarden.approvals.answers import request_answer
from modelwarden.console.desk import Change, Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.errors import FormInvalid, NotFound, NotPermitted
from modelwarden.values.identities import IdentityAnswer
from modelwarden.values.pages import Listing, Page

ROWS: Final = 25
ASKED: Final = Page(limit=25)
"""So many of the newest questions of a state are looked through for those about the map."""
MAP: Final = "identity.map"
USED_WITHIN: Final = timedelta(hours=24)
"""An approved request is carried out within a day (AC-41)."""


class Row(NamedTuple):
    """A person's account here, and theirs in other systems."""

    user: str
    status: str
    identities: tuple[IdentityAnswer, ...]


class Asked(NamedTuple):
    """A question about the map: whose which account shall be; `is_mine` where the reader can carry it out now."""

    id: str
    user: str
    issuer: str
    subject: str
    requester: str
    until: Any
    is_open: bool
    is_mine: bool


def read_identities(view: Any, query: Fields, frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows."""
    people, sees_all = _people(view, query, Page(limit=ROWS, cursor=query.get("cursor")))
    return {
        "rows": [
            Row(actions.handle_of(view, each.id), each.status.value, _identities(view, each.id))
            for each in people.items
        ],
        "more": people.next_cursor,
        "sees_all": sees_all,
        "asked": _asked(view, frame),
        "given": kept,
    }


def identity_rows(view: Any, query: Fields, page: Page) -> Listing[IdentityAnswer]:  # noqa: ANN401  # a view
    """Return the accounts elsewhere of a part of the people."""
    people, _ = _people(view, query, page)
    found = [each for one in people.items for each in _identities(view, one.id)]
    return Listing(tuple(found), people.next_cursor)


def step(do: str, _query: Fields, kept: Fields) -> Change:
    """Return the step that a form of the page asks for. Raises FormInvalid."""
    user, issuer, subject = (kept.get(name, "") for name in ("user", "issuer", "subject"))
    if do == "ask":
        ask = partial(
            approvals.request_access,
            action=MAP,
            payload={"user": user, "issuer": issuer, "subject": subject},
            justification=kept.get("justification", ""),
        )
        return lambda change: request_answer(change, ask(change))
    if do == "map":
        act = partial(actions.map_identity, user=user, issuer=issuer, subject=subject)
        return lambda change: identity_answer(change, act(change))
    raise FormInvalid("send a form of the page")


def _people(view: Any, query: Fields, page: Page) -> tuple[Listing[Any], bool]:  # noqa: ANN401  # a view
    """Return the people whose accounts the reader may see, and whether that is everybody; one's own always."""
    if "user" in query:
        return Listing((actions.user(view, query["user"]),)), False
    try:
        return actions.users(view, page), True
    except NotPermitted:
        return Listing((actions.me(view),)), False


def _identities(view: Any, user: str) -> tuple[IdentityAnswer, ...]:  # noqa: ANN401  # a view
    return tuple(identity_answer(view, one) for one in actions.identities(view, user))


def _asked(view: Any, frame: Frame) -> list[Asked]:  # noqa: ANN401  # a view
    """Return the questions about the map that are open, or approved and not carried out, as far as they may be read."""
    states = (approvals.RequestState.OPEN, approvals.RequestState.APPROVED)
    kind = approvals.RequestType.ACCESS
    found = [
        each for state in states for each in approvals.approvals(view, ASKED, state=state, kind=kind).items
    ]  # fmt: skip
    about = [each for each in found if each.action == MAP and not _is_over(each, frame)]
    return [_shown(view, each) for each in about if not _is_done(view, each)]


def _is_over(asked: Any, frame: Frame) -> bool:  # noqa: ANN401  # a request
    if asked.state is approvals.RequestState.OPEN:
        return bool(frame.now >= asked.expires_at)
    return bool(frame.now >= asked.closed_at + USED_WITHIN)


def _is_done(view: Any, asked: Any) -> bool:  # noqa: ANN401  # a view, a request
    """Tell whether it is as asked already, as far as the reader may see it."""
    exact = asked.payload or {}
    try:
        theirs = _identities(view, str(exact.get("user", "")))
    except NotFound:
        return False
    wanted = exact.get("issuer"), exact.get("subject")
    return any((each.issuer, each.subject) == wanted for each in theirs)


def _shown(view: Any, asked: Any) -> Asked:  # noqa: ANN401  # a view, a request
    is_open, exact = asked.state is approvals.RequestState.OPEN, asked.payload or {}
    return Asked(
        id=asked.id,
        user=actions.handle_of(view, str(exact.get("user", ""))),
        issuer=str(exact.get("issuer", "")),
        subject=str(exact.get("subject", "")),
        requester=actions.handle_of(view, asked.requester),
        until=asked.expires_at if is_open else asked.closed_at + USED_WITHIN,
        is_open=is_open,
        is_mine=not is_open and asked.requester == view.actor,
    )


IDENTITIES: Final = Sheet(
    template="identities.html",
    title="Identity map",
    place="/identities",
    read=read_identities,
    names=("user", "cursor"),
    rows=identity_rows,
    step=step,
)
