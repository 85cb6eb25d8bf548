"""`modelwarden versions`: register, show, list, compare, metrics, record-metrics, gate, retire."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from modelwarden.cli.options import (
    CursorOption,
    EnvironmentOption,
    LimitOption,
    ModelArgument,
    ReasonOption,
    VersionArgument,
    json_file,
    json_object,
    moment_option,
    pairs,
    parameter_value,
    tree_file,
)
from modelwarden.cli.refusal import REFUSED, WAITING, is_awaited
from modelwarden.cli.run import Run
from modelwarden.cli.sarif import sarif_of
from modelwarden.cli.screen import json_text
from modelwarden.cli.verb import noun, verb

versions: Final = noun("versions", "Immutable builds of a model, named by digests.")

COLUMNS: Final = ("model", "version", "status", "stage", "approval_status", "live_in", "created_at")

ContractOption = Annotated[
    Path | None,
    typer.Option(
        "--contract",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Output contract, limits, freshness: approved with it, kept to by guards.",
    ),
]
DatasetsOption = Annotated[
    list[str] | None,
    typer.Option("--dataset", metavar="JSON", help='{"name", "role", "fingerprints"}'),
]
ArtifactOption = Annotated[
    str | None, typer.Option("--artifact", metavar="PATH", help="Hashed; uploaded to a server.")
]
ParametersOption = Annotated[list[str] | None, typer.Option("--parameter", metavar="NAME=VALUE")]
MetricsOption = Annotated[
    list[str] | None, typer.Option("--metric", metavar="NAME=FIGURE", help="As often as needed.")
]
SarifOption = Annotated[
    Path | None,
    typer.Option("--sarif", metavar="FILE", dir_okay=False, help="Write the reasons as SARIF."),
]
ReferenceOption = Annotated[
    Path | None,
    typer.Option(
        "--drift-reference",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Edges and counts of its features, as JSON.",
    ),
]


@verb(versions)
def register(  # noqa: PLR0913  # the fields of a version
    run: Run,
    version: VersionArgument,
    *,
    artifact: ArtifactOption = None,
    metrics: MetricsOption = None,
    parameters: ParametersOption = None,
    contract: ContractOption = None,
    description: Annotated[str | None, typer.Option("--description")] = None,
    datasets: DatasetsOption = None,
    trained_by: Annotated[
        list[str] | None, typer.Option("--trained-by", metavar="USER", help="May not approve it.")
    ] = None,
    training: Annotated[str | None, typer.Option("--run", help="The training run.")] = None,
    snapshot: Annotated[str | None, typer.Option("--snapshot")] = None,
    feature_version: Annotated[str | None, typer.Option("--feature-version")] = None,
    algorithm: Annotated[str | None, typer.Option("--algorithm")] = None,
    source_commit: Annotated[str | None, typer.Option("--source-commit")] = None,
    parent: Annotated[str | None, typer.Option("--parent", help="The version before.")] = None,
    size_bytes: Annotated[int | None, typer.Option("--size-bytes", help="Compared.")] = None,
    fingerprints: Annotated[
        list[str] | None, typer.Option("--fingerprint", help="Compared with what is read.")
    ] = None,
    drift_reference: ReferenceOption = None,
) -> None:
    """Register a version; the same again changes nothing."""
    made = run.rooms.versions.register(
        version.model,
        version.version,
        artifact=_artifact(artifact),
        metrics=pairs(metrics or [], "--metric"),
        parameters=_parameters(parameters or []),
        contract=None if contract is None else tree_file(contract),
        description=description,
        datasets=[json_object(text, "--dataset") for text in datasets or ()],
        trained_by=trained_by or (),
        run=training,
        snapshot=snapshot,
        feature_version=feature_version,
        algorithm=algorithm,
        source_commit=source_commit,
        parent=parent,
        size_bytes=size_bytes,
        fingerprints=fingerprints or (),
        drift_reference=None if drift_reference is None else json_file(drift_reference),
    )
    run.screen.show(made)


@verb(versions)
def show(run: Run, version: VersionArgument) -> None:
    """Show a version."""
    run.screen.show(run.rooms.versions.show(*version))


@verb(versions)
def drift_reference(run: Run, version: VersionArgument) -> None:
    """Show what a version's features looked like when it was registered."""
    run.screen.show(run.rooms.versions.drift_reference(*version))


@verb(versions)
def list_(
    run: Run,
    model: ModelArgument,
    *,
    status: Annotated[str | None, typer.Option("--status")] = None,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List a model's versions, newest first."""
    found = run.rooms.versions.list(model, status=status, limit=limit, cursor=cursor)
    run.screen.list(found, COLUMNS)


@verb(versions)
def compare(
    run: Run,
    model: ModelArgument,
    a: Annotated[str, typer.Argument(metavar="VERSION")],
    b: Annotated[str, typer.Argument(metavar="VERSION")],
) -> None:
    """Show how two versions differ."""
    run.screen.show(run.rooms.versions.compare(model, a, b))


@verb(versions)
def metrics(
    run: Run, version: VersionArgument, *, limit: LimitOption = 50, cursor: CursorOption = None
) -> None:
    """List figures observed in operation, newest first."""
    found = run.rooms.versions.metrics(*version, limit=limit, cursor=cursor)
    run.screen.list(found, ("name", "value", "at", "recorded_by"))


@verb(versions)
def record_metrics(
    run: Run,
    version: VersionArgument,
    metrics: MetricsOption = None,
    *,
    kind: Annotated[str | None, typer.Option("--kind", help="evaluation or observed.")] = None,
    at: Annotated[
        datetime | None, typer.Option("--at", parser=moment_option, metavar="TIME")
    ] = None,
) -> None:
    """Record figures of a version."""
    given = pairs(metrics or [], "--metric")
    run.screen.show(run.rooms.versions.record_metrics(*version, given, kind=kind, at=at))


@verb(versions)
def gate(
    run: Run,
    version: VersionArgument,
    *,
    environment: EnvironmentOption = "production",
    sarif: SarifOption = None,
) -> None:
    """Ask whether a version may go live now: exit code 1 is no, 4 no until people agree."""
    found = run.rooms.deployments.gate(*version, environment=environment)
    if sarif is not None:
        sarif.write_text(f"{json_text(sarif_of(found), indent=2)}\n", encoding="utf-8")
    run.screen.show(found)
    if not found.allow:
        awaited = is_awaited(tuple(reason.code for reason in found.reasons))
        raise typer.Exit(WAITING if awaited else REFUSED)


@verb(versions)
def retire(run: Run, version: VersionArgument, *, reason: ReasonOption = "") -> None:
    """End a version that is not live."""
    run.screen.show(run.rooms.versions.retire(*version, reason=reason))


def _parameters(texts: list[str]) -> dict[str, object]:
    found = pairs(texts, "--parameter")
    return {name: parameter_value(text) for name, text in found.items()}


def _artifact(text: str | None) -> str | Path | None:
    """Return an address as it is, and anything else as a path of this machine."""
    if text is None or "://" in text or text.startswith("sha256:"):
        return text
    return Path(text)
