"""`modelwarden approvals`: the question put to people, and their signed answers."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from modelwarden.cli.keys import signing_key
from modelwarden.cli.options import (
    BehalfOption,
    CursorOption,
    EnvironmentOption,
    FileArgument,
    KeyOption,
    LimitOption,
    OutputOption,
    RequestArgument,
    document,
    json_object,
    moment_option,
    version_reference,
)
from modelwarden.cli.refusal import REFUSED, UNKNOWN
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb
from modelwarden.values.ids import HEX_DIGEST

if TYPE_CHECKING:
    from modelwarden.ledger.keys import Signer
    from modelwarden.values.answers import RequestAnswer

approvals: Final = noun("approvals", "The question put to people, and their signed answers.")

COLUMNS: Final = (
    "id", "type", "state", "model", "version", "environment", "action", "requester", "due_at",
    "overdue", "expires_at",
)  # fmt: skip

COMMENT_COLUMNS: Final = ("written_at", "user", "comment")
OUTSIDE_COLUMNS: Final = ("system", "state", "why", "url")

SeatOption = Annotated[int | None, typer.Option("--seat", help="The first that you may fill.")]


@verb(approvals)
def request(  # noqa: PLR0913  # what can be asked, and how
    run: Run,
    version: Annotated[
        str | None, typer.Argument(metavar="MODEL@VERSION", show_default=False)
    ] = None,
    *,
    justification: Annotated[str, typer.Option("--justification", "-j", help="Why.")],
    environment: EnvironmentOption = "production",
    strategy: Annotated[str | None, typer.Option("--strategy")] = None,
    kind: Annotated[str, typer.Option("--type", help="release or access.")] = "release",
    action: Annotated[str | None, typer.Option("--action", help="With access: what.")] = None,
    payload: Annotated[
        str | None, typer.Option("--payload", metavar="JSON", help="With access: exactly how.")
    ] = None,
) -> None:
    """Ask whether a version may go live, or for leave to do one sensitive thing."""
    run.screen.show(
        _asked_for_access(run, action, payload, justification=justification)
        if kind == "access"
        else _asked_for_release(
            run,
            version if kind == "release" else None,
            justification=justification,
            environment=environment,
            strategy=strategy,
        )
    )


@verb(approvals)
def show(run: Run, request_id: RequestArgument) -> None:
    """Show a request with its seats and answers."""
    run.screen.show(run.rooms.approvals.show(request_id))


@verb(approvals)
def list_(
    run: Run,
    *,
    waiting_for: Annotated[
        str | None, typer.Option("--waiting-for", help="me: those that you can answer.")
    ] = None,
    state: Annotated[str | None, typer.Option("--state")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="release or access.")] = None,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List requests, newest first."""
    found = run.rooms.approvals.list(
        waiting_for=waiting_for, state=state, type=kind, limit=limit, cursor=cursor
    )
    run.screen.list(found, COLUMNS)


@verb(approvals)
def times(
    run: Run, *, days: Annotated[int, typer.Option("--days", help="Decided in these.")] = 90
) -> None:
    """Show how many questions wait, and how long people take to decide."""
    run.screen.show(run.rooms.approvals.times(days=days))


@verb(approvals)
def comments(run: Run, request_id: RequestArgument) -> None:
    """List what people wrote about a request at GitHub, as it was copied."""
    run.screen.list(run.rooms.approvals.comments(request_id), COMMENT_COLUMNS)


@verb(approvals)
def outside(run: Run, request_id: RequestArgument) -> None:
    """Read how a request stands at GitHub and in ServiceNow now: whose word counts, and why."""
    found = run.rooms.approvals.outside(request_id)
    if run.screen.as_json or not found:
        run.screen.list(found, OUTSIDE_COLUMNS)
        return
    for each in found:
        run.screen.show(each)


@verb(approvals)
def approve(
    run: Run,
    request_id: RequestArgument,
    *,
    comment: Annotated[str | None, typer.Option("--comment", "-c")] = None,
    key: KeyOption = None,
    seat: SeatOption = None,
    on_behalf_of: BehalfOption = None,
) -> None:
    """Agree, signing with your key."""
    signing = _key(run, key)
    run.screen.show(
        run.rooms.approvals.approve(
            request_id, comment=comment, key=signing, seat=seat, on_behalf_of=on_behalf_of
        )
    )


@verb(approvals)
def reject(
    run: Run,
    request_id: RequestArgument,
    *,
    comment: Annotated[str, typer.Option("--comment", "-c", help="Why not.")],
    key: KeyOption = None,
    seat: SeatOption = None,
    on_behalf_of: BehalfOption = None,
) -> None:
    """Disagree, signing with your key."""
    signing = _key(run, key)
    run.screen.show(
        run.rooms.approvals.reject(
            request_id, comment=comment, key=signing, seat=seat, on_behalf_of=on_behalf_of
        )
    )


