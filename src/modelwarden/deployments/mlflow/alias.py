"""A protected alias of MLflow, as far as we moved it or saw it moved. Pure (RL-40, RL-57)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelwarden.values.ids import DeploymentId, ModelName


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowAlias:
    """One alias of one model.

    Attributes:
        name: `model@alias`.
        deployment: the deployment that moved it last.
        strayed_to: the version of MLflow at which it was seen against our word; None while it is where it belongs.
    """

    name: str
    model: ModelName
    alias: str
    deployment: DeploymentId | None = None
    strayed_to: str | None = None
    revision: int = 0


def alias_name(model: ModelName, alias: str) -> str:
    """Return the name under which an alias is kept."""
    return f"{model}@{alias}"
