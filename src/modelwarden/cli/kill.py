"""`modelwarden kill`: stop models at once, also on the database with no server up, and let them go on (SG-14)."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from modelwarden.cli.options import (
    CursorOption,
    LimitOption,
    json_object,
    moment_option,
    tree_file,
)
from modelwarden.cli.previewing import glance, say
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

if TYPE_CHECKING:
    from modelwarden.values.switches import SwitchCheckAnswer

kill: Final = noun("kill", "Kill switches: stop models at once, and let them go on by two people.")

COLUMNS: Final = (
    "id", "state", "applied", "severity", "action", "environment", "scope", "activated_by", "activated_at", "name",
)  # fmt: skip
MATCHES: Final = ("switch", "action", "severity", "state", "why")
STANDINGS: Final = (
    "standing",
    "host",
    "pid",
    "silent_s",
    "generation",
    "after_ms",
    "model",
    "instance",
)
TOGGLES: Final = ("name", "outcome", "switch")

SwitchArgument = Annotated[str, typer.Argument(metavar="SWITCH", help="A switch's id: swi_….")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept erasably.")]
NotesOption = Annotated[str, typer.Option("--notes", help="Why; kept erasably.")]
ModelOption = Annotated[str | None, typer.Option("--model", metavar="MODEL")]
PlaceOption = Annotated[str, typer.Option("--environment", "-e", help="production or staging.")]
AnyPlaceOption = Annotated[
    str | None, typer.Option("--environment", "-e", help="production or staging; both without it.")
]
ScopeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scope", metavar="DIMENSION=VALUE", help="As region=eu; twice the same one: either value."
    ),
]
JsonOption = Annotated[
    str | None,
    typer.Option(
        "--scope-json",
        metavar="JSON",
        help='More of it, as {"segment": {"not_in": ["vip"]}} or {"version": {"prefix": "1."}}.',
    ),
]
ExceptOption = Annotated[
    list[str] | None,
    typer.Option("--except", metavar="DIMENSION=VALUE", help="What is carved out of it."),
]
TimeOption = Annotated[
    datetime | None, typer.Option(metavar="TIME", parser=moment_option, show_default=False)
]
ActionOption = Annotated[str | None, typer.Option("--action", help="block, fallback, observe.")]
FallbackOption = Annotated[
    list[str] | None, typer.Option("--fallback", help="chain, or steps in their order.")
]
EverythingOption = Annotated[
    str | None,
    typer.Option(
        "--everything",
        metavar="ENVIRONMENT",
        help="Stop a whole environment: type its name once more.",
        show_default=False,
    ),
]


@verb(kill)
def activate(  # noqa: PLR0913  # the fields of a switch
    run: Run,
    *,
    reason: ReasonOption,
    model: ModelOption = None,
    model_type: Annotated[str | None, typer.Option("--model-type", metavar="TYPE")] = None,
    scope: ScopeOption = None,
    scope_json: JsonOption = None,
    except_: ExceptOption = None,
    environment: PlaceOption = "production",
    action: ActionOption = None,
    fallback: FallbackOption = None,
    severity: Annotated[str, typer.Option("--severity", help="SEV1 to SEV4.")] = "SEV2",
    incident: Annotated[str | None, typer.Option("--incident")] = None,
    evidence: Annotated[str | None, typer.Option("--evidence")] = None,
    expires_at: TimeOption = None,
    on_expiry: Annotated[str | None, typer.Option("--on-expiry", help="remind or release.")] = None,
    unknown: Annotated[str, typer.Option("--unknown", help="match or pass.")] = "match",
    lkg_before: TimeOption = None,
    everything: EverythingOption = None,
    allow_unknown: Annotated[bool, typer.Option("--allow-unknown")] = False,
) -> None:
    """Stop or divert predictions in a scope."""
    if everything not in {None, environment}:
        raise typer.BadParameter(f"--everything {environment} confirms that all of it stops")
    named = [("model", model), ("model_type", model_type)]
    given = [f"{name}={value}" for name, value in named if value is not None]
    where = conditions([*given, *(scope or [])], "--scope", scope_json)
    carved = conditions(except_ or [], "--except") or None
    ask = partial(run.rooms.switches.preview, where, except_=carved, environment=environment)
    glance(ask, run.screen)
    run.screen.show(
        run.rooms.switches.activate(
            where,
            reason=reason,
            except_=carved,
            action=action,
            fallback=fallback or None,
            severity=severity,
            environment=environment,
            incident=incident,
            evidence=evidence,
            expires_at=expires_at,
            on_expiry=on_expiry,
            unknown=unknown,
            lkg_before=lkg_before,
            everything=everything is not None,
            allow_unknown=allow_unknown,
        )
    )


@verb(kill)
def preview(
    run: Run,
    *,
    scope: ScopeOption = None,
    scope_json: JsonOption = None,
    except_: ExceptOption = None,
    environment: PlaceOption = "production",
) -> None:
    """Say what a switch would hit if it were put in force now; nothing is stopped."""
    found = run.rooms.switches.preview(
        conditions(scope or [], "--scope", scope_json),
        except_=conditions(except_ or [], "--except") or None,
        environment=environment,
    )
    if run.screen.as_json:
        run.screen.show(found)
    else:
        say(found, run.screen)


@verb(kill)
def show(run: Run, switch: SwitchArgument) -> None:
    """Show a switch, live or not."""
    run.screen.show(run.rooms.switches.show(switch))


@verb(kill)
def confirmations(run: Run, switch: SwitchArgument) -> None:
    """Say which guards applied a switch, counted now; those that did not come first."""
    found = run.rooms.switches.confirmations(switch)
    if run.screen.as_json:
        run.screen.show(found)
        return
    run.screen.say(f"{found.state}: {found.confirmed} of {found.expected}, {found.lost} lost")
    if found.guards:
        run.screen.list(found.guards, STANDINGS)


@verb(kill, "list")
def list_active(
    run: Run,
    *,
    model: ModelOption = None,
    environment: AnyPlaceOption = None,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List the switches that are enforced; with a model, those that may touch it."""
    found = run.rooms.switches.active(
        model=model, environment=environment, limit=limit, cursor=cursor
    )
    run.screen.list(found, COLUMNS)


