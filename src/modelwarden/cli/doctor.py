"""`modelwarden doctor`: the settings in force, each part looked at for real, and what is wrong with it."""

from __future__ import annotations

import stat
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit, urlunsplit

import typer

from modelwarden.cli.refusal import REFUSED
from modelwarden.cli.run import Run
from modelwarden.config import Settings
from modelwarden.errors import WardenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.sinks.opening import OpenSink

OK: Final = "ok"
WRONG: Final = "wrong"
ADVICE: Final = "advice"
OTHERS: Final = 0o027
"""Nobody but the owner writes a key; at most the group reads it (AC-80)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    part: str
    status: str
    detail: str


def doctor(
    run: Run,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Show the settings that are at their default too.")
    ] = False,
) -> None:
    """Look at each part, and show the settings that are not at their default; exit code 1 if something is wrong."""
    shown: dict[str, object] = {"url": run.url or ""}
    left_out = 0
    if run.is_remote:
        found = tuple(_server(run))
    else:
        given, default = (dict(_shown(each)) for each in (run.settings.located(), Settings()))
        shown = {name: text for name, text in given.items() if everything or text != default[name]}
        left_out = len(given) - len(shown)
        found = (
            *_database(run),
            *_files(run.settings),
            *_advice(run.settings),
            *_backups(run),
            *_github(run),
            *_mlflow(run),
        )
    if run.screen.as_json:
        run.screen.show_fields({"findings": found, "settings": shown})
    else:
        run.screen.list(found, ("part", "status", "detail"))
        run.screen.say("\nsettings")
        run.screen.show_fields(shown)
        if left_out:
            run.screen.say(f"{left_out} more are at their default: --all")
    if any(one.status == WRONG for one in found):
        raise typer.Exit(REFUSED)


def masked(url: str) -> str:
    """Return a URL without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{place}"))


def _server(run: Run) -> Iterator[Finding]:
    from modelwarden.client.health import health  # noqa: PLC0415  # not needed embedded

    answer = health(run.url or "")
    yield Finding(part="server", status=_word(answer.status), detail=answer.status)
    for part in answer.components:
        yield Finding(part=part.name, status=_word(part.status), detail=part.detail)


def _database(run: Run) -> Iterator[Finding]:
    try:
        warden = run.warden
        newest = warden.audit.checkpoint()
    except WardenError as error:
        yield Finding(part="database", status=WRONG, detail=f"{error}  [{error.code}]")
        return
    for part in warden.operation.health().components:
        yield Finding(part=part.name, status=_word(part.status), detail=part.detail)
    for each in warden.sinks:
        yield _sink(each)
    detail = f"{newest.size} entries of {newest.origin}, root {newest.root[:16]}…"
    yield Finding(part="checkpoint", status=OK, detail=detail)


def _sink(each: OpenSink) -> Finding:
    """Try a sink's far end for real."""
    name = f"sink {each.address.name}"
    try:
        return Finding(part=name, status=OK, detail=each.sink.probe())
    except WardenError as error:
        return Finding(part=name, status=WRONG, detail=f"{error}  [{error.code}]")


def _files(settings: Settings) -> Iterator[Finding]:
    folder = settings.located().keys_folder
    for path in sorted(folder.glob("[!.]*")) if folder is not None else ():
        mode = stat.S_IMODE(path.stat().st_mode)
        wrong = path.is_file() and mode & OTHERS
        detail = f"mode {mode:04o}" + ("; run chmod 600 on it" if wrong else "")
        yield Finding(part=f"key {path.name}", status=WRONG if wrong else OK, detail=detail)


def _advice(settings: Settings) -> Iterator[Finding]:
    placed = settings.located()
    guard, database = placed.ledger_guard_file, placed.sqlite_path
    if guard is not None and database is not None and _device(guard) == _device(database):
        yield Finding(
            part="ledger.guard_file",
            status=ADVICE,
            detail="it lies on the database's volume: whoever restores an older snapshot restores it too",
        )
    if settings.url.startswith("postgresql") and "sslmode=verify-full" not in settings.url:
        yield Finding(
            part="url",
            status=ADVICE,
            detail="unsafe: add sslmode=verify-full, so that the server is known",
        )
    if not settings.artifact_roots:
        yield Finding(
            part="artifact_roots",
            status=ADVICE,
            detail="none: a server reads uploaded artifacts alone",
        )


def _backups(run: Run) -> Iterator[Finding]:
    """Tell whether backups are made, reach every target, and were tried (AC-87)."""
    from modelwarden.warden import upkeep  # noqa: PLC0415  # slow to import

    if run.settings.backup_schedule is None:
        detail = "none: nobody makes backups but who runs `modelwarden backup`"
        yield Finding(part="backup.schedule", status=ADVICE, detail=detail)
        return
    try:
        for part, is_overdue, detail in upkeep.backup_findings(run.warden):
            yield Finding(part=part, status=WRONG if is_overdue else OK, detail=detail)
    except WardenError as error:
        yield Finding(part="backups", status=WRONG, detail=f"{error}  [{error.code}]")


def _github(run: Run) -> Iterator[Finding]:
    """Tell whether nobody merges past the gate at GitHub (RL-49)."""
    if run.settings.github_repository is None:
        return
    part = f"github {run.settings.github_repository}"
    try:
        repository = run.warden.github
        found = None if repository is None else repository.required()
    except WardenError as error:
        yield Finding(part=part, status=WRONG, detail=f"{error}  [{error.code}]")
        return
    if found is None or not found.is_required:
        detail = "the check modelwarden/release is not required: people merge past the gate"
        yield Finding(part=part, status=WRONG, detail=detail)
    elif not found.of_us:
        detail = f"modelwarden/release is required on {found.branch}, but of any App: name ours"
        yield Finding(part=part, status=ADVICE, detail=detail)
    else:
        detail = f"modelwarden/release is required on {found.branch}, of our App"
        yield Finding(part=part, status=OK, detail=detail)


def _mlflow(run: Run) -> Iterator[Finding]:
    """Tell whether nobody moves a protected alias past the gate in MLflow (RL-57)."""
    url = run.settings.mlflow_url
    if url is None:
        return
    part = f"mlflow {masked(url)}"
    try:
        unguarded = run.warden.mlflow.unguarded()
    except WardenError as error:
        yield Finding(part=part, status=WRONG, detail=f"{error}  [{error.code}]")
        return
    if unguarded:
        detail = (
            f"anybody there moves {', '.join(unguarded)}, and is told of afterwards:"
            " start it with --app-name modelwarden, and the same mlflow.aliases"
        )
        yield Finding(part=part, status=WRONG, detail=detail)
    else:
        yield Finding(part=part, status=OK, detail="protected aliases move with deployments alone")


def _shown(settings: Settings) -> Iterator[tuple[str, str]]:
    for field in fields(settings):
        value = getattr(settings, field.name)
        text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        yield field.name, masked(text) if "://" in text else text


def _device(path: Path) -> int | None:
    place = path if path.exists() else path.parent
    return place.stat().st_dev if place.exists() else None


def _word(status: str) -> str:
    return {"ok": OK, "degraded": ADVICE}.get(status, WRONG)
