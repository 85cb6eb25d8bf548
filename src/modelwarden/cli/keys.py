"""`modelwarden keys`: your own signing key. Its private half stays in a file of yours."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from modelwarden.access.actor import Revocation
from modelwarden.cli.options import KEY_SOURCE, CursorOption, LimitOption, moment_option
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb
from modelwarden.client.ssh_agent import SCHEME, agent_key
from modelwarden.errors import KeyInvalid, KeyUnusable, NotPermitted
from modelwarden.ledger.keys import KeyType, PublicKey, SigningKey

if TYPE_CHECKING:
    from modelwarden.ledger.keys import Signer
    from modelwarden.values.answers import KeyAnswer, ServerKeyAnswer

keys: Final = noun("keys", "Keys with which people sign their answers.")

PASSPHRASE: Final = "MODELWARDEN_KEY_PASSPHRASE"  # noqa: S105  # the name of a variable
SERVER_COLUMNS: Final = ("id", "status", "since", "until", "signs_until", "texts")
FIRST: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""Of a server key that took over from none: before any of ours."""
COLUMNS: Final = ("id", "user", "type", "status", "valid_to", "confirmed_by", "revoked_as")

KeyFile = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False)]
KeyName = Annotated[str, typer.Argument(metavar="KEY", help="Its id, 64 hex digits.")]


@verb(keys)
def generate(
    run: Run,
    file: KeyFile,
    *,
    kind: Annotated[
        KeyType,
        typer.Option("--type", help="p256 for those who verify with cosign or model_signing."),
    ] = KeyType.ED25519,
    passphrase: Annotated[
        bool,
        typer.Option(
            "--passphrase/--no-passphrase", help="Encrypt the file; asked for on the terminal."
        ),
    ] = True,
) -> None:
    """Make a key here, in a file that only you can read. Enrol it next."""
    key = SigningKey.generate(kind)
    words = _new_passphrase(run.environment) if passphrase else None
    write_new(file, key.to_pem(words))
    run.screen.show_fields({"file": str(file), "id": key.keyid, "pem": key.public_pem})


@verb(keys)
def enrol(
    run: Run,
    key: Annotated[str, typer.Argument(metavar=KEY_SOURCE)],
    *,
    days: Annotated[int, typer.Option("--days", help="How long it is valid.")] = 365,
) -> None:
    """Enrol your key; someone else then confirms it."""
    run.screen.show(run.rooms.keys.enrol(signing_key(key, run.environment), days=days))


@verb(keys)
def confirm(run: Run, key: KeyName) -> None:
    """Vouch for another person's key, after asking them for its id."""
    run.screen.show(run.rooms.keys.confirm(key))


@verb(keys)
def revoke(
    run: Run,
    key: KeyName,
    *,
    cause: Annotated[
        str | None, typer.Option("--cause", help="superseded, lost or compromised.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", parser=moment_option, metavar="TIME", help="If compromised."),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="PURPOSE", help="An older key of the server, by its id."),
    ] = None,
) -> None:
    """End a key."""
    if server is not None:
        if since is None or cause is not None:
            raise typer.BadParameter("with --server give --since, and no --cause")
        run.screen.show(run.rooms.server_keys.revoke(server, key, since=since))
        return
    if cause is None:
        raise typer.BadParameter("--cause is superseded, lost or compromised")
    run.screen.show(run.rooms.keys.revoke(key, cause=cause, since=since))


@verb(keys)
def rotate(
    run: Run,
    *,
    server: Annotated[
        str, typer.Option("--server", metavar="PURPOSE", help="ledger, decision or encryption.")
    ],
) -> None:
    """Let a new key of the server take over. Keep a copy of the keys folder afterwards."""
    run.screen.show(run.rooms.server_keys.rotate(server))


@verb(keys)
def list_(
    run: Run,
    *,
    trust: Annotated[
        bool, typer.Option("--trust", help="Print the keys.json of `approvals verify` (RL-28).")
    ] = False,
    server: Annotated[
        bool, typer.Option("--server", help="The server's own, and what an older one protects.")
    ] = False,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List enrolled keys."""
    if server:
        run.screen.list(run.rooms.server_keys.list(), SERVER_COLUMNS)
        return
    found = run.rooms.keys.list(limit=limit, cursor=cursor)
    if trust:
        people = [_trusted(run, key) for key in found.items if key.status != "pending"]
        run.screen.print_json([*people, *_gates(run)])
    else:
        run.screen.list(found, COLUMNS)


def signing_key(source: str, environment: Mapping[str, str]) -> Signer:
    """Return the private key in a file, or that of a running ssh-agent; an encrypted file wants its passphrase.

    Raises KeyInvalid, KeyUnusable.
    """
    if source == SCHEME or source.startswith(f"{SCHEME}:"):
        return agent_key(source.partition(":")[2], socket_path=environment.get("SSH_AUTH_SOCK"))
    try:
        data = Path(source).read_bytes()
    except OSError as error:
        raise KeyUnusable(f"{source!r} can't be read: {error.strerror}") from error
    if b"ENCRYPTED" not in data:
        return SigningKey.from_pem(data, None)
    return SigningKey.from_pem(data, _passphrase(environment))


def _trusted(run: Run, key: KeyAnswer) -> dict[str, object]:
    """Return a key as `keys.json` has it; the person is the id that statements name."""
    ended = {"at": key.revoked_at, "as": key.revoked_as}
    return {
        "keyid": key.id,
        "pem": key.pem,
        "person": run.rooms.users.show(key.user).person,
        "valid_from": key.valid_from,
        "valid_to": key.valid_to,
        "revoked": None if key.revoked_at is None else ended,
    }


def _gates(run: Run) -> list[dict[str, object]]:
    """Return the server's keys for the gate's word, as `keys.json` has them: nobody's."""
    try:
        known = run.rooms.server_keys.list()
    except NotPermitted:
        run.screen.warn("without audit.read, the key of the gate's word is left out")
        return []
    return [_gate(key) for key in known if key.purpose == "decision"]


def _gate(key: ServerKeyAnswer) -> dict[str, object]:
    public = PublicKey.from_spki(base64.b64decode(key.public))
    ended = {"at": key.revoked_from, "as": Revocation.COMPROMISED.value}
    return {
        "keyid": public.keyid,
        "pem": public.pem,
        "person": None,
        "valid_from": key.since or FIRST,
        "valid_to": key.until,
        "revoked": None if key.revoked_from is None else ended,
    }


def _passphrase(environment: Mapping[str, str]) -> bytes:
    given = environment.get(PASSPHRASE)
    if given is None and sys.stdin.isatty():
        given = typer.prompt("passphrase", hide_input=True, err=True)
    if not given:
        raise KeyInvalid(f"the key is encrypted: set {PASSPHRASE}, or run this on a terminal")
    return str(given).encode()


def _new_passphrase(environment: Mapping[str, str]) -> bytes:
    given = environment.get(PASSPHRASE)
    if given is None and sys.stdin.isatty():
        given = typer.prompt("passphrase", hide_input=True, confirmation_prompt=True, err=True)
    if not given:
        raise KeyInvalid(f"set {PASSPHRASE}, or run this on a terminal, or say --no-passphrase")
    return str(given).encode()


def write_new(file: Path, data: bytes) -> None:
    """Write a file that nobody else can read; one that is there stays as it is."""
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise KeyUnusable(f"{str(file)!r} can't be made: {error.strerror}") from error
    with os.fdopen(number, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
