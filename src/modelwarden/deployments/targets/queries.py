"""The SQL of webhook targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, or_, select

from modelwarden.deployments.targets.step import BACK, TargetState, TargetStep
from modelwarden.store.schema.deployments import deployments, target_steps
from modelwarden.values.clock import maybe_moment, moment, timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Row

    from modelwarden.store.change import Change, View

MOST_WAITING: Final = 1_000

_ONE: Final = select(target_steps).where(target_steps.c.id == bindparam("id"))
_LOCKED: Final = _ONE.with_for_update()
_OF: Final = (
    select(target_steps)
    .where(target_steps.c.deployment == bindparam("deployment"))
    .order_by(target_steps.c.step == BACK, target_steps.c.step, target_steps.c.target)
)
_WAITING: Final = (
    select(target_steps)
    .join(deployments, deployments.c.id == target_steps.c.deployment)
    .where(
        target_steps.c.state == "waiting",
        or_(target_steps.c.step == BACK, deployments.c.state == "in_progress"),
    )
    .order_by(target_steps.c.id)
    .limit(MOST_WAITING)
)

_NEWS: Final = (
    select(target_steps)
    .join(deployments, deployments.c.id == target_steps.c.deployment)
    .where(
        or_(
            deployments.c.state == "in_progress",
            and_(target_steps.c.step == BACK, target_steps.c.state == "waiting"),
            and_(target_steps.c.state == "failed", target_steps.c.settled_at >= bindparam("since")),
        )
    )
    .order_by(target_steps.c.asked_at.desc(), target_steps.c.id)
    .limit(MOST_WAITING)
)


def find_step(view: View, step: str) -> TargetStep | None:
    """Return what a target was told of a step, or None."""
    return _as_step(view.row(_ONE, {"id": step}))


def locked_step(change: Change, step: str) -> TargetStep | None:
    """Return it, its row locked until the commit, or None."""
    return _as_step(change.row(_LOCKED, {"id": step}))


def steps_of(view: View, deployment: str) -> list[TargetStep]:
    """Return all that targets were told of a deployment, in the order of its steps, the way back last."""
    return [_step_of(row) for row in view.rows(_OF, {"deployment": deployment})]


def waiting(view: View) -> list[TargetStep]:
    """Return what no target has answered yet of deployments under way, and of those that are over the way back."""
    return [_step_of(row) for row in view.rows(_WAITING)]


def news(view: View, *, since: datetime) -> list[TargetStep]:
    """Return how targets stand at deployments under way, on the way back, and where they failed since, newest first."""
    return [_step_of(row) for row in view.rows(_NEWS, {"since": timestamp(since)})]


def _as_step(row: Row[Any] | None) -> TargetStep | None:
    return None if row is None else _step_of(row)


def _step_of(row: Row[Any]) -> TargetStep:
    return TargetStep(
        id=row.id,
        deployment=row.deployment,
        target=row.target,
        step=row.step,
        version=row.version,
        traffic=row.traffic,
        artifact=row.artifact,
        asked_at=moment(row.asked_at),
        due_at=moment(row.due_at),
        state=TargetState(row.state),
        reported=row.reported,
        settled_at=maybe_moment(row.settled_at),
        revision=row.revision,
    )
