"""`modelwarden audit`: search, show, verify, reindex, checkpoint, prove, consistency, keys, export, tiles, and more.

On a database URL these act as the process that holds the database, unless `--as` or a token says who.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from modelwarden.cli.options import CursorOption, LimitOption, OutputOption
from modelwarden.cli.refusal import REFUSED, UNKNOWN
from modelwarden.cli.report import show_verification, verified_files
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb
from modelwarden.values.pages import Listing

if TYPE_CHECKING:
    from modelwarden.values.answers import EntryAnswer

audit: Final = noun("audit", "The ledger: what happened, and the proof of it.")

COLUMNS: Final = ("seq", "at", "type", "severity", "outcome", "actor", "about")

FirstOption = Annotated[int, typer.Option("--first", help="The first entry.")]
LastOption = Annotated[
    int | None, typer.Option("--last", help="The last entry; the newest, if not named.")
]
ExportOption = Annotated[
    Path | None,
    typer.Option("--export", metavar="PATH", exists=True, help="On these files alone."),
]
ProofOption = Annotated[
    Path | None,
    typer.Option("--proof", metavar="PATH", exists=True, help="One entry's, or a bundle."),
]
CheckpointKeyOption = Annotated[
    list[str] | None,
    typer.Option("--checkpoint-key", metavar="KEY", help="To trust; from `audit keys`."),
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", min=1, max=64, help="Processes; one a core for large ledgers."),
]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="From this time on.")
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Up to this time or day.")
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
    export: ExportOption = None,
    proof: ProofOption = None,
    checkpoint_key: CheckpointKeyOption = None,
    first: FirstOption = 0,
    last: LastOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Read each body too.")] = False,
    state: Annotated[
        bool, typer.Option("--state", help="Compare every row with its entries.")
    ] = False,
    jobs: JobsOption = None,
    witness_policy: Annotated[
        Path | None,
        typer.Option("--witness-policy", metavar="FILE", exists=True, help="Who had to cosign it."),
    ] = None,
    vectors: Annotated[
        bool, typer.Option("--vectors", help="Compute the published vectors (LG-22) here.")
    ] = False,
) -> None:
    """Verify the ledger, an export or a proof: exit code 1 if it fails, 3 unpinned or unsigned, 5 unreadable."""
    if vectors:
        _check_vectors(run)
        return
    keys = checkpoint_key or []
    if export is not None or proof is not None:
        is_part = first or last is not None or since is not None or until is not None
        if is_part or state or (export is not None and proof is not None):
            raise typer.BadParameter(
                "files are verified whole, one place at a time: no range, no --state"
            )
        found = verified_files(
            run, export, proof, keys, strict=strict, jobs=jobs, policy=witness_policy
        )
    elif witness_policy is not None:
        raise typer.BadParameter("a database's policy is the setting ledger.witness_policy")
    else:
        bounds: dict[str, Any] = {"first": first, "last": last, "since": since, "until": until}
        depth: dict[str, Any] = {"strict": strict, "state": state, "jobs": jobs}
        with run.screen.steps("entries") as report:
            found = run.audit.verify(**bounds, **depth, checkpoint_keys=keys, progress=report)
    show_verification(run.screen, found)
    if not found.ok:
        raise typer.Exit(REFUSED)
    if found.signer is None:
        raise typer.Exit(UNKNOWN)


@verb(audit)
def reindex(run: Run) -> None:
    """Build the search index and the tiles anew from the entries: the host's work. Stop the server first."""
    if run.is_remote:
        raise typer.BadParameter("this works on the database itself, not on a server")
    from modelwarden.warden import upkeep  # noqa: PLC0415  # slow to import

    with run.screen.steps("reindex") as report:
        done = upkeep.reindex(run.settings, progress=report)
    run.screen.show_fields({"entries": done.entries, "tiles": done.tiles})


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
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", metavar="PATH", help="To be mailed: a .zip file, or a folder."),
    ] = None,
) -> None:
    """Print the proof that an entry is in the ledger (a C2SP tlog-proof), or write it with the entry's line.

    A bundle is an export of that entry: it verifies by itself, and that it left is recorded.
    """
    if bundle is not None:
        if output is not None:
            raise typer.BadParameter("either --output or --bundle")
        zipped = bundle.suffix == ".zip"
        run.screen.show(run.audit.export(bundle, first=seq, last=seq, zipped=zipped))
        return
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
def tiles(
    run: Run,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR")],
) -> None:
    """Write the ledger as a static log that other tools verify (C2SP tlog-tiles); again: what is new."""
    with run.screen.steps("tiles") as report:
        made = run.audit.tiles(output, progress=lambda done: report(done, 0))
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


def _check_vectors(run: Run) -> None:
    from modelwarden.ledger.vectors import EXPECTED, check_vectors  # noqa: PLC0415

    wrong = check_vectors()
    run.screen.show_fields({"vectors": len(EXPECTED), "ok": not wrong, "mismatches": wrong})
    if wrong:
        raise typer.Exit(REFUSED)
