"""`modelwarden audit verify-copy`: a copy of the ledger, verified where it lies, with no database and no server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelwarden.cli.refusal import REFUSED, UNKNOWN, UNREACHABLE, tell
from modelwarden.cli.report import show_verification
from modelwarden.cli.run import Run
from modelwarden.errors import Unreadable


def verify_copy(  # noqa: PLR0913  # what is verified, and by what
    run: Run,
    addresses: Annotated[
        list[str],
        typer.Argument(metavar="ADDRESS…", help="As worm:///srv/worm, s3://bucket/prefix."),
    ],
    *,
    checkpoint_key: Annotated[
        list[str] | None,
        typer.Option("--checkpoint-key", metavar="KEY", help="To trust; from `audit keys`."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", exists=True, help="A signed one that you kept elsewhere."),
    ] = None,
    witness_policy: Annotated[
        Path | None,
        typer.Option("--witness-policy", metavar="FILE", exists=True, help="Who had to cosign it."),
    ] = None,
    first: Annotated[int, typer.Option("--first", help="The first entry.")] = 0,
    last: Annotated[int | None, typer.Option("--last", help="The last entry.")] = None,
) -> None:
    """Verify copies where they lie, and several against each other: exit codes as of `audit verify`."""
    from modelwarden.sinks import actions  # noqa: PLC0415  # slow to import

    asked = actions.Asked(
        trusted=tuple(checkpoint_key or ()),
        remembered=tuple(path.read_bytes() for path in checkpoint or ()),
        policy=None if witness_policy is None else witness_policy.read_bytes(),
        first=first,
        last=last,
    )
    try:
        with run.screen.steps("entries") as report:
            found = actions.verify_copies(addresses, asked, progress=lambda done: report(done, 0))
    except Unreadable as error:
        tell(error, as_json=run.screen.as_json)
        raise typer.Exit(UNREACHABLE) from error
    for address, answer in zip(addresses, found, strict=True):
        if not run.screen.as_json:
            run.screen.say(f"\n{address.partition('?')[0]}")
        show_verification(run.screen, answer)
    if not all(answer.ok for answer in found):
        raise typer.Exit(REFUSED)
    if any(answer.signer is None for answer in found):
        raise typer.Exit(UNKNOWN)
