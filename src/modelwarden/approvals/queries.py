"""The SQL of the approvals room: requests and decisions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, case, func, select

from modelwarden.approvals.decision import Answer, Custody, Decision
from modelwarden.approvals.request import (
    GOING_LIVE,
    ApprovalRequest,
    OnTimeout,
    Order,
    Rejection,
    RequestState,
    RequestType,
    Signing,
    VoidCause,
)
from modelwarden.registry.lifecycle import Environment
from modelwarden.store.schema.approvals import approvals, decisions
from modelwarden.values.clock import maybe_moment, moment, timestamp
from modelwarden.values.pages import Listing, Page, listing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Row

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ModelName, PersonId, RequestId, VersionName

NEWEST: Final = "~"
"""Stands after every id, so that a list that runs backwards begins at its end."""

_GOING_LIVE: Final = tuple(sorted(GOING_LIVE))
"""Other questions about a version never stand for its release."""
MOST: Final = 1_000
"""Rows that a sweep takes at once; what is left waits for the next."""

_REQUEST: Final = select(approvals).where(approvals.c.id == bindparam("id"))
_LOCKED: Final = _REQUEST.with_for_update()
_ABOUT: Final = select(approvals.c.version).where(approvals.c.id == bindparam("id"))
_OPEN: Final = (
    select(approvals)
    .where(
        approvals.c.version == bindparam("version"),
        approvals.c.type.in_(_GOING_LIVE),
        approvals.c.state == "open",
        approvals.c.environment.in_(bindparam("environments", expanding=True)),
    )
    .order_by(approvals.c.environment, approvals.c.id)  # production before staging
    .limit(1)
)
_STANDING: Final = (
    select(approvals)
    .where(
        approvals.c.version == bindparam("version"),
        approvals.c.environment == bindparam("environment"),
        approvals.c.type.in_(_GOING_LIVE),
        approvals.c.state.in_(("open", "approved")),
    )
    .order_by(approvals.c.id.desc())
    .limit(1)
    .with_for_update()
)
_COVERING: Final = (
    select(approvals)
    .where(
        approvals.c.version == bindparam("version"),
        approvals.c.type.in_(_GOING_LIVE),
        approvals.c.environment.in_(bindparam("environments", expanding=True)),
    )
    .order_by(case((approvals.c.state == "approved", 0), else_=1), approvals.c.id.desc())
    .limit(1)
)
_IN_FORCE: Final = (
    select(approvals)
    .where(approvals.c.model == bindparam("model"), approvals.c.state.in_(("open", "approved")))
    .order_by(approvals.c.id)
    .limit(MOST)
    .with_for_update()
)
_MODELS_IN_FORCE: Final = (
    select(approvals.c.model)
    .distinct()
    .where(approvals.c.model > bindparam("after"), approvals.c.state.in_(("open", "approved")))
    .order_by(approvals.c.model)
    .limit(MOST)
)
_DUE: Final = (
    select(approvals)
    .where(approvals.c.state.in_(("open", "approved")), approvals.c.expires_at <= bindparam("now"))
    .order_by(approvals.c.expires_at, approvals.c.id)
    .limit(MOST)
    .with_for_update()
)
_ANY_DUE: Final = (
    select(approvals.c.id)
    .where(approvals.c.state.in_(("open", "approved")), approvals.c.expires_at <= bindparam("now"))
    .order_by(approvals.c.expires_at)
    .limit(1)
)
_SIGNED_BY: Final = (
    select(approvals)
    .join(decisions, decisions.c.request == approvals.c.id)
    .where(
        decisions.c.keyid == bindparam("keyid"),
        decisions.c.withdrawn_at.is_(None),
        decisions.c.decided_at >= bindparam("since"),
        approvals.c.state.in_(("open", "approved")),
    )
    .order_by(approvals.c.id)
    .limit(MOST)
)
_PAGE: Final = (
    select(approvals)
    .where(
        approvals.c.state.in_(bindparam("states", expanding=True)),
        approvals.c.type.in_(bindparam("types", expanding=True)),
        approvals.c.id < bindparam("before"),
    )
    .order_by(approvals.c.id.desc())
    .limit(bindparam("limit"))
)
_UNANSWERED: Final = (
    select(approvals)
    .outerjoin(
        decisions,
        and_(
            decisions.c.request == approvals.c.id,
            decisions.c.person == bindparam("person"),
            decisions.c.withdrawn_at.is_(None),
        ),
    )
    .where(
        approvals.c.state == "open",
        approvals.c.expires_at > bindparam("now"),
        decisions.c.id.is_(None),
        approvals.c.type.in_(bindparam("types", expanding=True)),
        approvals.c.id < bindparam("before"),
    )
    .order_by(approvals.c.id.desc())
    .limit(bindparam("limit"))
)
_DECISIONS: Final = (
    select(decisions).where(decisions.c.request == bindparam("request")).order_by(decisions.c.id)
)
_ANSWERED: Final = (
    select(decisions.c.request, func.count().label("answered"))
    .where(
        decisions.c.request.in_(bindparam("requests", expanding=True)),
        decisions.c.withdrawn_at.is_(None),
    )
    .group_by(decisions.c.request)
)


def as_request(row: Row[Any]) -> ApprovalRequest:
    """Return the request that a row holds."""
    return ApprovalRequest(
        id=row.id,
        type=RequestType(row.type),
        state=RequestState(row.state),
        model=row.model,
        label=row.label,
        version=row.version,
        environment=Environment(row.environment),
        strategy=row.strategy,
        action=row.action,
        payload=None if row.payload is None else json.loads(row.payload),
        payload_digest=row.payload_digest,
        requester=row.requester,
        requester_person=row.requester_person,
        justification=row.justification,
        seats=tuple(tuple(claimants) for claimants in json.loads(row.seats)),
        humans=row.humans,
        signature=Signing(row.signature),
        rejection=Rejection(row.rejection),
        order=None if row.order is None else Order(row.order),
        separate_deployer=row.separate_deployer,
        void_on=tuple(json.loads(row.void_on)),
        policies=tuple(json.loads(row.policies)),
        basis=json.loads(row.basis),
        opened_at=moment(row.opened_at),
        expires_at=moment(row.expires_at),
        closed_at=maybe_moment(row.closed_at),
        cause=None if row.cause is None else VoidCause(row.cause),
        due_at=maybe_moment(row.due_at),
        remind_at=maybe_moment(row.remind_at),
        on_timeout=None if row.on_timeout is None else OnTimeout(row.on_timeout),
        decided_at=maybe_moment(row.decided_at),
        revision=row.revision,
    )


def as_decision(row: Row[Any]) -> Decision:
    """Return the decision that a row holds."""
    return Decision(
        id=row.id,
        request=row.request,
        seat=row.seat,
        actor=row.actor,
        person=row.person,
        verdict=Answer(row.verdict),
        comment=row.comment,
        keyid=row.keyid,
        custody=Custody(row.custody),
        envelope=row.envelope,
        envelope_digest=row.envelope_digest,
        issued_at=moment(row.issued_at),
        decided_at=moment(row.decided_at),
        withdrawn_at=maybe_moment(row.withdrawn_at),
        delegation=row.delegation,
        delegator=row.delegator,
        delegator_person=row.delegator_person,
        revision=row.revision,
    )


def find_request(view: View, request_id: str) -> ApprovalRequest | None:
    """Return a request, or None."""
    row = view.row(_REQUEST, {"id": request_id})
    return None if row is None else as_request(row)


def version_of(view: View, request_id: str) -> VersionName | None:
    """Return the version that a request is about, which it never exchanges; None where there is no such request."""
    row = view.row(_ABOUT, {"id": request_id})
    return None if row is None else row.version


def locked_request(change: Change, request_id: str) -> ApprovalRequest | None:
    """Return a request, its row locked until the commit (AC-15), or None."""
    row = change.row(_LOCKED, {"id": request_id})
    return None if row is None else as_request(row)


def open_request(
    view: View, version: VersionName, environment: Environment | None
) -> ApprovalRequest | None:
    """Return the open request about a version there; without an environment, production's first."""
    places = [place.value for place in Environment if environment in {None, place}]
    row = view.row(_OPEN, {"version": version, "environments": places})
    return None if row is None else as_request(row)


