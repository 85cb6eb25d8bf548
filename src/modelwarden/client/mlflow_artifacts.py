"""The files of a version, out of MLflow's artifact store: by MLflow's own client, which knows every kind of store."""

from __future__ import annotations

import importlib
import secrets
from pathlib import Path
from typing import Any, Final

from modelwarden.deployments.mlflow.registry import MlflowRegistry
from modelwarden.errors import ExtraMissing, MlflowFailed

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
    """Fetch all files of a version into an empty folder, and return the folder. Raises ExtraMissing, MlflowFailed.

    Where they lie is asked of that server: by `models:/…` MLflow's client would ask the one that its process is set to,
    whatever address it is given here.
    """
    with MlflowRegistry(url) as registry:
        place = registry.place_of(name, version)
    artifacts = mlflow_module("mlflow.artifacts")
    failures = mlflow_module("mlflow.exceptions").MlflowException
    try:
        found = artifacts.download_artifacts(
            artifact_uri=place, dst_path=str(to), tracking_uri=url, registry_uri=url
        )
        _lift(Path(found), to)
    except (failures, OSError) as error:
        raise MlflowFailed(f"{name} version {version} can't be fetched: {error}") from error
    (to / ADDED).unlink(missing_ok=True)
    if not any(to.iterdir()):
        raise MlflowFailed(f"{name} version {version} has no files")
    return to


def _lift(found: Path, to: Path) -> None:
    """Move what lies in a folder of its own, below the one that was asked for, up into that one."""
    if found.absolute() == to.absolute():
        return
    aside = to / f".{secrets.token_hex(8)}"  # no name that lies in it
    found.rename(aside)
    for each in aside.iterdir():
        each.rename(to / each.name)
    aside.rmdir()
