"""`modelwarden evidence`: record what was measured or found about a version, and list it."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from modelwarden.cli.keys import signing_key
from modelwarden.cli.options import (
    KEY_SOURCE,
    CursorOption,
    FileArgument,
    LimitOption,
    VersionArgument,
    json_file,
    moment_option,
    text_file,
)
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

evidence: Final = noun("evidence", "Evidence about versions: what was measured or found.")

COLUMNS: Final = ("id", "kind", "version", "tool", "assurance", "produced_at", "recorded_by")


@verb(evidence)
def record(  # noqa: PLR0913  # what is said of it
    run: Run,
    version: VersionArgument,
    file: FileArgument,
    *,
    kind: Annotated[
        str,
        typer.Option(
            "--kind", help="findings (SARIF, CycloneDX or counts), metric, lineage or signature."
        ),
    ] = "findings",
    source: Annotated[
        str, typer.Option("--source", help="What was looked for, of findings.")
    ] = "security",
    tool: Annotated[
        str | None, typer.Option("--tool", help="What made it; a report names its own.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="When it was made; a report names its own.")
    ] = None,
    artifact: Annotated[
        str | None, typer.Option("--artifact-sha256", help="Of the bytes that it is about.")
    ] = None,
) -> None:
    """Record evidence from a file."""
    report = kind in {"findings", "signature"}
    run.screen.show(
        run.rooms.evidence.record(
            version.model,
            version.version,
            kind=kind,
            report=text_file(file) if report else None,
            value=None if report else json_file(file),
            source=source if kind == "findings" else None,
            tool=tool,
            produced_at=None if at is None else moment_option(at),
            artifact=artifact,
        )
    )


@verb(evidence)
def read(run: Run, version: VersionArgument) -> None:
    """Have the server read the version's files, and tell their formats; none is loaded."""
    found = run.rooms.evidence.record(version.model, version.version, kind="contents")
    run.screen.show(found)


@verb(evidence)
def attest(  # what is said, in which role, signed how
    run: Run,
    version: VersionArgument,
    *,
    statement: Annotated[str, typer.Option("--statement", help="What you say: its name.")],
    role: Annotated[str, typer.Option("--role", help="Which of your roles you say it in.")],
    key: Annotated[str, typer.Option("--key", metavar=KEY_SOURCE, help="Your private key.")],
    reviews: Annotated[
        str | None, typer.Option("--reviews", help="Whose you confirm: evi_….")
    ] = None,
) -> None:
    """Sign a statement about a version, or a review of another person's."""
    run.screen.show(
        run.rooms.evidence.attest(
            version.model,
            version.version,
            statement=statement,
            role=role,
            key=signing_key(key, run.environment),
            reviews=reviews,
        )
    )


@verb(evidence)
def list_(
    run: Run, version: VersionArgument, *, limit: LimitOption = 50, cursor: CursorOption = None
) -> None:
    """List the evidence about a version, newest first."""
    listed = run.rooms.evidence.list(version.model, version.version, limit=limit, cursor=cursor)
    run.screen.list(listed, COLUMNS)
