"""A protected alias of MLflow, as far as we moved it or saw it moved. Pure (RL-40, RL-57)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from modelwarden.values.ids import DeploymentId, ModelName

STAGE: Final = "stage/"


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowAlias:
    """One alias of one model, or one of MLflow's stages.

    Attributes:
        name: `model@alias`.
        alias: as MLflow calls it; a stage is `stage/` and its environment, which no alias can be called.
        deployment: the deployment that moved it last.
        strayed_to: the version of MLflow at which it was seen against our word, or nothing; None while it is where it
            belongs. Of a stage, the versions that stand there and are not live there, with commas between.
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
