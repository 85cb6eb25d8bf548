"""`modelwarden notify`: webhook endpoints that are told of chosen entries. A secret is shown once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from modelwarden.cli.options import CursorOption, LimitOption
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

if TYPE_CHECKING:
    from modelwarden.values.endpoints import EndpointAnswer

notify: Final = noun("notify", "Webhook endpoints that are told what happens.")

COLUMNS: Final = ("name", "address", "state", "types", "severity", "waiting", "owner")
TRIES: Final = ("first", "last", "attempt", "outcome", "status", "problem", "at", "next_at")

EndpointArgument = Annotated[str, typer.Argument(metavar="ENDPOINT", help="Its name or id.")]
TypesOption = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="A type, a family, or a pattern like model.*."),
]
SubjectsOption = Annotated[
    list[str] | None, typer.Option("--subject", metavar="KIND:ID", help="Such as model:churn.")
]


@verb(notify)
def add(  # noqa: PLR0913  # the fields of an endpoint
    run: Run,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    url: Annotated[str, typer.Argument(metavar="URL", help="- reads it from standard input.")],
    *,
    types: TypesOption = None,
    severity: Annotated[str, typer.Option("--severity", help="At least this.")] = "INFO",
    subjects: SubjectsOption = None,
    include_text: Annotated[bool, typer.Option("--include-text")] = False,
) -> None:
    """Add an endpoint; what it subscribes to goes there from now on, as far as you may read it."""
    made = run.rooms.notify.add(
        name,
        _address(url),
        types=types or (),
        severity=severity,
        subjects=subjects or (),
        include_text=include_text,
    )
    _show_once(run, made)


@verb(notify)
def list_(run: Run, *, limit: LimitOption = 50, cursor: CursorOption = None) -> None:
    """List the endpoints, without secrets."""
    run.screen.list(run.rooms.notify.list(limit=limit, cursor=cursor), COLUMNS)


@verb(notify)
def show(run: Run, endpoint: EndpointArgument) -> None:
    """Show an endpoint."""
    run.screen.show(run.rooms.notify.show(endpoint))


@verb(notify)
def update(  # noqa: PLR0913  # the fields of an endpoint
    run: Run,
    endpoint: EndpointArgument,
    *,
    url: Annotated[
        str | None, typer.Option("--url", help="- reads it from standard input.")
    ] = None,
    types: TypesOption = None,
    severity: Annotated[str | None, typer.Option("--severity")] = None,
    subjects: SubjectsOption = None,
    include_text: Annotated[bool | None, typer.Option("--include-text/--no-text")] = None,
) -> None:
    """Change where an endpoint lies or what it is told; you stand behind it from now on."""
    changed = run.rooms.notify.update(
        endpoint,
        url=None if url is None else _address(url),
        types=types,
        severity=severity,
        subjects=subjects,
        include_text=include_text,
    )
    run.screen.show(changed)


@verb(notify)
def test(run: Run, endpoint: EndpointArgument) -> None:
    """Send a test message now, and tell what came back; exit code 1 where it was not taken."""
    done = run.rooms.notify.test(endpoint)
    run.screen.show(done)
    if not done.ok:
        raise typer.Exit(1)


@verb(notify)
def rotate_secret(
    run: Run,
    endpoint: EndpointArgument,
    *,
    overlap_minutes: Annotated[
        int, typer.Option("--overlap-minutes", help="How long the old one signs too.")
    ] = 1_440,
) -> None:
    """Replace the secret; the old one signs beside it for the overlap."""
    made = run.rooms.notify.rotate_secret(endpoint, overlap_minutes=overlap_minutes)
    _show_once(run, made)


@verb(notify)
def disable(run: Run, endpoint: EndpointArgument) -> None:
    """Stop telling an endpoint anything; its place is kept."""
    run.screen.show(run.rooms.notify.disable(endpoint))


@verb(notify)
def enable(run: Run, endpoint: EndpointArgument) -> None:
    """Let a disabled endpoint go on; what waited for more than a day comes as one message."""
    run.screen.show(run.rooms.notify.enable(endpoint))


@verb(notify)
def replay(
    run: Run,
    endpoint: EndpointArgument,
    *,
    first: Annotated[int, typer.Option("--from", metavar="SEQ", help="The first entry.")],
) -> None:
    """Send again what an endpoint subscribed to, from this entry on."""
    run.screen.show(run.rooms.notify.replay(endpoint, first=first))


@verb(notify)
def deliveries(
    run: Run,
    endpoint: EndpointArgument,
    *,
    abandoned: Annotated[bool, typer.Option("--abandoned", help="What was given up.")] = False,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List what was sent to an endpoint, newest first."""
    found = run.rooms.notify.deliveries(endpoint, abandoned=abandoned, limit=limit, cursor=cursor)
    run.screen.list(found, TRIES)


def _address(url: str) -> str:
    """Return the URL; from standard input it shows in no list of processes and in no history."""
    if url != "-":
        return url
    asks = sys.stdin.isatty()
    return str(typer.prompt("URL", hide_input=True, err=True) if asks else input()).strip()


def _show_once(run: Run, made: EndpointAnswer) -> None:
    run.screen.show(made)
    if not run.screen.as_json:
        run.screen.warn("the secret is shown this once: give it to the receiver now")
