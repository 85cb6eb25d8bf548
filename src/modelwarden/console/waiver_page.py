"""The page of waivers: which there are, what each lets pass until when; forms to ask, sign and end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from modelwarden.access.actions import handle_of
from modelwarden.approvals import actions
from modelwarden.approvals.answers import dossier_answer, request_answer
from modelwarden.console.desk import Change, Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.errors import FormInvalid, ValueInvalid
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.answers import RequestAnswer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import maybe_named, named

ROWS: Final = 25
STATES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "open": ("info", "Waits to be signed"),
        "approved": ("warn", "In force"),
        "rejected": ("bad", "Rejected"),
        "withdrawn": ("mut", "Taken back"),
        "expired": ("mut", "Never signed"),
        "void": ("mut", "Over"),
    }
)


class Shown(NamedTuple):
    """A waiver with its check, who sees to it, and its state in words."""

    waiver: RequestAnswer
    check: str
    owner: str
    standing: tuple[str, str]


def read_waivers(view: Any, query: Fields, frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows."""
    page = Page(limit=ROWS, cursor=query.get("cursor"))
    found = _found(view, query, page)
    return {
        "rows": [_shown(view, each.id, frame.now) for each in found.items],
        "more": found.next_cursor,
        "given": kept if kept.get("do") == "ask" else _start(query),
    }


def waiver_rows(view: Any, query: Fields, page: Page) -> Listing[RequestAnswer]:  # noqa: ANN401  # a view
    """Return a part of the list of waivers."""
    found = _found(view, query, page)
    return Listing(tuple(request_answer(view, each) for each in found.items), found.next_cursor)


def step(do: str, _query: Fields, kept: Fields) -> Change:
    """Return the step that a form asks for. Raises FormInvalid, ValueInvalid."""
    waiver = kept.get("waiver", "")
    ballot = actions.Ballot(comment=kept.get("comment") or None)
    if do == "ask":
        return _ask(kept)
    if do in {"approve", "reject"}:
        decide = actions.approve if do == "approve" else actions.reject
        return lambda change: dossier_answer(change, decide(change, waiver, ballot))
    if do == "end":
        return lambda change: request_answer(change, actions.end_waiver(change, waiver))
    raise FormInvalid("send a form of the page")


def _ask(kept: Fields) -> Change:
    model, _, version = kept.get("version", "").partition("@")
    if not version:
        raise ValueInvalid("version", "MODEL@VERSION")
    act = partial(
        actions.request_waiver,
        model=model,
        version=version,
        check=kept.get("check", ""),
        reason=kept.get("reason", ""),
        owner=kept.get("owner") or None,
        expires_at=_day(kept.get("until", "")),
        environment=named(Environment, kept.get("environment", ""), field="environment"),
    )
    return lambda change: request_answer(change, act(change))


def _day(text: str) -> datetime | None:
    """Return the beginning of a day in UTC."""
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise ValueInvalid("until", "a day, such as 2027-03-01") from error


def _start(query: Fields) -> Mapping[str, str]:
    """Return what the form begins with: the version whose waivers are listed."""
    if "model" not in query or "version" not in query:
        return {}
    return {"version": f"{query['model']}@{query['version']}"}


def _found(view: Any, query: Fields, page: Page) -> Any:  # noqa: ANN401  # a view, its list
    state = maybe_named(actions.RequestState, query.get("state"), field="state")
    return actions.waivers(
        view, page, model=query.get("model"), version=query.get("version"), state=state
    )


def _shown(view: Any, request: str, now: datetime) -> Shown:  # noqa: ANN401  # a view
    waiver = dossier_answer(view, actions.waiver(view, request))
    payload = waiver.payload or {}
    over = waiver.state in {"open", "approved"} and now >= waiver.expires_at
    return Shown(
        waiver,
        str(payload.get("check", "")),
        handle_of(view, str(payload.get("owner", ""))),
        STATES["void"] if over else STATES[waiver.state],
    )


WAIVERS: Final = Sheet(
    template="waivers.html",
    title="Waivers",
    place="/waivers",
    read=read_waivers,
    names=("model", "version", "state", "cursor"),
    rows=waiver_rows,
    step=step,
)
