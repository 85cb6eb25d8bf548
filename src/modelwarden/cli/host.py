"""What the host of a database runs: init, serve, migrate, backup, restore. Against a server they make no sense."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from modelwarden.cli.doctor import masked
from modelwarden.cli.refusal import REFUSED, UNREACHABLE
from modelwarden.cli.run import URL, Run

if TYPE_CHECKING:
    from modelwarden.config import Settings
    from modelwarden.store.restore import Restored


BackupArgument = Annotated[Path | None, typer.Argument(metavar="FILE", exists=True, dir_okay=False)]
CheckpointOption = Annotated[
    Path | None,
    typer.Option("--checkpoint", exists=True, help="A newer one that you kept elsewhere."),
]
LedgerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--ledger", metavar="COPY", help="An export or a sink's address, for entries it lacks."
    ),
]
UnsignedOption = Annotated[
    bool,
    typer.Option("--with-unsigned", help="Take what a copy holds past its last checkpoint too."),
]
DrillOption = Annotated[
    bool,
    typer.Option("--drill", help="Only verify it, aside; the newest of the targets if no FILE."),
]


AnewOption = Annotated[
    bool,
    typer.Option("--as-new-ledger", help="All copies of later entries are lost: begin a new one."),
]
ConfirmOption = Annotated[
    str | None,
    typer.Option("--confirm", metavar="ORIGIN", help="The old ledger's origin; else it is asked."),
]


@dataclass(frozen=True, slots=True)
class FrozenRow:
    """An object that is behind: the revision that the ledger tells of, and where."""

    kind: str
    id: str
    rev: int
    after: str
    seq: int


def init(run: Run) -> None:
    """Begin a database: tables, keys, ledger. Doing it again shows what is there."""
    warden = run.warden
    newest = warden.audit.checkpoint()
    run.screen.show_fields(
        {
            "url": masked(warden.settings.url),
            "origin": newest.origin,
            "entries": newest.size,
            "log_keys": warden.audit.keys(),
            "keys_folder": str(warden.settings.keys_folder),
            "guard_file": str(warden.settings.ledger_guard_file),
        }
    )
    run.screen.say(
        "keep a copy of the keys folder apart from the backups: neither opens without the other"
    )


def serve(  # noqa: PLR0913  # how to listen
    run: Run,
    *,
    host: Annotated[str | None, typer.Option("--host", help="Loopback, if not named.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="8321, if not named.")] = None,
    workers: Annotated[int, typer.Option("--workers", help="More than one need PostgreSQL.")] = 1,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", exists=True)] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", exists=True)] = None,
    behind_proxy: Annotated[
        list[str] | None,
        typer.Option("--behind-proxy", metavar="CIDR", help="Whose forwarded headers count."),
    ] = None,
) -> None:
    """Serve API and console until stopped. The first start prints a one-time link."""
    settings = _settings(run)
    chosen = {"host": host, "port": port, "behind_proxy": tuple(behind_proxy or ()) or None}
    given = {name: value for name, value in chosen.items() if value is not None}
    settings = replace(settings, **given)  # type: ignore[arg-type]  # each has its field's type
    from modelwarden import server  # noqa: PLC0415  # slow to import

    listening = server.Listening(tls_cert=tls_cert, tls_key=tls_key, workers=workers)
    signal.signal(signal.SIGTERM, _stop)  # uvicorn hands signals on once it has finished
    signal.signal(signal.SIGINT, _stop)
    try:
        server.serve(settings, listening=listening, tell=_tell)
    except (
        SystemExit
    ) as error:  # uvicorn's, which has a code of its own for an address that is taken
        raise typer.Exit(UNREACHABLE if error.code else 0) from error


def migrate(run: Run) -> None:
    """Bring the database to this release's schema."""
    from modelwarden.warden import upkeep  # noqa: PLC0415  # slow to import

    run.screen.show_fields({"schema": upkeep.migrate(_settings(run))})


def backup(
    run: Run,
    output: Annotated[Path, typer.Argument(metavar="FILE", help="Where nothing is yet.")],
) -> None:
    """Write a sealed copy of the database. It holds no key: keep those apart."""
    from modelwarden.warden import upkeep  # noqa: PLC0415

    made = upkeep.backup(run.warden, output)
    run.screen.show_fields(
        {"path": str(made.path), "size": made.size, "root": made.root, "sha256": made.sha256}
    )


