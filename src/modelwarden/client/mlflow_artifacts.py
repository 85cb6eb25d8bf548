"""The files of a version, out of MLflow's artifact store: by MLflow's own client, which knows every kind of store."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from modelwarden.errors import ExtraMissing, MlflowFailed

if TYPE_CHECKING:
    from pathlib import Path

ADDED: Final = "registered_model_meta"
"""What MLflow's client writes beside the files: it is not part of them."""


def mlflow_module(name: str) -> Any:  # noqa: ANN401  # another program's module
    """Return a module of MLflow. Raises ExtraMissing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ExtraMissing(
            "this needs MLflow's own client: pip install 'modelwarden[mlflow]'"
        ) from error


def download(url: str, name: str, version: str, *, to: Path) -> Path:
    """Fetch all files of a version into an empty folder, and return the folder. Raises ExtraMissing, MlflowFailed."""
    artifacts = mlflow_module("mlflow.artifacts")
    failures = mlflow_module("mlflow.exceptions").MlflowException
    try:
        artifacts.download_artifacts(
            artifact_uri=f"models:/{name}/{version}",
            dst_path=str(to),
            tracking_uri=url,
            registry_uri=url,
        )
    except (failures, OSError) as error:
        raise MlflowFailed(f"{name} version {version} can't be fetched: {error}") from error
    (to / ADDED).unlink(missing_ok=True)
    if not any(to.iterdir()):
        raise MlflowFailed(f"{name} version {version} has no files")
    return to