@verb(kill)
def history(
    run: Run,
    *,
    model: ModelOption = None,
    environment: AnyPlaceOption = None,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List all switches, those that ended too."""
    found = run.rooms.switches.history(
        model=model, environment=environment, limit=limit, cursor=cursor
    )
    run.screen.list(found, (*COLUMNS, "ended_by", "ended_at"))


@verb(kill)
def check(
    run: Run,
    values: Annotated[list[str], typer.Argument(metavar="DIMENSION=VALUE...")],
    *,
    environment: PlaceOption = "production",
) -> None:
    """Say what the live switches do to a call, and by what each matches. Ends in 1 where it is not let through."""
    found = run.rooms.switches.check(single(values), environment=environment)
    _show_check(run, found)
    if found.action in {"block", "fallback"}:
        raise typer.Exit(1)


@verb(kill)
def apply(
    run: Run,
    *,
    file: Annotated[
        Path,
        typer.Option(
            "--file", "-f", metavar="FILE", exists=True, dir_okay=False, help="As switches.yaml."
        ),
    ],
) -> None:
    """Bring switches in force as a file names them; applying it again changes nothing."""
    found = run.rooms.switches.apply(tree_file(file))
    if run.screen.as_json:
        run.screen.show(found)
    else:
        run.screen.list(found.toggles, TOGGLES)


@verb(kill)
def request_release(
    run: Run,
    switch: SwitchArgument,
    *,
    notes: NotesOption,
    verification: Annotated[
        str | None, typer.Option("--verification", help="How it was made sure.")
    ] = None,
) -> None:
    """Ask to let predictions go on; until it is confirmed the switch is enforced."""
    run.screen.show(
        run.rooms.switches.request_release(switch, notes=notes, verification=verification)
    )


@verb(kill)
def confirm_release(
    run: Run,
    switch: SwitchArgument,
    *,
    notes: NotesOption,
    ramp: Annotated[
        str | None, typer.Option("--ramp", help="Percent let go, step by step: 10,50,100.")
    ] = None,
    bake: Annotated[
        str | None, typer.Option("--bake", help="How long each step stands at least: 10m.")
    ] = None,
) -> None:
    """Release a switch, at once or in steps; at SEV1 and SEV2 neither who asked nor the model's owner may."""
    found = run.rooms.switches.confirm_release(switch, notes=notes, ramp=ramp, bake=bake)
    run.screen.show(found)


@verb(kill)
def refuse_release(run: Run, switch: SwitchArgument, *, notes: NotesOption) -> None:
    """Keep a switch whose release was asked for."""
    run.screen.show(run.rooms.switches.refuse_release(switch, notes=notes))


@verb(kill)
def withdraw_release(
    run: Run,
    switch: SwitchArgument,
    *,
    notes: Annotated[str | None, typer.Option("--notes", help="Why; kept erasably.")] = None,
) -> None:
    """Take your own request for a release back."""
    run.screen.show(run.rooms.switches.withdraw_release(switch, notes=notes))


def conditions(texts: list[str], option: str, more: str | None = None) -> dict[str, Any]:
    """Read DIMENSION=VALUE, where the same dimension twice is either value, and a JSON object beside it."""
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise typer.BadParameter(f"{option} is DIMENSION=VALUE; not {text!r}")
        found.setdefault(name, []).append(value)
    given = {} if more is None else json_object(more, "--scope-json")
    both = sorted(found.keys() & given.keys())
    if both:
        raise typer.BadParameter(f"{both[0]} is named twice: by {option} and by --scope-json")
    return {**found, **given}


def single(texts: list[str]) -> dict[str, str]:
    """Read DIMENSION=VALUE, once each."""
    found = conditions(texts, "the call")
    twice = sorted(name for name, values in found.items() if len(values) > 1)
    if twice:
        raise typer.BadParameter(f"one call has one {twice[0]}")
    return {name: values[0] for name, values in found.items()}


def _show_check(run: Run, found: SwitchCheckAnswer) -> None:
    if run.screen.as_json:
        run.screen.show(found)
        return
    run.screen.say(f"{found.action} in {found.environment}")
    if found.missing:
        run.screen.say(f"not named, so taken to match: {', '.join(found.missing)}")
    if found.matches:
        run.screen.list(found.matches, MATCHES)
