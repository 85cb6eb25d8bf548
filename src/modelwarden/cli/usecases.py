"""`modelwarden usecases`: business purposes that models serve."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from modelwarden.cli.keys import signing_key
from modelwarden.cli.options import CursorOption, KeyOption, LimitOption, moment_option
from modelwarden.cli.run import Run
from modelwarden.cli.sla import TimeOption, chart
from modelwarden.cli.verb import noun, verb

if TYPE_CHECKING:
    from modelwarden.values.use_cases import ManualUsage, ModelUsage

usecases: Final = noun("usecases", "Business purposes that models serve.")

COLUMNS: Final = ("usecase", "status", "impact_level", "owner", "models", "live_in", "replacement")

UseCaseArgument = Annotated[str, typer.Argument(metavar="USECASE", help="Its name.")]
NameOption = Annotated[str | None, typer.Option("--name", help="How people call it.")]
DescriptionOption = Annotated[str | None, typer.Option("--description")]
OwnerOption = Annotated[str | None, typer.Option("--owner", help="A person, or a group.")]
PersonOption = Annotated[
    str | None, typer.Option("--owner-person", help="Who stands in duties for a group.")
]
ModelsOption = Annotated[
    list[str] | None, typer.Option("--model", help="As often as it uses models.")
]
InputOption = Annotated[str | None, typer.Option("--input-schema", metavar="JSON")]
OutputOption = Annotated[str | None, typer.Option("--output-schema", metavar="JSON")]
ImpactOption = Annotated[
    str | None, typer.Option("--impact", help="low, medium, high or critical.")
]
SystemsOption = Annotated[
    list[str] | None, typer.Option("--system", help="Affected; as often as needed.")
]
SeatOption = Annotated[int | None, typer.Option("--seat", help="The first that you may fill.")]


@verb(usecases)
def create(  # noqa: PLR0913  # the fields of a use case
    run: Run,
    usecase: UseCaseArgument,
    *,
    name: NameOption = None,
    description: DescriptionOption = None,
    owner: OwnerOption = None,
    owner_person: PersonOption = None,
    model: ModelsOption = None,
    input_schema: InputOption = None,
    output_schema: OutputOption = None,
    impact: ImpactOption = None,
    system: SystemsOption = None,
) -> None:
    """Write a use case down, as a draft."""
    made = run.rooms.use_cases.create(
        usecase,
        name=name,
        description=description,
        owner=owner,
        owner_person=owner_person,
        models=model or (),
        input_schema=_schema(input_schema, "--input-schema"),
        output_schema=_schema(output_schema, "--output-schema"),
        impact_level=impact,
        affected_systems=system or (),
    )
    run.screen.show(made)


@verb(usecases)
def update(  # noqa: PLR0913  # the fields of a use case
    run: Run,
    usecase: UseCaseArgument,
    *,
    name: NameOption = None,
    description: DescriptionOption = None,
    owner: OwnerOption = None,
    owner_person: PersonOption = None,
    model: ModelsOption = None,
    input_schema: InputOption = None,
    output_schema: OutputOption = None,
    impact: ImpactOption = None,
    system: SystemsOption = None,
) -> None:
    """Change a use case; what was approved and changes is a draft again."""
    made = run.rooms.use_cases.update(
        usecase,
        name=name,
        description=description,
        owner=owner,
        owner_person=owner_person,
        models=model,
        input_schema=_schema(input_schema, "--input-schema"),
        output_schema=_schema(output_schema, "--output-schema"),
        impact_level=impact,
        affected_systems=system,
    )
    run.screen.show(made)


@verb(usecases)
def show(run: Run, usecase: UseCaseArgument) -> None:
    """Show a use case."""
    run.screen.show(run.rooms.use_cases.show(usecase))


@verb(usecases)
def list_(
    run: Run,
    *,
    model: Annotated[str | None, typer.Option("--model")] = None,
    status: Annotated[str | None, typer.Option("--status")] = None,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List use cases, by name."""
    found = run.rooms.use_cases.list(model=model, status=status, limit=limit, cursor=cursor)
    run.screen.list(found, COLUMNS)


