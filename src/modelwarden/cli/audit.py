"""`modelwarden audit`: search, show, history, verify, checkpoint, prove, consistency, keys, export.

On a database URL these act as the process that holds the database, unless `--as` or a token says who.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from modelwarden.cli.options import CursorOption, LimitOption, OutputOption
from modelwarden.cli.refusal import REFUSED, UNKNOWN, UNREACHABLE, tell
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb
from modelwarden.errors import Unreadable
from modelwarden.values.pages import Listing

if TYPE_CHECKING:
    from modelwarden.values.answers import EntryAnswer, VerificationAnswer

audit: Final = noun("audit", "The ledger: what happened, and the proof of it.")

COLUMNS: Final = ("seq", "at", "type", "severity", "outcome", "actor", "about")

FirstOption = Annotated[int, typer.Option("--first", help="The first entry.")]
LastOption = Annotated[
    int | None, typer.Option("--last", help="The last entry; the newest, if not named.")
]


class Row(NamedTuple):
    """One entry as a line of a table."""

    seq: int
    at: str
    type: str
    severity: str
    outcome: str
    actor: str
    about: str


@verb(audit)
def search(  # noqa: PLR0913  # the filters of LG-40
    run: Run,
    *,
    actor: Annotated[str | None, typer.Option("--actor", metavar="USER")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="As model:churn.")] = None,
    kind: Annotated[
        str | None, typer.Option("--type", help="As approval.decided, switch.*.")
    ] = None,
    severity: Annotated[str | None, typer.Option("--severity", help="As HIGH,CRITICAL.")] = None,
    outcome: Annotated[str | None, typer.Option("--outcome", help="done, refused, failed.")] = None,
    tag: Annotated[str | None, typer.Option("--tag")] = None,
    component: Annotated[str | None, typer.Option("--component", help="As RiskAgent.")] = None,
    text: Annotated[str | None, typer.Option("--text", help='Words, or a "phrase".')] = None,
    include_texts: Annotated[
        bool, typer.Option("--include-texts", help="Open erasable texts too; it is recorded.")
    ] = False,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME")] = None,
    first: Annotated[int | None, typer.Option("--first")] = None,
    last: LastOption = None,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """Search entries, newest first."""
    found = run.audit.search(
        actor=actor,
        subject=subject,
        type=kind,
        severity=severity,
        outcome=outcome,
        tag=tag,
        component=component,
        text=text,
        include_texts=include_texts,
        since=since,
        until=until,
        first=first,
        last=last,
        limit=limit,
        cursor=cursor,
    )
    _list(run, found)


@verb(audit)
def show(run: Run, seq: Annotated[int, typer.Argument(metavar="SEQ")]) -> None:
    """Show one entry with its hashes."""
    found = run.audit.show(seq)
    if run.screen.as_json:
        run.screen.print_json(found)
        return
    run.screen.show_fields(
        {
            **_row(found)._asdict(),
            "fact": found.entry.get("fact", {}),
            "entry_hash": found.entry_hash,
            "previous_hash": found.previous_hash,
            "leaf_hash": found.leaf_hash,
        }
    )


@verb(audit)
def history(
    run: Run,
    name: Annotated[str, typer.Argument(metavar="MODEL[@VERSION]")],
    *,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List what happened to a model or version; reading the model is enough for it."""
    model, _, version = name.partition("@")
    _list(run, run.audit.history(model, version or None, limit=limit, cursor=cursor))


@verb(audit)
def verify(  # noqa: PLR0913  # what is verified, how deep, by which keys
    run: Run,
    *,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="PATH", exists=True, help="On these files alone."),
    ] = None,
    checkpoint_key: Annotated[
        list[str] | None,
        typer.Option("--checkpoint-key", metavar="KEY", help="To trust; from `audit keys`."),
    ] = None,
    first: FirstOption = 0,
    last: LastOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Read each body too.")] = False,
    state: Annotated[
        bool, typer.Option("--state", help="Compare every row with its entries.")
    ] = False,
    vectors: Annotated[
        bool, typer.Option("--vectors", help="Compute the published vectors (LG-22) here.")
    ] = False,
) -> None:
    """Verify the ledger, or an export: exit code 1 if it fails, 3 unpinned or unsigned, 5 unreadable."""
    if vectors:
        _check_vectors(run)
        return
    keys = checkpoint_key or []
    if export is not None:
        if first or last is not None or state:
            raise typer.BadParameter("an export is verified whole: no --first, --last, --state")
        found = _verified_export(run, export, keys, strict=strict)
    else:
        found = run.audit.verify(first, last, strict=strict, state=state, checkpoint_keys=keys)
    run.screen.show(found)
    if not found.ok:
        raise typer.Exit(REFUSED)
    if found.signer is None:
        raise typer.Exit(UNKNOWN)


