"""Answering from a machine without a network: fetch the statement here, sign it there, hand the envelope in here.

What travels are files. The private key stays on the other machine, and that machine asks nobody.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from modelwarden.approvals.offline import APPROVALS
from modelwarden.approvals.statement import PAYLOAD_TYPE, STATEMENT_TYPE
from modelwarden.cli.approvals import SeatOption, approvals, write
from modelwarden.cli.keys import signing_key, write_new
from modelwarden.cli.options import (
    KEY_SOURCE,
    BehalfOption,
    FileArgument,
    OutputOption,
    RequestArgument,
)
from modelwarden.cli.run import Run
from modelwarden.cli.verb import verb
from modelwarden.errors import EnvelopeMalformed, NotCanonical, Unreadable
from modelwarden.ledger.dsse import parse_envelope, seal
from modelwarden.values.canonical import encode_any, parse

SALT_BYTES: Final = 32


@verb(approvals)
def statement(  # noqa: PLR0913  # what is answered, and where it goes
    run: Run,
    request_id: RequestArgument,
    *,
    decision: Annotated[str, typer.Option("--decision", help="approve or reject.")] = "approve",
    seat: SeatOption = None,
    comment: Annotated[
        str | None,
        typer.Option("--comment", "-c", help="With --output: FILE.comment keeps it for submit."),
    ] = None,
    comment_digest: Annotated[
        str | None, typer.Option("--comment-digest", help="Of a comment that you committed to.")
    ] = None,
    output: OutputOption = None,
    on_behalf_of: BehalfOption = None,
) -> None:
    """Print the bytes that you would sign, issued now; they are taken for ten minutes."""
    if comment is not None:
        if output is None or comment_digest is not None:
            raise typer.BadParameter("--comment takes --output, and no --comment-digest")
        comment_digest = _committed(comment, Path(f"{output}.comment"))
    data = run.rooms.approvals.statement(
        request_id,
        decision=decision,
        seat=seat,
        comment_digest=comment_digest,
        on_behalf_of=on_behalf_of,
    )
    write(run, data, output)


@verb(approvals)
def sign(
    run: Run,
    file: FileArgument,
    *,
    key: Annotated[str, typer.Option("--key", metavar=KEY_SOURCE, help="Your private key.")],
    output: OutputOption = None,
) -> None:
    """Sign a statement here, on files alone: no server, no network. Says first what it is that you sign."""
    data = file.read_bytes()
    for name, value in _said(_statement(data)).items():
        run.screen.warn(f"{name}: {value}")
    write(run, seal(PAYLOAD_TYPE, data, signing_key(key, run.environment)).to_line(), output)


@verb(approvals)
def submit(
    run: Run,
    file: FileArgument,
    *,
    comment: Annotated[
        Path | None,
        typer.Option("--comment-file", metavar="FILE", help="From `statement --comment`."),
    ] = None,
    on_behalf_of: BehalfOption = None,
) -> None:
    """Hand in an envelope that was signed elsewhere; request, answer and seat are those it names."""
    envelope = file.read_bytes()
    said = _said(_statement(parse_envelope(envelope).payload))
    salt, words = (None, None) if comment is None else _kept(comment)
    run.screen.show(
        run.rooms.approvals.decide(
            str(said["request"]),
            str(said["decision"]),
            comment=words,
            comment_salt=salt,
            envelope=envelope,
            seat=said["seat"],
            on_behalf_of=on_behalf_of,
        )
    )


def _statement(data: bytes) -> dict[str, Any]:
    """Return an approval's statement, and nothing else: a key that signs whatever it is given serves others.

    Raises EnvelopeMalformed.
    """
    try:
        found = parse(data)
        if encode_any(found) == data and isinstance(found, dict) and _is_approval(found):
            return found
    except (NotCanonical, KeyError, TypeError, IndexError):
        pass
    raise EnvelopeMalformed("not the statement of an approval, as `approvals statement` writes it")


def _is_approval(found: dict[str, Any]) -> bool:
    _said(found)
    return found["_type"] == STATEMENT_TYPE and found["predicateType"] in APPROVALS


def _said(found: dict[str, Any]) -> dict[str, Any]:
    """Return what a person wants to see before signing."""
    predicate, subject = found["predicate"], found["subject"][0]
    approver, request = predicate["approver"], predicate["request"]
    return {
        "request": request["id"],
        "decision": approver["decision"],
        "person": approver["person"],
        **({"in the stead of": approver["delegator"]} if "delegator" in approver else {}),
        "seat": approver["seat"],
        "subject": subject["name"],
        "sha256": subject["digest"]["sha256"],
        "environment": request.get("environment"),
        "issued_at": predicate["time"]["issued_at"],
    }


def _committed(comment: str, kept: Path) -> str:
    from modelwarden.ledger.entry import commit_text  # noqa: PLC0415  # not for every command

    salt = os.urandom(SALT_BYTES)
    text = {"comment": comment, "salt": base64.b64encode(salt).decode()}
    write_new(kept, json.dumps(text).encode() + b"\n")
    return commit_text(salt, comment).hex()


def _kept(file: Path) -> tuple[bytes, str]:
    try:
        found = json.loads(file.read_text("utf-8"))
        return base64.b64decode(found["salt"], validate=True), str(found["comment"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"{str(file)!r} is not what `statement --comment` kept") from error
