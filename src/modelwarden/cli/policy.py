"""`modelwarden policy`: lint, import, dry-run, list, show, versions, publish, assign, retire."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from modelwarden.cli.options import (
    CursorOption,
    EnvironmentOption,
    FileArgument,
    LimitOption,
    OutputOption,
    document,
)
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

if TYPE_CHECKING:
    from modelwarden.values.checks import ReplayAnswer

policy: Final = noun("policy", "Documents that say what a release has to meet.")

CHANGED: Final = frozenset({"newly_blocked", "newly_clear"})
"""How a release fares otherwise under a draft; the rest is only counted."""
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


@verb(policy, "import")
def import_policy(
    run: Run,
    file: FileArgument,
    *,
    name: Annotated[
        str | None, typer.Option("--name", help="What the policy is called.", show_default=False)
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option("--leave-out", metavar="PATH", help="Do without this key of the file."),
    ] = None,
    output: OutputOption = None,
) -> None:
    """Translate governance.yaml or a GovernancePolicy, and show how it differs from what is there."""
    found = run.rooms.policies.import_policy(
        document(file), name=name, leave_out=tuple(leave_out or ())
    )
    if output is not None:
        output.write_text(found.document, encoding="utf-8")
    if run.screen.as_json:
        run.screen.show(found)
        return
    for line in (*found.diff, *found.settings, *found.notes):
        run.screen.say(line)
    if output is None:
        run.screen.say(f"\n{found.document}")


@verb(policy, "dry-run")
def dry_run(
    run: Run,
    file: FileArgument,
    *,
    days: Annotated[int, typer.Option("--days", help="How far back, at most 366.")] = 90,
    model: Annotated[str | None, typer.Option("--model", help="Without it: all models.")] = None,
    environment: EnvironmentOption = "production",
    limit: Annotated[
        int, typer.Option("--limit", help="Of so many that would change, the reasons.")
    ] = 200,
) -> None:
    """Hold past releases against a document: which would have been stopped, had it been the policy."""
    text = document(file)
    ask = partial(run.rooms.policies.dry_run, text, days=days, model=model, environment=environment)
    counts: Counter[str] = Counter()
    changed: list[ReplayAnswer] = []
    cursor: str | None = None
    with run.screen.steps("looking back") as report:
        while True:
            part = ask(cursor=cursor)
            counts.update(part.counts)
            changed += [each for each in part.releases if each.turn in CHANGED]
            del changed[limit:]
            cursor = part.next_cursor
            if cursor is None:
                break
            if part.releases:
                behind = part.releases[-1].started_at - part.since
                report(days - min(days, behind.days), days)
    run.screen.show(replace(part, counts=dict(counts), releases=tuple(changed)))


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
