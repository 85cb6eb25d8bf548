"""Routes of the ledger: search, proofs, verification. Nothing here changes an entry."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import PUBLIC, Caller, Door, may
from modelwarden.api.host import host_of
from modelwarden.api.limits import Rate
from modelwarden.api.replies import json_reply
from modelwarden.api.shapes import answers, page, pages
from modelwarden.audit import actions
from modelwarden.errors import NotReplicated, RequestInvalid, RollbackSuspected
from modelwarden.permissions import Permission
from modelwarden.values.answers import (
    CheckpointAnswer,
    EntryAnswer,
    ProofAnswer,
    ReceiptAnswer,
    VerificationAnswer,
)
from modelwarden.values.pages import Page

router = APIRouter(prefix="/api/governance", route_class=StrictRoute, tags=["audit log"])

MOST_VERIFIED: Final = 5_000_000
"""Entries that one call over HTTP may have verified (LG-31)."""
LARGEST: Final = 2**53 - 1
BYTES: Final = "application/octet-stream"
TEXT: Final = "text/plain; charset=utf-8"
FOR_EVER: Final = "max-age=31536000, immutable"
SHORTLY: Final = "max-age=2"
"""A checkpoint is signed about once a second."""

Seq = Annotated[int, Query(ge=0, le=LARGEST)]
Reader = Annotated[Caller, may(Permission.AUDIT_READ)]


@router.get("/audit-log", responses=pages(EntryAnswer))
async def search(  # noqa: PLR0913, PLR0917  # the filters of LG-40
    caller: Reader,
    part: Annotated[Page, Depends(page)],
    actor: str | None = None,
    user_id: str | None = None,
    subject: str | None = None,
    type: str | None = None,  # noqa: A002  # the filter's name
    family: str | None = None,
    severity: str | None = None,
    outcome: str | None = None,
    tag: str | None = None,
    component: str | None = None,
    text: str | None = None,
    *,
    include_texts: bool = False,
    since: str | None = None,
    until: str | None = None,
    first: str | None = None,
    last: str | None = None,
) -> Response:
    """List entries, newest first; what is a list is separated by commas."""
    if actor is not None and user_id is not None:
        raise RequestInvalid((("query.user_id", "another name of actor; send one of them"),))
    wanted = actions.as_filter(
        {
            "actor": actor or user_id,
            "subject": subject,
            "type": type,
            "family": family,
            "severity": severity,
            "outcome": outcome,
            "tag": tag,
            "component": component,
            "text": text,
            "since": since,
            "until": until,
            "first": first,
            "last": last,
        }
    )
    found = partial(actions.search, wanted=wanted, page=part, include_texts=include_texts)
    return await _page(caller, found)


@router.get("/audit-log/verify", responses=answers(VerificationAnswer))
async def verify(  # noqa: PLR0913  # what is asked for, and how deep
    caller: Annotated[Caller, may(Permission.AUDIT_VERIFY, rate=Rate.EXPENSIVE)],
    first: Seq = 0,
    last: Seq | None = None,
    since: str | None = None,
    until: str | None = None,
    *,
    strict: bool = False,
    state: bool = False,
    checkpoint_keys: str | None = None,
) -> Response:
    """Verify a range, or the entries of a time, ends included; what is found is itself recorded, while writes go on."""
    await caller.look(actions.require_verifier)
    found = await caller.look(
        partial(
            actions.verify_database,
            first=first,
            last=last,
            since=since,
            until=until,
            strict=strict,
            state=state,
            trusted=tuple(key for key in (checkpoint_keys or "").split(",") if key),
            copies=await caller.prepare(caller.host.warden.copies),
            most=MOST_VERIFIED,
        )
    )
    record = partial(actions.record_verification, answer=found)
    try:
        return await caller.write(record, lambda _view, done: done)
    except RollbackSuspected:  # nothing is recorded then, and now of all times it has to be seen
        return json_reply(found)


@router.get("/audit-log/checkpoint", responses=answers(CheckpointAnswer))
async def checkpoint(caller: Reader) -> Response:
    """Return a checkpoint over all that is committed, signed now."""
    await caller.prepare(caller.host.warden.sign)
    return await caller.read(actions.checkpoint, _same)


@router.get("/audit-log/proof/{seq}", responses=answers(ProofAnswer))
async def proof(seq: int, caller: Reader) -> Response:
    """Return the proof that an entry is in the ledger, with the checkpoint that it leads to (LG-25)."""
    await caller.prepare(caller.host.warden.sign)
    return await caller.read(partial(actions.prove, seq=seq), _same)


@router.get("/audit-log/receipt/{seq}", responses=answers(ReceiptAnswer))
async def receipt(seq: int, caller: Reader, wait: float = 0) -> Response:
    """Return the receipt of an entry: its hashes and, once a checkpoint covers it, the proof (LG-25).

    `wait` is how many seconds to wait for that checkpoint, at most 25.
    """
    patience_s = actions.checked_wait(wait)
    found = await _receipt(caller, seq)
    if patience_s:
        with suppress(TimeoutError):  # the receipt says how far it is
            async with asyncio.timeout(patience_s):
                if found.proof is None:
                    with suppress(NotReplicated):  # it may be before the time is over
                        await caller.prepare(caller.host.warden.sign)
                    found = await _receipt(caller, seq)
                while found.proof is None:
                    await asyncio.sleep(actions.LOOK_S)
                    found = await _receipt(caller, seq)
    return json_reply(found)


@router.get("/audit-log/consistency", responses=answers(bytes, kind="text/plain"))
async def consistency(
    caller: Reader,
    old: Annotated[int, Query(alias="from", ge=0, le=LARGEST)],
    new: Annotated[int | None, Query(alias="to", ge=0, le=LARGEST)] = None,
) -> Response:
    """Return the proof that the ledger of `from` entries is the beginning of that of `to` (C2SP tlog-witness)."""
    text = await caller.look(partial(actions.consistency, old=old, new=new))
    return Response(text, media_type="text/plain")


@router.get("/audit-log/keys", responses=pages(str))
async def keys(caller: Reader) -> Response:
    """List the keys that sign checkpoints, as text to pin."""
    found = await caller.look(actions.vkeys)
    return json_reply({"items": found, "next_cursor": None})


class TilesDoor(Door):
    """Lets everybody in where the static log is public, else those with `audit.read`."""

    async def admit(self, request: Request) -> Caller:
        """Return who calls."""
        if host_of(request).warden.settings.ledger_public_tiles:
            return await Door(PUBLIC, self.rate).admit(request)
        return await super().admit(request)


@router.get("/audit-log/tiles/{path:path}", responses=answers(bytes, kind=BYTES))
async def tiles(
    path: str, caller: Annotated[Caller, Depends(TilesDoor(Permission.AUDIT_READ, None).caller)]
) -> Response:
    """Return a part of the ledger as a static log: checkpoint, tile/…, tile/entries/…, log.vkey (C2SP tlog-tiles)."""
    found = await caller.look(partial(actions.static_file, path=path))
    is_public = caller.host.warden.settings.ledger_public_tiles
    lasting = f"{'public' if is_public else 'private'}, {FOR_EVER if found.lasts else SHORTLY}"
    kind = BYTES if path.startswith("tile/") else TEXT
    return Response(found.data, headers={"Cache-Control": lasting}, media_type=kind)


@router.get("/audit-log/{seq}", responses=answers(EntryAnswer))
async def entry(seq: int, caller: Reader) -> Response:
    """Show one entry with its hashes."""
    return await caller.read(partial(actions.entry, seq=seq), _same)


@router.get("/models/{model}/history", responses=pages(EntryAnswer))
async def model_history(
    model: str,
    caller: Annotated[Caller, may(Permission.MODEL_READ)],
    part: Annotated[Page, Depends(page)],
) -> Response:
    """List what happened to a model, newest first."""
    return await _page(caller, partial(actions.history, model=model, page=part))


@router.get("/models/{model}/versions/{version}/history", responses=pages(EntryAnswer))
async def version_history(
    model: str,
    version: str,
    caller: Annotated[Caller, may(Permission.MODEL_READ)],
    part: Annotated[Page, Depends(page)],
) -> Response:
    """List what happened to a version, newest first."""
    action = partial(actions.history, model=model, label=version, page=part)
    return await _page(caller, action)


async def _receipt(caller: Caller, seq: int) -> ReceiptAnswer:
    standing = await caller.host.read(partial(caller.host.warden.standing, seq))
    return await caller.look(partial(actions.receipt, seq=seq, standing=standing))


async def _page(caller: Caller, action: Any) -> Response:  # noqa: ANN401  # a read of a page of entries
    return await caller.page(action, _same, name="entries")


def _same(_view: Any, answer: Any) -> Any:  # noqa: ANN401  # audit answers in the shapes that callers see
    return answer
