"""`modelwarden witness`: serve, keygen. It works on the files of whoever runs it: no database, no server of ours."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from modelwarden.cli.refusal import UNREACHABLE
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

if TYPE_CHECKING:
    from modelwarden.ledger.cosignature import WitnessSigner

witness: Final = noun(
    "witness", "An outside witness of ledgers: it cosigns what extends what it saw."
)

PORT: Final = 8322
KeysOption = Annotated[
    Path, typer.Option("--keys", metavar="FILE", help="The private key; made 0600 by keygen.")
]
StateOption = Annotated[
    Path, typer.Option("--state", metavar="FILE", help="What was cosigned; never lose or copy it.")
]
NameOption = Annotated[
    str | None, typer.Option("--name", help="As audit.example/w1; drawn, if not named.")
]


@verb(witness)
def keygen(
    run: Run,
    *,
    keys: KeysOption = Path("witness.key"),
    state: StateOption = Path("witness.json"),
    name: NameOption = None,
) -> None:
    """Make a witness's key and its empty state, and print the public key to give away."""
    signer = _created(keys, state, name)
    run.screen.show_fields({"vkey": signer.verifier.vkey, "keys": str(keys), "state": str(state)})


@verb(witness)
def serve(  # noqa: PLR0913  # how to listen, and to whom
    run: Run,
    *,
    log: Annotated[
        list[str], typer.Option("--log", metavar="VKEY", help="A ledger's key; from `audit keys`.")
    ],
    keys: KeysOption = Path("witness.key"),
    state: StateOption = Path("witness.json"),
    name: NameOption = None,
    host: Annotated[str, typer.Option("--host", help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Where it listens.")] = PORT,
) -> None:
    """Cosign checkpoints of these ledgers until stopped (C2SP tlog-witness). The first start makes key and state."""
    from modelwarden.ledger.keys import parse_vkey  # noqa: PLC0415  # not for every command
    from modelwarden.sinks import witness_server, witness_state  # noqa: PLC0415
    from modelwarden.values.clock import SystemClock  # noqa: PLC0415

    logs = [parse_vkey(text) for text in log]
    if not keys.exists() and not state.exists():
        _created(keys, state, name)
    signer = witness_state.load(keys)
    held = witness_state.WitnessState(state, signer)
    server = witness_server.WitnessServer(signer, held, logs, clock=SystemClock(), tell=_shout)
    run.screen.say(f"witness {_word(signer)} {signer.verifier.vkey} http://{host}:{port}")
    sys.stdout.flush()
    try:
        witness_server.serve(server, host=host, port=port)
    except SystemExit as error:  # uvicorn's, for an address that is taken
        raise typer.Exit(UNREACHABLE if error.code else 0) from error
    finally:
        held.close()


def _created(keys: Path, state: Path, name: str | None) -> WitnessSigner:
    from modelwarden.sinks import witness_state  # noqa: PLC0415  # not for every command

    return witness_state.create(keys, state, name or f"witness.local/{secrets.token_hex(4)}")


def _word(signer: WitnessSigner) -> str:
    """Return the last part of a witness's name, to stand for it in a policy file."""
    return signer.verifier.name.rsplit("/", 1)[-1]


def _shout(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
