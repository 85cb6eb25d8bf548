"""`modelwarden policy`: lint, dry-run, list, show, versions, publish, assign, retire."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from modelwarden.cli.options import (
    CursorOption,
    EnvironmentOption,
    FileArgument,
    LimitOption,
    document,
)
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

policy: Final = noun("policy", "Documents that say what a release has to meet.")

COLUMNS: Final = ("name", "version", "state", "hash", "published_by", "published_at")

PolicyArgument = Annotated[str, typer.Argument(metavar="POLICY", help="A name, or NAME@VERSION.")]


@verb(policy)
def list_(run: Run, *, limit: LimitOption = 50, cursor: CursorOption = None) -> None:
    """List policies, each at its newest version."""
    run.screen.list(run.rooms.policies.list(limit=limit, cursor=cursor), COLUMNS)


@verb(policy)
def show(run: Run, name: PolicyArgument) -> None:
    """Show a policy."""
    run.screen.show(run.rooms.policies.show(name))


@verb(policy)
def versions(
    run: Run, name: PolicyArgument, *, limit: LimitOption = 50, cursor: CursorOption = None
) -> None:
    """List the versions of a policy, newest first."""
    run.screen.list(run.rooms.policies.versions(name, limit=limit, cursor=cursor), COLUMNS)


@verb(policy)
def lint(run: Run, file: FileArgument) -> None:
    """Check a document, and show what would be published."""
    run.screen.show(run.rooms.policies.lint(document(file)))


@verb(policy, "dry-run")
def dry_run(
    run: Run,
    file: FileArgument,
    *,
    days: Annotated[int, typer.Option("--days", help="How far back, at most 366.")] = 90,
    model: Annotated[str | None, typer.Option("--model", help="Without it: all models.")] = None,
    environment: EnvironmentOption = "production",
) -> None:
    """Hold past releases against a document: which would have been stopped, had it been the policy."""
    run.screen.show(
        run.rooms.policies.dry_run(document(file), days=days, model=model, environment=environment)
    )


@verb(policy)
def publish(run: Run, file: FileArgument) -> None:
    """Publish a document as the next version of its name."""
    run.screen.show(run.rooms.policies.publish(document(file)))


@verb(policy)
def assign(
    run: Run,
    name: PolicyArgument,
    *,
    model: Annotated[
        str | None, typer.Option("--model", help="Without it: whatever has none.")
    ] = None,
    environment: Annotated[str | None, typer.Option("--environment", "-e")] = None,
) -> None:
    """Let a policy govern a model, an environment, both, or all."""
    run.screen.show(run.rooms.policies.assign(name, model=model, environment=environment))


@verb(policy)
def retire(run: Run, name: PolicyArgument) -> None:
    """End a policy that governs nothing."""
    run.screen.show(run.rooms.policies.retire(name))
