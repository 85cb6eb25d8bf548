"""`modelwarden triggers`: what is judged for a model, and what came of it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import typer

from modelwarden.cli.options import CursorOption, LimitOption, ReasonOption
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

triggers: Final = noun("triggers", "Triggers: they judge what guards count, and propose switches.")

COLUMNS: Final = (
    "name", "version", "state", "verdict", "model", "environment", "signal", "by", "auto_activate", "dry_run", "owner",
    "waiting",
)  # fmt: skip
FIRED: Final = (
    "id", "fired_at", "step", "act", "cause", "value", "threshold", "n", "by_value", "severity", "switch", "proposal",
)  # fmt: skip
_SPAN: Final = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d)")
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_RUNG: Final = re.compile(r"([a-z]+)=([^/]+)/([^/]+)")
_SHARE: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?%?")


def span(text: str) -> int:
    """Read 90s, 10m, 6h or 1d as seconds."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise typer.BadParameter("write a length as 90s, 10m, 6h or 1d")
    return int(match[1]) * _UNITS[match[2]]


def rung(text: str) -> dict[str, Any]:
    """Read STEP=THRESHOLD/CLEAR."""
    match = _RUNG.fullmatch(text)
    if match is None:
        raise typer.BadParameter(
            "write a step as proposal=0.5/0.2: above which it fires, and below which it clears"
        )
    return {"step": match[1], "threshold": match[2], "clear": match[3]}


def share(text: str) -> int:
    """Read 25% or 2.5 as basis points."""
    match = _SHARE.fullmatch(text)
    if match is None:
        raise typer.BadParameter("write a share as 25% or 2.5%")
    return int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0"))


AtOption = Annotated[
    list[str] | None,
    typer.Option(
        "--at", metavar="STEP=THRESHOLD/CLEAR", help="note, incident, observe, proposal, switch."
    ),
]
AutoOption = Annotated[bool, typer.Option("--auto-activate", help="Switch with no person.")]
ShareOption = Annotated[str, typer.Option("--max-share", help="Of the model's last hour.")]
RowOption = Annotated[int | None, typer.Option("--consecutive", help="Windows in a row.")]
AccountOption = Annotated[
    str | None, typer.Option("--account", help="The service account that acts.")
]
TriggerArgument = Annotated[str, typer.Argument(metavar="TRIGGER", help="A trigger's name.")]


@verb(triggers)
def set_(  # noqa: PLR0913  # the fields of a trigger
    run: Run,
    trigger: TriggerArgument,
    *,
    model: Annotated[str, typer.Option("--model", metavar="MODEL")],
    signal: Annotated[str, typer.Option("--signal", help="As error_rate, psi, clip_rate.")],
    environment: Annotated[str, typer.Option("--environment", "-e")] = "production",
    by: Annotated[str | None, typer.Option("--by", help="A dimension that it tells apart.")] = None,
    at: AtOption = None,
    window: Annotated[str | None, typer.Option("--window", help="As 10m.")] = None,
    n_min: Annotated[int | None, typer.Option("--n-min", help="Fewer say nothing.")] = None,
    consecutive: RowOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Note alone.")] = False,
    auto_activate: AutoOption = False,
    max_share: ShareOption = "25%",
    budget: Annotated[int, typer.Option("--budget", help="How often in an hour it acts.")] = 3,
    owner: Annotated[str | None, typer.Option("--owner", help="Who answers for it.")] = None,
    account: AccountOption = None,
) -> None:
    """Write a version of a trigger; one that acts by itself, or lets more pass, takes a second person."""
    run.screen.show(
        run.rooms.triggers.set(
            trigger,
            model=model,
            signal=signal,
            environment=environment,
            by=by,
            ladder=[rung(text) for text in at] if at else None,
            window_s=None if window is None else span(window),
            n_min=n_min,
            consecutive=consecutive,
            dry_run=dry_run,
            auto_activate=auto_activate,
            max_share=share(max_share),
            budget=budget,
            owner=owner,
            account=account,
        )
    )


@verb(triggers)
def approve(run: Run, trigger: TriggerArgument) -> None:
    """Agree, as the second person, to the version that waits, or to the end of a trigger."""
    run.screen.show(run.rooms.triggers.approve(trigger))


@verb(triggers)
def retire(run: Run, trigger: TriggerArgument) -> None:
    """Ask for the end of a trigger; it judges until a second person agrees."""
    run.screen.show(run.rooms.triggers.retire(trigger))


@verb(triggers)
def show(run: Run, trigger: TriggerArgument) -> None:
    """Show the newest version of a trigger, and how its alarms stand."""
    run.screen.show(run.rooms.triggers.show(trigger))


@verb(triggers)
def list_(
    run: Run,
    *,
    model: Annotated[str | None, typer.Option("--model", metavar="MODEL")] = None,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List the triggers that are in force or wait."""
    found = run.rooms.triggers.list(model=model, limit=limit, cursor=cursor)
    run.screen.list(found, COLUMNS)


@verb(triggers)
def history(
    run: Run, trigger: TriggerArgument, *, limit: LimitOption = 50, cursor: CursorOption = None
) -> None:
    """List the versions of a trigger, newest first."""
    found = run.rooms.triggers.history(trigger, limit=limit, cursor=cursor)
    run.screen.list(found, (*COLUMNS, "set_by", "approved_by"))


@verb(triggers)
def firings(
    run: Run, trigger: TriggerArgument, *, limit: LimitOption = 50, cursor: CursorOption = None
) -> None:
    """List what a trigger fired, newest first."""
    run.screen.list(run.rooms.triggers.firings(trigger, limit=limit, cursor=cursor), FIRED)


@verb(triggers)
def override_severity(
    run: Run,
    firing: Annotated[str, typer.Argument(metavar="FIRING", help="Its id: fir_….")],
    *,
    severity: Annotated[str, typer.Option("--severity", help="SEV1 to SEV4.")],
    reason: ReasonOption,
) -> None:
    """Say how bad a firing is, instead of the rules."""
    run.screen.show(run.rooms.triggers.override_severity(firing, severity=severity, reason=reason))
