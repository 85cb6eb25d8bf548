"""The SQL of MLflow's aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, select

from modelwarden.deployments.mlflow.alias import MlflowAlias, alias_name
from modelwarden.store.schema.deployments import mlflow_aliases

if TYPE_CHECKING:
    from sqlalchemy import Row

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ModelName

_ONE: Final = select(mlflow_aliases).where(mlflow_aliases.c.name == bindparam("name"))
_LOCKED: Final = _ONE.with_for_update()


def as_alias(row: Row[Any]) -> MlflowAlias:
    """Return the alias that a row holds."""
    return MlflowAlias(
        name=row.name,
        model=row.model,
        alias=row.alias,
        deployment=row.deployment,
        strayed_to=row.strayed_to,
        revision=row.revision,
    )


def kept_alias(view: View, model: ModelName, alias: str) -> MlflowAlias:
    """Return an alias; a new one where nothing is kept of it."""
    name = alias_name(model, alias)
    row = view.row(_ONE, {"name": name})
    return MlflowAlias(name=name, model=model, alias=alias) if row is None else as_alias(row)


def locked_alias(change: Change, model: ModelName, alias: str) -> MlflowAlias:
    """Return an alias, its row locked until the commit where there is one."""
    name = alias_name(model, alias)
    row = change.row(_LOCKED, {"name": name})
    return MlflowAlias(name=name, model=model, alias=alias) if row is None else as_alias(row)