@verb(approvals)
def withdraw(run: Run, request_id: RequestArgument) -> None:
    """Take back your question."""
    run.screen.show(run.rooms.approvals.withdraw(request_id))


@verb(approvals)
def withdraw_decision(run: Run, request_id: RequestArgument) -> None:
    """Take back your answer while the request is open."""
    run.screen.show(run.rooms.approvals.withdraw_decision(request_id))


@verb(approvals)
def envelopes(
    run: Run,
    request_id: RequestArgument,
    *,
    release: Annotated[
        bool, typer.Option("--release", help="With the gate's own word: release.intoto.jsonl.")
    ] = False,
    output: OutputOption = None,
) -> None:
    """Print the signed envelopes, one a line."""
    source = run.rooms.deployments.release_file if release else run.rooms.approvals.envelopes
    write(run, source(request_id), output)


@verb(approvals)
def lock(run: Run, request_id: RequestArgument, *, output: OutputOption = None) -> None:
    """Print release.lock.json, which the pull request of a release has to hold."""
    write(run, run.rooms.deployments.lock_file(request_id), output)


@verb(approvals)
def verify(
    run: Run,
    file: FileArgument,
    *,
    trust: Annotated[
        Path | None,
        typer.Option("--trust", exists=True, dir_okay=False, help="From `keys list --trust`."),
    ] = None,
    artifact: Annotated[
        Path | None, typer.Option("--artifact", exists=True, help="The bytes at hand.")
    ] = None,
    policies: Annotated[
        list[str] | None,
        typer.Option("--policy", metavar="FILE|HASH", help="May govern; as often as needed."),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option("--at", parser=moment_option, metavar="TIME", help="Now, if not named."),
    ] = None,
) -> None:
    """Check a release.intoto.jsonl on files alone: no server, no network. Exit code 1 if it does not hold."""
    from modelwarden.approvals.offline import trusted_keys, verify_release  # noqa: PLC0415

    if trust is None:
        run.screen.warn("nothing can be known without keys to trust: --trust keys.json")
        raise typer.Exit(UNKNOWN)
    findings = verify_release(
        file.read_bytes(),
        trust=trusted_keys(trust.read_text("utf-8")),
        at=at or datetime.now(UTC),
        artifact_sha256=None if artifact is None else _sha256(run, artifact),
        policy_hashes=None if policies is None else [_policy_hash(text) for text in policies],
    )
    failed = [finding for finding in findings if not finding.is_note]
    notes = [finding for finding in findings if finding.is_note]
    if run.screen.as_json:
        told = {"failed": failed, "notes": notes}
        listed = {name: [each._asdict() for each in found] for name, found in told.items()}
        run.screen.print_json({"ok": not failed} | listed)
    for finding in findings:
        where = f"line {finding.line}: " if finding.line else ""
        run.screen.say(f"{where}{finding.detail}  [{finding.code}]")
    run.screen.say("does not hold" if failed else "holds")
    if failed:
        raise typer.Exit(REFUSED)


def _asked_for_release(
    run: Run,
    version: str | None,
    *,
    justification: str,
    environment: str,
    strategy: str | None,
) -> RequestAnswer:
    if version is None:
        raise typer.BadParameter("name MODEL@VERSION, or say --type access --action …")
    asked = version_reference(version)
    return run.rooms.approvals.request(
        asked.model,
        asked.version,
        justification=justification,
        environment=environment,
        strategy=strategy,
    )


def _asked_for_access(
    run: Run, action: str | None, payload: str | None, *, justification: str
) -> RequestAnswer:
    if action is None or payload is None:
        raise typer.BadParameter("--type access takes --action and --payload")
    exact = json_object(payload, "--payload")
    return run.rooms.approvals.request_access(action, payload=exact, justification=justification)


def _key(run: Run, source: str | None) -> Signer | None:
    return None if source is None else signing_key(source, run.environment)


def _sha256(run: Run, artifact: Path) -> str:
    from modelwarden.fingerprints.artifact import Artifact, fingerprint  # noqa: PLC0415

    with run.screen.steps("hash") as report:
        return Artifact.of(fingerprint(artifact, sha256_too=True, progress=report)).subject_sha256


def _policy_hash(text: str) -> str:
    from modelwarden.policies.actions import prepare_policy  # noqa: PLC0415  # slow to import

    return (
        text if HEX_DIGEST.fullmatch(text) else prepare_policy(document(Path(text))).document().hash
    )


def write(run: Run, data: bytes, output: Path | None) -> None:
    """Write to a file, or print where none is named."""
    if output is None:
        sys.stdout.write(data.decode())
        return
    output.write_bytes(data)
    run.screen.say(f"{output}: {len(data):,} bytes")