def standing_request(
    change: Change, version: VersionName, environment: Environment
) -> ApprovalRequest | None:
    """Return the open or approved request about a version for exactly this environment, locked."""
    row = change.row(_STANDING, {"version": version, "environment": environment.value})
    return None if row is None else as_request(row)


def covering_request(
    view: View, version: VersionName, environment: Environment
) -> ApprovalRequest | None:
    """Return the request that covers an environment: an approved one first, then the newest.

    An approval for production covers staging (RL-15).
    """
    places = {environment.value, Environment.PRODUCTION.value}
    row = view.row(_COVERING, {"version": version, "environments": sorted(places)})
    if row is None or view.is_frozen("approval", row.id):  # it may have been voided since (LG-46)
        return None
    return as_request(row)


def requests_in_force(change: Change, model: ModelName) -> list[ApprovalRequest]:
    """Return the open and approved requests about a model, locked, oldest first."""
    return [as_request(row) for row in change.rows(_IN_FORCE, {"model": model})]


def models_in_force(view: View, *, after: str) -> list[ModelName]:
    """Return the models that follow and have open or approved requests, by name."""
    return [row.model for row in view.rows(_MODELS_IN_FORCE, {"after": after})]


def requests_due(change: Change) -> list[ApprovalRequest]:
    """Return the open and approved requests whose time has run out, locked, oldest first."""
    return [as_request(row) for row in change.rows(_DUE, {"now": timestamp(change.now)})]