def restore(  # noqa: PLR0913  # what it may rest on
    run: Run,
    backup_file: BackupArgument = None,
    *,
    checkpoint: CheckpointOption = None,
    ledger: LedgerOption = None,
    with_unsigned: UnsignedOption = False,
    drill: DrillOption = False,
    as_new_ledger: AnewOption = False,
    confirm: ConfirmOption = None,
) -> None:
    """Verify a backup and put it in place; never one that is behind what was signed. Stop the server first."""
    from modelwarden.warden import upkeep  # noqa: PLC0415

    if as_new_ledger:
        if backup_file is None or checkpoint or ledger or with_unsigned or drill:
            raise typer.BadParameter(
                "--as-new-ledger takes a FILE alone: it gives up what came after"
            )
        _begin_anew(run, backup_file, confirm)
        return
    if confirm is not None:
        raise typer.BadParameter("--confirm goes with --as-new-ledger")
    if drill:
        _drill(run, backup_file)
        return
    if backup_file is None:
        raise typer.BadParameter("name a FILE, or --drill")
    note = None if checkpoint is None else checkpoint.read_text("utf-8")
    done = upkeep.restore(
        backup_file,
        _settings(run),
        checkpoint=note,
        ledgers=ledger or (),
        unsigned=with_unsigned,
        tell=run.screen.warn,
    )
    _show_restored(run, done)


def _show_restored(run: Run, done: Restored) -> None:
    run.screen.show_fields(
        {
            "size": done.size,
            "root": done.root,
            "taken": done.taken,
            "unsigned": done.unsigned,
            "left": done.left,
            "frozen": done.frozen,
            "kept": None if done.kept is None else str(done.kept),
        }
    )
    if done.left:
        run.screen.warn(
            f"the copies hold {done.left} entries that no checkpoint covers; --with-unsigned takes them"
        )
    if done.frozen:
        run.screen.warn("some objects are in an older state than the ledger tells: see `frozen`")


def _begin_anew(run: Run, path: Path, confirm: str | None) -> None:
    """Ask for the origin to be typed, and begin a new ledger from a backup."""
    from modelwarden.warden import upkeep  # noqa: PLC0415

    settings = _settings(run)
    old = upkeep.origin_of_keys(settings)
    if confirm is None:
        run.screen.warn(
            f"every entry of {old} after this backup is given up, and what it recorded: approvals, revocations,"
            " erasures. Whoever pinned its key has to pin a new one. Nothing leads back"
        )
        confirm = typer.prompt("Type the origin of that ledger to go on", err=True)
    archive = path.with_name(f"{path.name}.ledger.zip")
    done = upkeep.begin_anew(path, settings, confirmed=confirm, archive=archive)
    run.screen.show_fields(
        {
            "origin": done.origin,
            "predecessor": done.named.origin,
            "size": done.named.size,
            "root": done.named.root,
            "known": done.named.known,
            "archive": str(archive),
            "kept": None if done.kept is None else str(done.kept),
        }
    )
    run.screen.warn(
        "texts are locked until two people list the erasures to apply again: see `audit unlock-texts`."
        " What was revoked after the backup counts again: look through roles, tokens and keys"
    )


def _drill(run: Run, path: Path | None) -> None:
    """Verify a backup in a throwaway database, and say how that ended."""
    from modelwarden.warden import upkeep  # noqa: PLC0415

    done = upkeep.drill(run.warden, path)
    run.screen.show_fields({"size": done.size, "root": done.root, "problem": done.cause})
    if done.cause is not None:
        raise typer.Exit(REFUSED)


def frozen(
    run: Run,
    kind: Annotated[str | None, typer.Argument(metavar="KIND")] = None,
    name: Annotated[str | None, typer.Argument(metavar="ID")] = None,
    *,
    accept: Annotated[
        bool, typer.Option("--accept", help="Let this object stand as it is from here on.")
    ] = False,
) -> None:
    """List what a restore left behind the ledger, or accept one object as it is."""
    from modelwarden.warden import upkeep  # noqa: PLC0415

    settings = _settings(run)
    if accept:
        if kind is None or name is None:
            raise typer.BadParameter("with --accept name a KIND and an ID")
        upkeep.accept(run.warden, kind, name)
    found = upkeep.frozen(settings)
    named = [each for each in found if kind in {None, each.kind} and name in {None, each.id}]
    run.screen.list([FrozenRow(*each) for each in named], ("kind", "id", "rev", "seq"))


def _settings(run: Run) -> Settings:
    if run.is_remote:
        raise typer.BadParameter(
            f"this works on the database itself; set {URL} to a database URL, not to a server"
        )
    return run.settings


def _tell(words: str) -> None:
    print(words, flush=True)


def _stop(_number: int, _frame: object) -> NoReturn:
    raise typer.Exit