@verb(usecases)
def usage(
    run: Run,
    usecase: UseCaseArgument,
    *,
    environment: Annotated[str, typer.Option("--environment", "-e")] = "production",
    since: TimeOption = None,
    until: TimeOption = None,
    step: Annotated[str | None, typer.Option("--step", help="5m, 15m, 1h, 1d, …")] = None,
) -> None:
    """Show what guards counted for it, of the last 30 days unless asked otherwise; a dot is a time without reports."""
    found = run.rooms.use_cases.usage(
        usecase, environment=environment, since=since, until=until, step=step
    )
    if run.screen.as_json:
        run.screen.show(found)
        return
    for words in chart(found):
        run.screen.say(words)
    rows = [_row("guards", each.model, each, each.unattributed) for each in found.models]
    rows += [_row("by hand, not added", each.sli, each, None) for each in found.manual]
    run.screen.list(rows, Row._fields)
    if found.left_out:
        run.screen.say(
            f"{found.left_out} more models are in no figure: not yours to see, or too many"
        )


class Row(NamedTuple):
    """What one source counted."""

    source: str
    name: str
    requests: int | None
    errors: int | None
    fallback_share: float | None
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    unattributed: int | None
    last_used: datetime | None


def _row(source: str, name: str, of: ModelUsage | ManualUsage, unattributed: int | None) -> Row:
    whole, last = of.whole, of.last_used
    share = round((whole.fallbacks or 0) / whole.total, 4) if whole.total else None
    return Row(
        source, name, whole.total, whole.errors, share, whole.p50_s, whole.p95_s, whole.p99_s, unattributed, last,
    )  # fmt: skip


@verb(usecases)
def history(
    run: Run, usecase: UseCaseArgument, *, limit: LimitOption = 50, cursor: CursorOption = None
) -> None:
    """List what happened to a use case, newest first."""
    found = run.rooms.use_cases.history(usecase, limit=limit, cursor=cursor)
    run.screen.list(found, ("seq", "entry"))


@verb(usecases)
def submit(
    run: Run,
    usecase: UseCaseArgument,
    *,
    comment: Annotated[str, typer.Option("--comment", help="Why; kept erasably.")],
) -> None:
    """Ask for its approval."""
    run.screen.show(run.rooms.use_cases.submit(usecase, comment=comment))


@verb(usecases)
def approve(
    run: Run,
    usecase: UseCaseArgument,
    *,
    comment: Annotated[str | None, typer.Option("--comment")] = None,
    key: KeyOption = None,
    seat: SeatOption = None,
) -> None:
    """Agree, signed with your key."""
    own = None if key is None else signing_key(key, run.environment)
    run.screen.show(run.rooms.use_cases.approve(usecase, comment=comment, key=own, seat=seat))


@verb(usecases)
def reject(
    run: Run,
    usecase: UseCaseArgument,
    *,
    comment: Annotated[str, typer.Option("--comment", help="Why not.")],
    key: KeyOption = None,
    seat: SeatOption = None,
) -> None:
    """Disagree, and say why; signed likewise."""
    own = None if key is None else signing_key(key, run.environment)
    run.screen.show(run.rooms.use_cases.reject(usecase, comment=comment, key=own, seat=seat))


@verb(usecases)
def deploy(
    run: Run,
    usecase: UseCaseArgument,
    *,
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", help="The next one, staging first.")
    ] = None,
) -> None:
    """Let it go into use where each of its models is live."""
    run.screen.show(run.rooms.use_cases.deploy(usecase, environment=environment))


@verb(usecases)
def deprecate(
    run: Run,
    usecase: UseCaseArgument,
    *,
    replacement: Annotated[str | None, typer.Option("--replacement")] = None,
    sunset: Annotated[
        datetime | None,
        typer.Option("--sunset", parser=moment_option, metavar="TIME", help="Now, if not named."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept erasably.")] = "",
) -> None:
    """End it; calls that carry it are refused from its sunset on."""
    ended = run.rooms.use_cases.deprecate(
        usecase, replacement=replacement, sunset_at=sunset, reason=reason
    )
    run.screen.show(ended)


def _schema(text: str | None, option: str) -> dict[str, Any] | None:
    """Read a JSON object as it is: fractions stay numbers, as a schema means them."""
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option} is a JSON object: {error}") from error
    if not isinstance(value, dict):
        raise typer.BadParameter(f"{option} is a JSON object")
    return value
