"""The SQL of MLflow's aliases, and of what is told to MLflow about versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, select

from modelwarden.deployments.mlflow.alias import MlflowAlias, alias_name
from modelwarden.registry.queries import as_version
from modelwarden.store.schema.approvals import approvals
from modelwarden.store.schema.deployments import mlflow_aliases
from modelwarden.store.schema.registry import versions

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Row

    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ModelName, VersionName

_ONE: Final = select(mlflow_aliases).where(mlflow_aliases.c.name == bindparam("name"))
_LOCKED: Final = _ONE.with_for_update()
_ALL: Final = (
    select(mlflow_aliases)
    .where(mlflow_aliases.c.name > bindparam("after"))
    .order_by(mlflow_aliases.c.name)
    .limit(bindparam("limit"))
)
_VERSIONS: Final = (
    select(versions)
    .where(versions.c.name.in_(bindparam("names", expanding=True)))
    .order_by(versions.c.name)
    .limit(bindparam("limit"))
)
_EVIDENCE: Final = (
    select(approvals.c.version, func.max(approvals.c.id).label("request"))
    .where(
        approvals.c.version.in_(bindparam("names", expanding=True)),
        approvals.c.state == "approved",
    )
    .group_by(approvals.c.version)
    .order_by(approvals.c.version)
    .limit(bindparam("limit"))
)


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


def kept_aliases(view: View, *, after: str, limit: int) -> list[MlflowAlias]:
    """Return aliases that we moved or saw moved, by name."""
    return [as_alias(row) for row in view.rows(_ALL, {"after": after, "limit": limit})]


def versions_named(view: View, names: Collection[VersionName]) -> list[Version]:
    """Return those of these versions that are registered here."""
    asked = {"names": list(names), "limit": len(names)}
    return [as_version(row) for row in view.rows(_VERSIONS, asked)]


def newest_approved(view: View, names: Collection[VersionName]) -> dict[str, str]:
    """Return version → the newest request on it that stands approved."""
    asked = {"names": list(names), "limit": len(names)}
    return {row.version: row.request for row in view.rows(_EVIDENCE, asked)}
