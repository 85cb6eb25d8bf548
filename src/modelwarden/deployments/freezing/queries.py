"""The SQL of freezes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, or_, select

from modelwarden.deployments.freezing.freeze import Freeze
from modelwarden.registry.lifecycle import Environment
from modelwarden.store.schema.deployments import freezes
from modelwarden.values.clock import moment, timestamp
from modelwarden.values.pages import Listing, Page, listing

if TYPE_CHECKING:
    from sqlalchemy import Row

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ModelName

NEWEST: Final = "~"
MOST: Final = 100

_ONE: Final = select(freezes).where(freezes.c.id == bindparam("id"))
_LOCKED: Final = _ONE.with_for_update()
_STANDING: Final = (
    select(freezes)
    .where(
        freezes.c.environment == bindparam("environment"),
        or_(freezes.c.model.is_(None), freezes.c.model == bindparam("model")),
        freezes.c.starts_at <= bindparam("at"),
        freezes.c.ends_at > bindparam("at"),
        freezes.c.lifted_at.is_(None),
    )
    .order_by(freezes.c.id)
    .limit(MOST)
)
_PAGE: Final = (
    select(freezes)
    .where(
        freezes.c.environment.in_(bindparam("environments", expanding=True)),
        freezes.c.id < bindparam("before"),
    )
    .order_by(freezes.c.id.desc())
    .limit(bindparam("limit"))
)


def as_freeze(row: Row[Any]) -> Freeze:
    """Return the freeze that a row holds."""
    return Freeze(
        id=row.id,
        environment=Environment(row.environment),
        model=row.model,
        starts_at=moment(row.starts_at),
        ends_at=moment(row.ends_at),
        reason=row.reason,
        set_by=row.set_by,
        set_at=moment(row.set_at),
        lifted_by=row.lifted_by,
        lifted_at=None if row.lifted_at is None else moment(row.lifted_at),
        revision=row.revision,
    )


def find_freeze(view: View, freeze_id: str) -> Freeze | None:
    """Return a freeze, or None."""
    row = view.row(_ONE, {"id": freeze_id})
    return None if row is None else as_freeze(row)


def locked_freeze(change: Change, freeze_id: str) -> Freeze | None:
    """Return a freeze, its row locked until the commit, or None."""
    row = change.row(_LOCKED, {"id": freeze_id})
    return None if row is None else as_freeze(row)


def standing(view: View, environment: Environment, model: ModelName) -> list[Freeze]:
    """Return the freezes that hold a model up in an environment now, oldest first."""
    params = {"environment": environment.value, "model": model, "at": timestamp(view.now)}
    return [as_freeze(row) for row in view.rows(_STANDING, params)]


def page_of(view: View, page: Page, *, environment: Environment | None) -> Listing[Freeze]:
    """Return a page of freezes, newest first."""
    params: dict[str, object] = {
        "environments": [e.value for e in Environment if environment in {None, e}],
        "before": page.after or NEWEST,
        "limit": page.limit,
    }
    found = [as_freeze(row) for row in view.rows(_PAGE, params)]
    return listing(found, page, key=found[-1].id if found else None)
