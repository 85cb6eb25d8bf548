"""Calls that may be repeated: what a key was used for, kept in the action's own transaction (AC-72)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import bindparam, delete, insert, select, update

from modelwarden.store.schema.ledger import idempotency
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from modelwarden.store.change import Change, Telemetry

KEPT: Final = timedelta(hours=24)


class Kept(NamedTuple):
    """What a key stands for: the digest of its request, and the id of what came of it."""

    request_digest: str
    answer: str
    seq: int


_FIND: Final = select(idempotency).where(
    idempotency.c.scope == bindparam("scope"), idempotency.c.at > bindparam("since")
)
_DROP: Final = delete(idempotency).where(idempotency.c.scope == bindparam("which"))
_DROP_OLD: Final = delete(idempotency).where(idempotency.c.at <= bindparam("before"))
_KEEP: Final = insert(idempotency)
_PLACE: Final = (
    update(idempotency)
    .where(idempotency.c.scope == bindparam("which"))
    .values(seq=bindparam("place"))
)


def find(change: Change, scope: str) -> Kept | None:
    """Return what this key was used for in the last 24 hours, or None."""
    row = change.row(_FIND, {"scope": scope, "since": timestamp(change.now - KEPT)})
    return None if row is None else Kept(row.request_digest, row.answer, row.seq)


def keep(change: Change, scope: str, *, request_digest: str, answer: str) -> None:
    """Keep what this key is used for; the entry's number follows once it is known, in the same transaction."""
    change.execute(_DROP, {"which": scope})
    row = {"scope": scope, "request_digest": request_digest, "answer": answer, "seq": -1}
    change.execute(_KEEP, row | {"at": timestamp(change.now)})

    def place(connection: Connection, seq: int) -> None:
        connection.execute(_PLACE, {"which": scope, "place": seq})

    change.when_sealed = place


def forget_old(telemetry: Telemetry) -> None:
    """Drop keys that are over their 24 hours."""
    telemetry.execute(_DROP_OLD, {"before": timestamp(telemetry.now - KEPT)})
