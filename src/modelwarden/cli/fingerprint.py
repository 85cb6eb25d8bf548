"""`modelwarden fingerprint PATH`: the fingerprint of a file or folder, computed here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelwarden.cli.run import Run


def fingerprint(
    run: Run,
    path: Annotated[Path, typer.Argument(metavar="PATH", exists=True)],
    *,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="PATTERN", help="In a folder.")
    ] = None,
) -> None:
    """Print the fingerprints of a file or folder."""
    from modelwarden.fingerprints.artifact import Artifact  # noqa: PLC0415  # not for every command
    from modelwarden.fingerprints.artifact import fingerprint as read  # noqa: PLC0415

    with run.screen.steps("hash") as report:
        seen = read(path, ignore=ignore or (), sha256_too=True, progress=report)
    found = Artifact.of(seen)
    run.screen.show_fields(
        {
            "path": str(found.path),
            "size_bytes": found.size_bytes,
            "sha256": found.subject_sha256,
            "fingerprints": [str(each) for each in found.fingerprints],
        }
    )
