"""`modelwarden audit append, receipt, export, report`: records come in; receipts, entries and reports go out."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, NamedTuple

import typer

from modelwarden.cli.audit import FirstOption, LastOption, SinceOption, UntilOption, audit
from modelwarden.cli.refusal import REFUSED, UNKNOWN
from modelwarden.cli.run import Run
from modelwarden.cli.verb import verb
from modelwarden.errors import NotCanonical, RecordInvalid, Unreadable, WardenError
from modelwarden.values.canonical import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST: Final = 1_000
MOST_BYTES: Final = 8 * 1024 * 1024
LONGEST_LINE: Final = 256 * 1024


class Line(NamedTuple):
    """A line of the file: where it stands, and what it says."""

    number: int
    size: int
    record: Any


class Appended(NamedTuple):
    """What became of a file."""

    recorded: int
    repeated: int
    last: int | None


@verb(audit)
def append(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Lines of JSON, one record each.")],
) -> None:
    """Record another system's lines of JSON; sent again, each counts once by its ref, so a broken run is repeated."""
    recorded = repeated = 0
    last: int | None = None
    with _opened(file) as stream, run.screen.steps("append") as report:
        for chunk in _chunks(stream):
            try:
                answer = run.audit.append([line.record for line in chunk])
            except WardenError as error:
                _say_where(run, error, chunk, recorded + repeated)
                raise
            recorded, repeated = recorded + answer.recorded, repeated + answer.repeated
            last = max(one.seq for one in answer.records)
            report(recorded + repeated, 0)
    run.screen.show_fields(Appended(recorded, repeated, last)._asdict())


@verb(audit)
def receipt(
    run: Run,
    seq: Annotated[int, typer.Argument(metavar="SEQ")],
    *,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", help="For a checkpoint, at most 25.")
    ] = 0,
) -> None:
    """Show the receipt of an entry: exit code 3 while no signed checkpoint covers it."""
    found = run.audit.receipt(seq, wait_s=wait)
    if run.screen.as_json:
        run.screen.print_json(found)
    else:
        names = ("origin", "seq", "at", "leaf_hash", "entry_hash", "status", "archived")
        run.screen.show_fields({name: getattr(found, name) for name in names})
        sys.stdout.write(found.proof or "")
    if found.proof is None:
        raise typer.Exit(UNKNOWN)


@verb(audit)
def export(  # noqa: PLR0913  # which entries, and where they go
    run: Run,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PATH", help="Nothing yet.")],
    first: FirstOption = 0,
    last: LastOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    zipped: Annotated[bool, typer.Option("--zip", help="One file instead of a folder.")] = False,
    form: Annotated[
        str, typer.Option("--format", help="folder, jsonl, csv, parquet, cloudevents.")
    ] = "folder",
) -> None:
    """Write entries with all that proves them; it verifies with no server."""
    with run.screen.steps("export") as report:
        made = run.audit.export(
            output,
            first=first,
            last=last,
            since=since,
            until=until,
            zipped=zipped,
            format=form,
            progress=lambda done: report(done, 0),
        )
    run.screen.show(made)


@verb(audit)
def report(
    run: Run,
    *,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="As 2026-11-01.")],
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="That day is meant too.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE")],
    form: Annotated[
        str | None, typer.Option("--format", help="json, html or md; as the file's ending.")
    ] = None,
    as_of: Annotated[
        int | None, typer.Option("--as-of", metavar="SIZE", help="Of the ledger, to get it again.")
    ] = None,
) -> None:
    """Report what happened in a period: totals, each high and critical entry, whether it verifies."""
    found = run.audit.report(since, until, output, format=form, as_of=as_of)
    run.screen.show_fields(
        {
            "path": str(output),
            "entries": found.total,
            "as_of": found.as_of,
            "verified": found.verified,
            "severe": found.severe_total,
            "root": found.root,
        }
    )
    if not found.verified:
        raise typer.Exit(REFUSED)


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with open(file, "rb") as stream:  # noqa: PTH123  # as it was typed
            yield stream
    except OSError as error:
        raise Unreadable(f"{file} can't be read: {error.strerror}") from error


def _chunks(stream: BinaryIO) -> Iterator[list[Line]]:
    """Yield lines in chunks that one call takes. Raises RecordInvalid for a line that is no JSON of one meaning."""
    chunk: list[Line] = []
    size = 0
    for line in _lines(stream):
        if chunk and (len(chunk) == MOST or size + line.size > MOST_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += line.size
    if chunk:
        yield chunk


def _lines(stream: BinaryIO) -> Iterator[Line]:
    number = 0
    while data := stream.readline(LONGEST_LINE):
        number += 1
        if not data.strip():
            continue
        try:
            record = parse(data, floats=True)
        except NotCanonical as error:
            raise RecordInvalid(
                number - 1, f"line {number}", f"one record as JSON ({error})"
            ) from error
        yield Line(number, len(data), record)


def _say_where(run: Run, error: WardenError, chunk: list[Line], done: int) -> None:
    place = getattr(error, "number", None)
    where = (
        f"line {chunk[place].number}" if isinstance(place, int) else f"line {chunk[0].number} on"
    )
    run.screen.warn(f"stopped at {where}; {done} records before stand. Mend it and run this again.")
