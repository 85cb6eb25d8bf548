"""`modelwarden audit erase`, `holds` and `retention`: personal data."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from modelwarden.cli.audit import audit
from modelwarden.cli.options import CursorOption, LimitOption, UserArgument, moment_option
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

holds: Final = noun("holds", "Legal holds: what falls under one survives erasure and retention.")
retention: Final = noun("retention", "For how many days each kind of data is kept.")

ERASURE_COLUMNS: Final = ("id", "user", "state", "basis", "scope", "texts", "kept", "requested_at")
HOLD_COLUMNS: Final = ("id", "person", "model", "incident", "placed_by", "placed_at", "released_at")

HoldArgument = Annotated[str, typer.Argument(metavar="HOLD", help="A hold's id: hld_….")]
WhyOption = Annotated[str, typer.Option("--reason", help="Why; it is kept, so name nobody.")]
DaysOption = Annotated[int | None, typer.Option(metavar="DAYS", show_default=False)]
TimeOption = Annotated[
    datetime | None,
    typer.Option(metavar="TIME", parser=moment_option, show_default=False),
]


@verb(audit)
def erase(
    run: Run,
    user: UserArgument,
    *,
    basis: Annotated[
        str, typer.Option("--basis", help="As objection, consent_withdrawn, no_longer_needed.")
    ],
    reason: WhyOption,
    scope: Annotated[
        str, typer.Option("--scope", help="identity, or authored: what they wrote goes too.")
    ] = "identity",
) -> None:
    """Erase a person: two people agree first (`approvals request --type access --action person.erase`)."""
    run.screen.show(run.rooms.audit.erase(user, basis=basis, reason=reason, scope=scope))


@verb(audit, "unlock-texts")
def unlock_texts(
    run: Run,
    *,
    erased: Annotated[
        list[str] | None, typer.Option("--erased", metavar="USER", help="Whom to erase again.")
    ] = None,
    erased_authored: Annotated[
        list[str] | None,
        typer.Option("--erased-authored", metavar="USER", help="With what they wrote."),
    ] = None,
    reason: WhyOption,
) -> None:
    """Open texts after `restore --as-new-ledger`: two people agree first (`--action texts.unlock`)."""
    run.screen.show(
        run.rooms.audit.unlock_texts(
            identity=erased or (), authored=erased_authored or (), reason=reason
        )
    )


@verb(audit)
def erasures(run: Run, *, limit: LimitOption = 50, cursor: CursorOption = None) -> None:
    """List erasures, those that wait for a hold too."""
    run.screen.list(run.rooms.audit.erasures(limit=limit, cursor=cursor), ERASURE_COLUMNS)


@verb(holds, "add")
def add_hold(  # noqa: PLR0913  # what a hold may name
    run: Run,
    *,
    reason: WhyOption,
    user: Annotated[str | None, typer.Option("--user", help="Words by or about them.")] = None,
    model: Annotated[str | None, typer.Option("--model")] = None,
    incident: Annotated[str | None, typer.Option("--incident")] = None,
    since: TimeOption = None,
    until: TimeOption = None,
) -> None:
    """Place a hold on what falls under all that is named."""
    run.screen.show(
        run.rooms.holds.add(
            reason=reason, user=user, model=model, incident=incident, since=since, until=until
        )
    )


@verb(holds, "show")
def show_hold(run: Run, hold: HoldArgument) -> None:
    """Show a hold."""
    run.screen.show(run.rooms.holds.show(hold))


@verb(holds, "list")
def list_holds(run: Run, *, limit: LimitOption = 50, cursor: CursorOption = None) -> None:
    """List holds, released ones too."""
    run.screen.list(run.rooms.holds.list(limit=limit, cursor=cursor), HOLD_COLUMNS)


@verb(holds, "release")
def release_hold(run: Run, hold: HoldArgument) -> None:
    """Release a hold: two people agree first (`approvals request --type access --action hold.release`)."""
    run.screen.show(run.rooms.holds.release(hold))


@verb(retention, "show")
def show_retention(run: Run) -> None:
    """Show the days of each kind."""
    run.screen.show(run.rooms.retention.show())


@verb(retention, "set")
def set_retention(
    run: Run,
    *,
    texts: DaysOption = None,
    leavers: DaysOption = None,
    sessions: DaysOption = None,
    deliveries: DaysOption = None,
) -> None:
    """Change days: two people agree first (`approvals request --type access --action retention.change`)."""
    run.screen.show(
        run.rooms.retention.set(
            texts=texts, leavers=leavers, sessions=sessions, deliveries=deliveries
        )
    )
