"""The embedded SDK's room of MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.deployments.actions import may_sync_mlflow

if TYPE_CHECKING:
    from modelwarden.values.mlflow import MlflowSyncAnswer
    from modelwarden.warden.bound import Bound


class Mlflow:
    """MLflow's registry beside this one."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def sync(self) -> MlflowSyncAnswer:
        """Look at MLflow now, as is done each minute: names, tags, and what is new.

        Raises NotPermitted, MlflowFailed.
        """
        self._bound.read(may_sync_mlflow, lambda _view, found: found)
        return self._bound.warden.mlflow.sync()
