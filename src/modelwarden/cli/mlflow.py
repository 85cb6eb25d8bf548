"""`modelwarden mlflow`: import, and a look at what MLflow has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

mlflow: Final = noun("mlflow", "MLflow's registry beside this one.")

COLUMNS: Final = ("name", "model", "added", "known", "notes")


@verb(mlflow)
def import_(
    run: Run,
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of the MLflow server.")],
    *,
    folder: Annotated[
        Path,
        typer.Option(
            "--folder", metavar="FOLDER", help="Where files are kept; a server reads it too."
        ),
    ],
    models: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME", help="Only this; as often as needed."),
    ] = None,
) -> None:
    """Register what MLflow holds and is not here yet; what is here stays as it is."""
    from modelwarden.client.mlflow_import import import_from_mlflow  # noqa: PLC0415  # seldom

    found = import_from_mlflow(
        run.rooms,
        url,
        folder=folder,
        models=tuple(models or ()),
        progress=run.screen.progress,
    )
    run.screen.clear()
    run.screen.list(found.models, COLUMNS)


@verb(mlflow)
def sync(run: Run) -> None:
    """Have MLflow looked at now, as is done each minute: names, tags, and what is new."""
    run.screen.show(run.rooms.mlflow.sync())
