"""The SQL of the deployments room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, func, or_, select

from modelwarden.deployments.rollout import (
    Deployment,
    DeploymentKind,
    DeploymentState,
    Origin,
    ReviewOutcome,
)
from modelwarden.guard.router import Strategy
from modelwarden.registry.lifecycle import Environment
from modelwarden.store.schema.deployments import deployments
from modelwarden.values.clock import maybe_moment, moment, timestamp
from modelwarden.values.pages import Listing, Page, listing

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Row

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ModelName, RequestId, VersionName

NEWEST: Final = "~"
"""Stands after every id, so that a list that runs backwards begins at its end."""

MOST_UNDER_WAY: Final = 1_000
MOST_EARLIER: Final = 100
"""How far back a rollback looks."""

_HERE: Final = select(deployments).where(
    deployments.c.model == bindparam("model"),
    deployments.c.environment == bindparam("environment"),
)
_ONE: Final = select(deployments).where(deployments.c.id == bindparam("id"))
_LOCKED_ONE: Final = _ONE.with_for_update()
_UNDER_WAY: Final = (
    select(deployments)
    .where(deployments.c.state == "in_progress")
    .order_by(deployments.c.id)
    .limit(MOST_UNDER_WAY)
)
_LAST_BACK: Final = select(func.max(deployments.c.ended_at)).where(
    deployments.c.version == bindparam("version"),
    deployments.c.environment == bindparam("environment"),
    deployments.c.state == "rolled_back",
)
_UNREVIEWED: Final = (
    select(deployments)
    .where(
        deployments.c.model == bindparam("model"),
        deployments.c.review_due_at < bindparam("at"),
        deployments.c.reviewed_at.is_(None),
    )
    .order_by(deployments.c.id)
    .limit(MOST_EARLIER)
)
_UNREVIEWED_EMERGENCIES: Final = (
    select(deployments)
    .where(
        deployments.c.model == bindparam("model"),
        deployments.c.kind == "emergency",
        deployments.c.reviewed_at.is_(None),
    )
    .order_by(deployments.c.id)
    .limit(MOST_EARLIER)
)
_STANDS: Final = deployments.alias("stands")
_UNAPPROVED: Final = (
    select(deployments)
    .join(
        _STANDS,
        and_(
            _STANDS.c.model == deployments.c.model,
            _STANDS.c.environment == deployments.c.environment,
            _STANDS.c.version == deployments.c.version,
            _STANDS.c.state.in_(("in_progress", "live")),
            or_(_STANDS.c.id == deployments.c.id, _STANDS.c.kind != "emergency"),
        ),
    )
    .where(deployments.c.kind == "emergency", deployments.c.approved_at.is_(None))
    .order_by(deployments.c.id)
    .limit(MOST_UNDER_WAY)
)
_UNFINISHED: Final = _HERE.where(deployments.c.state == "in_progress")
_LIVE: Final = _HERE.where(deployments.c.state == "live")
_LOCKED_LIVE: Final = _LIVE.with_for_update()
_LIVE_AT: Final = (
    _HERE.where(deployments.c.live_at <= bindparam("at"))
    .order_by(deployments.c.live_at.desc(), deployments.c.id.desc())
    .limit(1)
)
_EARLIER: Final = (
    _HERE.where(
        deployments.c.state == "superseded",
        or_(deployments.c.kind != "emergency", deployments.c.approved_at.is_not(None)),
    )
    .order_by(deployments.c.live_at.desc(), deployments.c.id.desc())
    .limit(MOST_EARLIER)
)
_OF_VERSION: Final = (
    select(deployments)
    .where(
        deployments.c.version == bindparam("version"),
        deployments.c.environment == bindparam("environment"),
        deployments.c.live_at.is_not(None),
    )
    .order_by(deployments.c.live_at.desc(), deployments.c.id.desc())
    .limit(MOST_EARLIER)
)
_REFERENCED: Final = select(deployments.c.id).where(
    deployments.c.model == bindparam("model"), deployments.c.reference == bindparam("reference")
)
_ON_REQUEST: Final = (
    select(deployments)
    .where(deployments.c.request == bindparam("request"), deployments.c.verdict.is_not(None))
    .order_by(deployments.c.id.desc())
    .limit(1)
)
_ALL: Final = (
    select(deployments)
    .where(
        deployments.c.environment.in_(bindparam("environments", expanding=True)),
        deployments.c.state.in_(bindparam("states", expanding=True)),
        deployments.c.kind.in_(bindparam("kinds", expanding=True)),
        deployments.c.id < bindparam("before"),
    )
    .order_by(deployments.c.id.desc())
    .limit(bindparam("limit"))
)
_RELEASES: Final = (
    select(deployments)
    .where(
        deployments.c.environment == bindparam("environment"),
        deployments.c.kind == DeploymentKind.RELEASE.value,
        deployments.c.started_at >= bindparam("since"),
        deployments.c.id < bindparam("before"),
    )
    .order_by(deployments.c.id.desc())
    .limit(bindparam("limit"))
)
_RELEASES_OF_MODEL: Final = _RELEASES.where(deployments.c.model == bindparam("model"))
_ALL_OF_MODEL: Final = _ALL.where(deployments.c.model == bindparam("model"))


def as_deployment(row: Row[Any]) -> Deployment:
    """Return the deployment that a row holds."""
    return Deployment(
        id=row.id,
        model=row.model,
        label=row.label,
        version=row.version,
        environment=Environment(row.environment),
        strategy=Strategy(row.strategy),
        kind=DeploymentKind(row.kind),
        state=DeploymentState(row.state),
        origin=Origin(row.origin),
        request=row.request,
        artifact_sha256=row.artifact_sha256,
        started_by=row.started_by,
        started_person=row.started_person,
        started_at=moment(row.started_at),
        live_at=maybe_moment(row.live_at),
        ended_at=maybe_moment(row.ended_at),
        replaces=row.replaces,
        notes=row.notes,
        reference=row.reference,
        verdict=row.verdict,
        course=row.course,
        salt=row.salt,
        step=row.step,
        step_at=maybe_moment(row.step_at),
        traffic_at=maybe_moment(row.traffic_at),
        waits=row.waits,
        approved_at=maybe_moment(row.approved_at),
        review_due_at=maybe_moment(row.review_due_at),
        reviewed_by=row.reviewed_by,
        reviewed_at=maybe_moment(row.reviewed_at),
        outcome=None if row.outcome is None else ReviewOutcome(row.outcome),
        findings=row.findings,
        revision=row.revision,
    )


def find_deployment(view: View, deployment_id: str) -> Deployment | None:
    """Return a deployment, or None."""
    return _first(view.row(_ONE, {"id": deployment_id}))


def locked_deployment(change: Change, deployment_id: str) -> Deployment | None:
    """Return a deployment, its row locked until the commit, or None."""
    return _first(change.row(_LOCKED_ONE, {"id": deployment_id}))


def under_way(view: View) -> list[Deployment]:
    """Return the deployments that are in progress, oldest first."""
    return [as_deployment(row) for row in view.rows(_UNDER_WAY)]


def last_rolled_back(view: View, version: VersionName, environment: Environment) -> datetime | None:
    """Return when a version was last rolled back there, live or on its way."""
    row = view.row(_LAST_BACK, {"version": version, "environment": environment.value})
    return None if row is None else maybe_moment(row[0])


def unreviewed(view: View, model: ModelName, *, at: datetime) -> list[Deployment]:
    """Return the deployments of a model at which somebody should have looked back before a moment."""
    params = {"model": model, "at": timestamp(at)}
    return [as_deployment(row) for row in view.rows(_UNREVIEWED, params)]


def unreviewed_emergencies(view: View, model: ModelName) -> list[Deployment]:
    """Return the emergency changes of a model at which nobody has looked back."""
    return [as_deployment(row) for row in view.rows(_UNREVIEWED_EMERGENCIES, {"model": model})]


def unapproved_emergencies(view: View) -> list[Deployment]:
    """Return the emergency changes that were not approved and whose version stands there still, however it does."""
    found = {row.id: as_deployment(row) for row in view.rows(_UNAPPROVED)}
    return list(found.values())


def unfinished(view: View, model: ModelName, environment: Environment) -> Deployment | None:
    """Return the deployment that is in progress there, or None."""
    return _first(view.row(_UNFINISHED, _where(model, environment)))


def live(view: View, model: ModelName, environment: Environment) -> Deployment | None:
    """Return what is live there, or None."""
    return _first(view.row(_LIVE, _where(model, environment)))


def locked_live(change: Change, model: ModelName, environment: Environment) -> Deployment | None:
    """Return what is live there, its row locked until the commit, or None."""
    return _first(change.row(_LOCKED_LIVE, _where(model, environment)))


def live_at(
    view: View, model: ModelName, environment: Environment, *, at: datetime
) -> Deployment | None:
    """Return what was live there at a moment, or None."""
    params = {**_where(model, environment), "at": timestamp(at)}
    found = _first(view.row(_LIVE_AT, params))
    ended = found is not None and found.ended_at is not None and found.ended_at <= at
    return None if ended else found


def earlier(view: View, model: ModelName, environment: Environment) -> list[Deployment]:
    """Return what was live there and was superseded, the last to be live first."""
    return [as_deployment(row) for row in view.rows(_EARLIER, _where(model, environment))]


def of_version(view: View, version: VersionName, environment: Environment) -> list[Deployment]:
    """Return the deployments by which a version was or is live there, newest first."""
    params = {"version": version, "environment": environment.value}
    return [as_deployment(row) for row in view.rows(_OF_VERSION, params)]


def is_referenced(view: View, model: ModelName, reference: str) -> bool:
    """Tell whether the model has a deployment with this reference."""
    return view.row(_REFERENCED, {"model": model, "reference": reference}) is not None


def newest_on(view: View, request: RequestId) -> Deployment | None:
    """Return the newest deployment that the gate let pass on this request, or None."""
    return _first(view.row(_ON_REQUEST, {"request": request}))


def page_of(
    view: View,
    page: Page,
    *,
    model: ModelName | None,
    environment: Environment | None,
    state: DeploymentState | None,
    kind: DeploymentKind | None,
) -> Listing[Deployment]:
    """Return a page of deployments, newest first."""
    params: dict[str, object] = {
        "environments": [e.value for e in Environment if environment in {None, e}],
        "states": [s.value for s in DeploymentState if state in {None, s}],
        "kinds": [k.value for k in DeploymentKind if kind in {None, k}],
        "before": page.after or NEWEST,
        "limit": page.limit,
    }
    rows = (
        view.rows(_ALL, params)
        if model is None
        else view.rows(_ALL_OF_MODEL, {**params, "model": model})
    )
    found = [as_deployment(row) for row in rows]
    return listing(found, page, key=found[-1].id if found else None)


def releases_since(
    view: View,
    since: datetime,
    *,
    model: ModelName | None,
    environment: Environment,
    before: str,
    limit: int,
) -> list[Deployment]:
    """Return the releases that began there since then, older than an id, newest first; rollbacks are none."""
    params = {
        "environment": environment.value,
        "since": timestamp(since),
        "before": before,
        "limit": limit,
    }
    rows = (
        view.rows(_RELEASES, params)
        if model is None
        else view.rows(_RELEASES_OF_MODEL, {**params, "model": model})
    )
    return [as_deployment(row) for row in rows]


def _where(model: ModelName, environment: Environment) -> dict[str, object]:
    return {"model": model, "environment": environment.value}


def _first(row: Row[Any] | None) -> Deployment | None:
    return None if row is None else as_deployment(row)
