"""A verification as a report that a person reads from top to bottom: step by step, what was proved and what was not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import typer

from modelwarden.cli.refusal import UNREACHABLE, tell
from modelwarden.errors import Unreadable
from modelwarden.values.pages import Listing

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.cli.run import Run
    from modelwarden.cli.screen import Screen
    from modelwarden.values.answers import VerificationAnswer

STEPS: Final = ("number", "status", "name", "detail")
PROBLEMS: Final = ("code", "seq", "detail")


def show_verification(screen: Screen, found: VerificationAnswer) -> None:
    """Show what a verification found: JSON for a program, else steps, problems, and the verdict last."""
    if screen.as_json:
        screen.print_json(found)
        return
    screen.list(Listing(found.steps), STEPS)
    for title, items in (("problems", found.problems), ("warnings", found.warnings)):
        if items:
            screen.say(f"\n{title}")
            screen.list(Listing(items), PROBLEMS)
    if found.not_checked:
        screen.say("\nnot checked")
        for text in found.not_checked:
            screen.say(f"  {text}")
    screen.say(f"\nroot {found.root or 'unknown'} over {found.size} entries")
    screen.say(f"signed by {found.signer or 'nobody whose key is trusted here'}")
    screen.say(f"{_verdict(found)}: entries {found.first} to {found.last}, {found.seconds:.1f} s")


def verified_files(  # noqa: PLR0913  # what `verify` was asked
    run: Run,
    export: Path | None,
    proof: Path | None,
    trusted: list[str],
    *,
    strict: bool,
    jobs: int | None,
    policy: Path | None,
) -> VerificationAnswer:
    """Verify an export or a proof on its files alone; what can't be read ends the command."""
    from modelwarden.audit.offline import verify_export  # noqa: PLC0415  # not for every command
    from modelwarden.audit.offline_proof import verify_proof  # noqa: PLC0415

    try:
        if export is None and proof is not None:
            return verify_proof(proof, trusted=trusted)
        text = None if policy is None else policy.read_bytes()
        with run.screen.steps("entries") as report:
            return verify_export(
                export or Path(),
                trusted=trusted,
                strict=strict,
                jobs=jobs,
                progress=report,
                witness_policy=text,
            )
    except Unreadable as error:
        tell(error, as_json=run.screen.as_json)
        raise typer.Exit(UNREACHABLE) from error


def _verdict(found: VerificationAnswer) -> str:
    if not found.ok:
        return f"FAILED with {len(found.problems)} problems"
    return "ok" if found.signer is not None else "nothing is wrong, but no trusted key signed it"