@verb(audit)
def checkpoint(run: Run) -> None:
    """Sign and show a checkpoint over all that is committed."""
    found = run.audit.checkpoint()
    if run.screen.as_json:
        run.screen.print_json(found)
    else:
        sys.stdout.write(found.note)


@verb(audit)
def prove(
    run: Run,
    seq: Annotated[int, typer.Argument(metavar="SEQ")],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Both files go there.")
    ] = None,
) -> None:
    """Print the proof that an entry is in the ledger (a C2SP tlog-proof), or write it with the entry's line."""
    found = run.audit.prove(seq)
    if run.screen.as_json:
        run.screen.print_json(found)
    elif output is None:
        sys.stdout.write(found.proof)
    else:
        output.mkdir(parents=True, exist_ok=True)
        (output / f"{seq}.tlog-proof").write_text(found.proof, "utf-8")
        (output / f"{seq}.json").write_text(f"{found.line}\n", "utf-8")
        run.screen.say(f"{output}: {seq}.tlog-proof, {seq}.json")


@verb(audit)
def consistency(
    run: Run,
    old: Annotated[int, typer.Argument(metavar="OLD", help="A size that was known before.")],
    new: Annotated[int | None, typer.Argument(metavar="NEW", show_default=False)] = None,
    *,
    output: OutputOption = None,
) -> None:
    """Print the proof that the ledger of an older size is the beginning of a newer one."""
    found = run.audit.consistency(old, new)
    if output is None:
        sys.stdout.write(found)
    else:
        output.write_text(found, "utf-8")
        run.screen.say(f"written to {output}")


@verb(audit)
def keys(run: Run) -> None:
    """Print the keys that sign checkpoints, to be pinned by whoever verifies."""
    found = run.audit.keys()
    if run.screen.as_json:
        run.screen.print_json(found)
    for key in found:
        run.screen.say(key)


@verb(audit)
def export(
    run: Run,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PATH", help="Nothing yet.")],
    first: FirstOption = 0,
    last: LastOption = None,
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
            zipped=zipped,
            format=form,
            progress=lambda done: report(done, 0),
        )
    run.screen.show(made)


def _list(run: Run, found: Listing[EntryAnswer]) -> None:
    if run.screen.as_json:
        run.screen.print_json(found)
    else:
        rows = tuple(_row(entry) for entry in found.items)
        run.screen.list(Listing(rows, found.next_cursor), COLUMNS)


def _row(found: EntryAnswer) -> Row:
    entry = found.entry
    return Row(
        seq=found.seq,
        at=str(entry.get("at", ""))[:19].replace("T", " "),
        type=str(entry.get("type", "")),
        severity=str(entry.get("severity", "")),
        outcome=str(entry.get("outcome", "")),
        actor=str(entry.get("actor", {}).get("id", "")),
        about=" ".join(entry.get("about", ())),
    )


def _verified_export(
    run: Run, place: Path, trusted: list[str], *, strict: bool
) -> VerificationAnswer:
    from modelwarden.audit.offline import verify_export  # noqa: PLC0415  # not for every command

    try:
        return verify_export(place, trusted=trusted, strict=strict)
    except Unreadable as error:
        tell(error, as_json=run.screen.as_json)
        raise typer.Exit(UNREACHABLE) from error


def _check_vectors(run: Run) -> None:
    from modelwarden.ledger.vectors import EXPECTED, check_vectors  # noqa: PLC0415

    wrong = check_vectors()
    run.screen.show_fields({"vectors": len(EXPECTED), "ok": not wrong, "mismatches": wrong})
    if wrong:
        raise typer.Exit(REFUSED)
