"""The SQL of routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, select

from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.routes.route import RouteTable, route_id
from modelwarden.store.schema.safeguards import routes

if TYPE_CHECKING:
    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName

_ONE: Final = select(routes).where(routes.c.id == bindparam("id"))


def find_route(view: View, environment: Environment, model: ModelName) -> RouteTable | None:
    """Return the route of a model in an environment, or None."""
    row = view.row(_ONE, {"id": route_id(environment, model)})
    if row is None:
        return None
    return RouteTable(
        id=row.id,
        environment=Environment(row.environment),
        model=row.model,
        deployment=row.deployment,
        strategy=row.strategy,
        salt=row.salt,
        by=row.by,
        stable=row.stable,
        candidate=row.candidate,
        share=row.share,
        shadow=row.shadow,
        previous=row.previous,
        revision=row.revision,
    )
