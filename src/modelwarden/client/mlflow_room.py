"""The remote SDK's room of MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.client.transport import path
from modelwarden.values.mlflow import MlflowSyncAnswer

if TYPE_CHECKING:
    from modelwarden.client.calls import Calls


class Mlflow:
    """MLflow's registry beside this one."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def sync(self) -> MlflowSyncAnswer:
        """Have MLflow looked at now: names, tags, and what is new.

        Raises NotPermitted, MlflowFailed.
        """
        return self._calls.ask(MlflowSyncAnswer, path("integrations", "mlflow", "sync"), {})
