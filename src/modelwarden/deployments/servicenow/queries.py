"""The SQL of changes in ServiceNow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import and_, bindparam, select

from modelwarden.deployments.servicenow.opened import About, OpenedChange
from modelwarden.registry.lifecycle import Environment
from modelwarden.store.schema.approvals import approvals
from modelwarden.store.schema.deployments import deployments
from modelwarden.store.schema.registry import versions
from modelwarden.store.schema.servicenow import servicenow_changes as opened
from modelwarden.values.clock import moment
from modelwarden.values.ids import DeploymentId

if TYPE_CHECKING:
    from sqlalchemy import Row

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import RequestId

MOST: Final = 500
"""Changes that one look takes; what is left waits for the next."""


class Live(NamedTuple):
    """A deployment that went live on the word of a request, whose change was not told of it."""

    about: About
    opened: OpenedChange
    deployment: DeploymentId


_ABOUT: Final = (
    approvals.c.id, approvals.c.model, approvals.c.version, approvals.c.environment, versions.c.subject_sha256,
)  # fmt: skip
_ROW: Final = (
    opened.c.change, opened.c.opened_at, opened.c.state, opened.c.told, opened.c.revision,
)  # fmt: skip
_IN_FORCE: Final = and_(
    approvals.c.type.in_(("release", "emergency")), approvals.c.state.in_(("open", "approved"))
)
_ONE: Final = select(opened).where(opened.c.request == bindparam("request"))
_LOCKED: Final = _ONE.with_for_update()
_ABOUT_ONE: Final = (
    select(*_ABOUT)
    .join(versions, versions.c.name == approvals.c.version)
    .where(approvals.c.id == bindparam("request"))
)
_UNOPENED: Final = (
    select(*_ABOUT)
    .join(versions, versions.c.name == approvals.c.version)
    .outerjoin(opened, opened.c.request == approvals.c.id)
    .where(_IN_FORCE, opened.c.request.is_(None), approvals.c.id > bindparam("after"))
    .order_by(approvals.c.id)
    .limit(MOST)
)
_FOLLOWED: Final = (
    select(*_ABOUT, *_ROW)
    .join(versions, versions.c.name == approvals.c.version)
    .join(opened, opened.c.request == approvals.c.id)
    .where(_IN_FORCE, approvals.c.id > bindparam("after"))
    .order_by(approvals.c.id)
    .limit(MOST)
)
_LIVE: Final = (
    select(*_ABOUT, *_ROW, deployments.c.id.label("deployment"))
    .join(versions, versions.c.name == approvals.c.version)
    .join(opened, opened.c.request == approvals.c.id)
    .join(deployments, deployments.c.request == approvals.c.id)
    .where(
        deployments.c.live_at.is_not(None),
        deployments.c.environment == approvals.c.environment,
        deployments.c.kind.in_(("release", "emergency")),
        opened.c.told.is_(None),
    )
    .order_by(deployments.c.id)
    .limit(MOST)
)


def find_opened(view: View, request: RequestId) -> OpenedChange | None:
    """Return the change that stands for a request, or None."""
    return _as_opened(request, view.row(_ONE, {"request": request}))


def locked_opened(change: Change, request: RequestId) -> OpenedChange | None:
    """Return it, its row locked until the commit, or None."""
    return _as_opened(request, change.row(_LOCKED, {"request": request}))


def about(view: View, request: RequestId) -> About | None:
    """Return what a release's request asks for, or None."""
    row = view.row(_ABOUT_ONE, {"request": request})
    return None if row is None else _as_about(row)


def unopened(view: View, *, after: str = "") -> list[About]:
    """Return requests in force for which no change stands, oldest first."""
    return [_as_about(row) for row in view.rows(_UNOPENED, {"after": after})]


def followed(view: View, *, after: str = "") -> list[tuple[About, OpenedChange]]:
    """Return the changes of requests in force, oldest first."""
    return [
        (_as_about(row), _opened_of(row.id, row)) for row in view.rows(_FOLLOWED, {"after": after})
    ]


def untold(view: View) -> list[Live]:
    """Return deployments of which the change of their request does not know yet, oldest first."""
    return [
        Live(_as_about(row), _opened_of(row.id, row), DeploymentId(row.deployment))
        for row in view.rows(_LIVE)
    ]


def _as_about(row: Row[Any]) -> About:
    return About(row.id, row.model, row.version, Environment(row.environment), row.subject_sha256)


def _as_opened(request: RequestId, row: Row[Any] | None) -> OpenedChange | None:
    return None if row is None else _opened_of(request, row)


def _opened_of(request: RequestId, row: Row[Any]) -> OpenedChange:
    return OpenedChange(
        request=request,
        change=row.change,
        opened_at=moment(row.opened_at),
        state=row.state,
        told=row.told,
        revision=row.revision,
    )