def is_any_due(view: View) -> bool:
    """Tell whether the time of any open or approved request has run out."""
    return view.row(_ANY_DUE, {"now": timestamp(view.now)}) is not None


def requests_signed_by(view: View, keyid: str, *, since: datetime) -> list[ApprovalRequest]:
    """Return the open and approved requests that a key decided on since then, each once."""
    rows = view.rows(_SIGNED_BY, {"keyid": keyid, "since": timestamp(since)})
    return list({row.id: as_request(row) for row in rows}.values())


def requests_page(
    view: View, page: Page, *, state: RequestState | None, kind: RequestType | None
) -> Listing[ApprovalRequest]:
    """Return a page of requests, newest first."""
    params = {
        "states": [s.value for s in RequestState if state in {None, s}],
        "types": _types(kind),
        "before": page.after or NEWEST,
        "limit": page.limit,
    }
    return _page(view.rows(_PAGE, params), page)


def unanswered_page(
    view: View, page: Page, *, person: PersonId, kind: RequestType | None
) -> Listing[ApprovalRequest]:
    """Return a page of the open requests that a person has not answered, newest first."""
    params = {
        "person": person,
        "types": _types(kind),
        "now": timestamp(view.now),
        "before": page.after or NEWEST,
        "limit": page.limit,
    }
    return _page(view.rows(_UNANSWERED, params), page)


def decisions_of(view: View, request_id: RequestId) -> tuple[Decision, ...]:
    """Return all decisions on a request, oldest first, those that were withdrawn too."""
    return tuple(as_decision(row) for row in view.rows(_DECISIONS, {"request": request_id}))


def answered(view: View, requests: Iterable[RequestId]) -> dict[RequestId, int]:
    """Return how many seats of each of these requests are answered for; those with none are left out."""
    rows = view.rows(_ANSWERED, {"requests": sorted(set(requests))})
    return {row.request: row.answered for row in rows}


def _page(rows: Iterable[Row[Any]], page: Page) -> Listing[ApprovalRequest]:
    found = [as_request(row) for row in rows]
    return listing(found, page, key=found[-1].id if found else None)


def _types(kind: RequestType | None) -> list[str]:
    return [one.value for one in RequestType if kind in {None, one}]
