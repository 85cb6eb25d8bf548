"""A witness of our own, for an auditor's laptop (LG-54): the server's side of C2SP tlog-witness.

It cosigns a checkpoint of a ledger that it knows when that is shown to extend all that it cosigned before, and keeps
both notes when not. It knows no entry, holds no secret but its key, and needs nobody's permission.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from modelwarden.errors import NoteInvalid, ProofInvalid
from modelwarden.ledger.checkpoint import (
    Checkpoint,
    open_note,
    parse_consistency_file,
    split_note,
    unverified_checkpoint,
)
from modelwarden.ledger.cosignature import with_lines
from modelwarden.ledger.merkle import tree_root, verify_consistency

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

    from modelwarden.ledger.cosignature import WitnessSigner
    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.sinks.witness_state import WitnessState
    from modelwarden.values.clock import Clock

T = TypeVar("T")
MOST_BYTES: Final = 64 * 1024
"""A body: 63 lines of a proof, and a note with many cosignatures."""
PATIENCE_S: Final = 10.0
KEEP_ALIVE_S: Final = 5
MOST_AT_ONCE: Final = 64
PLAIN: Final = "text/plain; charset=utf-8"
SIZE_TYPE: Final = "text/x.tlog.size"
_EMPTY: Final = tree_root([])


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    status: int
    text: str = ""
    kind: str = PLAIN


class WitnessServer:
    """One witness: which ledgers it knows, its key and its state. Its steps may run in any thread."""

    def __init__(
        self,
        signer: WitnessSigner,
        state: WitnessState,
        logs: Sequence[VerifierKey],
        *,
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        self._signer, self._state, self._clock, self._tell = signer, state, clock, tell
        self._logs: dict[str, list[VerifierKey]] = {}
        for key in logs:
            self._logs.setdefault(key.name, []).append(key)
        self._lock = threading.Lock()

    def app(self) -> Starlette:
        """Return what a web server runs."""
        return Starlette(
            routes=[
                Route("/add-checkpoint", self._post, methods=["POST"]),
                Route("/{place}/checkpoint", self._get, methods=["GET"]),
            ]
        )

    def add_checkpoint(self, body: bytes) -> Reply:
        """Cosign, or say why not. Only one thread at a time compares and keeps."""
        try:
            old, proof, note = parse_consistency_file(body)
            shown = unverified_checkpoint(note)
        except (ProofInvalid, NoteInvalid) as error:
            return Reply(400, f"{error}\n")
        if shown.origin not in self._logs:
            return Reply(404, "this witness does not know that ledger\n")
        try:
            open_note(note, self._logs[shown.origin])
        except NoteInvalid as error:
            return Reply(403, f"{error}\n")
        if old > shown.size:
            return Reply(400, "the old size is larger than the new one\n")
        with self._lock:
            return self._compare(old, proof, shown, note)

    def newest(self, place: str) -> Reply:
        """Return the newest checkpoint of the ledger whose name has this SHA-256, cosigned now."""
        for origin in self._logs:
            if sha256(origin.encode()).hexdigest() == place:
                with self._lock:
                    kept = self._state.newest(origin)
                if kept is not None:
                    return Reply(200, with_lines(kept.note, [self._cosign(kept.note)]).decode())
        return Reply(404)

    def _compare(self, old: int, proof: Sequence[bytes], shown: Checkpoint, note: bytes) -> Reply:
        kept = self._state.newest(shown.origin)
        known = Checkpoint(shown.origin, 0, _EMPTY) if kept is None else kept.checkpoint
        if old != known.size:
            return Reply(409, f"{known.size}\n", SIZE_TYPE)
        try:
            verify_consistency(old, known.root, shown.size, shown.root, proof)
        except ProofInvalid as error:
            is_fork = shown.size == known.size and shown.root != known.root
            if kept is not None:
                self._keep_evidence(kept.note, note, shown, is_fork=is_fork)
            return Reply(409 if is_fork else 422, f"{error}\n")
        if kept is None or shown.size > known.size:
            self._state.move(shown.origin, _without_cosignatures(note, self._logs[shown.origin]))
        return Reply(200, self._cosign(note))

    def _cosign(self, note: bytes) -> str:
        text, _ = split_note(note)
        return self._signer.cosign(text, int(self._clock.now().timestamp()))

    def _keep_evidence(
        self, known: bytes, shown: bytes, checkpoint: Checkpoint, *, is_fork: bool
    ) -> None:
        """Keep both notes and tell. Two roots of one size prove a fork; a bad proof may be anybody's."""
        place = self._state.keep_evidence("forks" if is_fork else "unproven", shown, known)
        what = "has two roots" if is_fork else "was not shown to extend what was cosigned"
        self._tell(
            f"{'FORK' if is_fork else 'REFUSED'}: {checkpoint.origin}, size {checkpoint.size} {what}; both notes are"
            f" in {place}"
        )

    async def _post(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(PATIENCE_S):
                body = await _body(request)
        except TimeoutError:
            return _response(Reply(408))
        if body is None:
            return _response(Reply(413))
        return _response(await run_in_threadpool(self.add_checkpoint, body))

    async def _get(self, request: Request) -> Response:
        place = str(request.path_params["place"])
        return _response(await run_in_threadpool(self.newest, place))


def serve(server: WitnessServer, *, host: str, port: int) -> None:
    """Listen until stopped."""
    uvicorn.run(
        server.app(),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_keep_alive=KEEP_ALIVE_S,
    )


def _without_cosignatures(note: bytes, keys: Sequence[VerifierKey]) -> bytes:
    """Return the note with the ledger's own lines alone: anybody may have added others."""
    text, lines = split_note(note)
    names = {key.name for key in keys}
    own = [f"{line}\n" for line in lines if line.split(" ")[1] in names]
    return text + b"\n" + "".join(own).encode()


async def _body(request: Request) -> bytes | None:
    """Return the body, or None when it is too long."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


def _response(reply: Reply) -> Response:
    return Response(reply.text, reply.status, {"content-type": reply.kind})
