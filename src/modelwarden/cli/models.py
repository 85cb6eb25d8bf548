"""`modelwarden models`: register, show, list, update, retire."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from modelwarden.cli.options import CursorOption, LimitOption, ModelArgument, ReasonOption
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

models: Final = noun("models", "Named lines of work with an owner and a business purpose.")

COLUMNS: Final = ("name", "owner", "risk_tier", "team", "tags", "policy", "retired_at")

OwnerOption = Annotated[str | None, typer.Option("--owner", help="Who answers for it.")]
PurposeOption = Annotated[str | None, typer.Option("--purpose", help="What it is for.")]
TagsOption = Annotated[list[str] | None, typer.Option("--tag", help="As often as needed.")]


@verb(models)
def register(  # noqa: PLR0913  # the fields of a model
    run: Run,
    name: ModelArgument,
    *,
    owner: OwnerOption = None,
    purpose: PurposeOption = None,
    kind: Annotated[str, typer.Option("--type", help="Such as classifier.")] = "",
    tier: Annotated[int, typer.Option("--tier", help="Risk: 1 is the highest, 4 the lowest.")] = 3,
    team: Annotated[str, typer.Option("--team")] = "",
    tags: TagsOption = None,
) -> None:
    """Register a model."""
    made = run.rooms.models.register(
        name,
        owner=owner,
        business_purpose=purpose,
        type=kind,
        risk_tier=tier,
        team=team,
        tags=tags or (),
    )
    run.screen.show(made)


@verb(models)
def show(run: Run, name: ModelArgument) -> None:
    """Show a model."""
    run.screen.show(run.rooms.models.show(name))


@verb(models)
def list_(  # noqa: PLR0913  # the filters of a list
    run: Run,
    *,
    owner: OwnerOption = None,
    status: Annotated[str | None, typer.Option("--status")] = None,
    stage: Annotated[str | None, typer.Option("--stage")] = None,
    tag: Annotated[str | None, typer.Option("--tag")] = None,
    text: Annotated[str | None, typer.Option("--text", help="Part of a name.")] = None,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List the models that you may read."""
    found = run.rooms.models.list(
        owner=owner, status=status, stage=stage, tag=tag, text=text, limit=limit, cursor=cursor
    )
    run.screen.list(found, COLUMNS)


@verb(models)
def update(  # noqa: PLR0913  # the fields of a model
    run: Run,
    name: ModelArgument,
    *,
    owner: OwnerOption = None,
    purpose: PurposeOption = None,
    kind: Annotated[str | None, typer.Option("--type")] = None,
    tier: Annotated[int | None, typer.Option("--tier")] = None,
    team: Annotated[str | None, typer.Option("--team")] = None,
    tags: TagsOption = None,
    revision: Annotated[
        int | None, typer.Option("--revision", help="Only if it is still at this revision.")
    ] = None,
) -> None:
    """Set what is known of a model; naming owner and purpose confirms them."""
    kept = run.rooms.models.update(
        name,
        owner=owner,
        business_purpose=purpose,
        type=kind,
        risk_tier=tier,
        team=team,
        tags=tags,
        revision=revision,
    )
    run.screen.show(kept)


@verb(models)
def retire(
    run: Run,
    name: ModelArgument,
    *,
    replacement: Annotated[str | None, typer.Option("--replacement", help="Its heir.")] = None,
    reason: ReasonOption = "",
) -> None:
    """End a line of work."""
    run.screen.show(run.rooms.models.retire(name, replacement=replacement, reason=reason))
