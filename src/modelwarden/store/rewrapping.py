"""Texts move from an older encryption key to the current one, a few at a time (AC-81).

Each gets a fresh data key too; what entries commit to stays. Rows are found by the key they are under, so whoever goes
on after a crash needs to remember nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import bindparam, select, update

from modelwarden.errors import KeyUnusable
from modelwarden.store import server_keys
from modelwarden.store.keyring import Sealed
from modelwarden.store.running import run
from modelwarden.store.schema.ledger import texts

if TYPE_CHECKING:
    from modelwarden.store.change import Telemetry

BATCH: Final = 200
LOG: Final = logging.getLogger("modelwarden.keys")

_OLDER: Final = (
    select(texts.c.commitment, texts.c.key_id, texts.c.wrapped, texts.c.ciphertext)
    .where(texts.c.key_id != bindparam("current"), texts.c.commitment > bindparam("after"))
    .order_by(texts.c.commitment)
    .limit(BATCH)
)
_MOVE: Final = (
    update(texts)
    .where(texts.c.commitment == bindparam("which"), texts.c.key_id == bindparam("before"))
    .values(
        key_id=bindparam("now_under"),
        wrapped=bindparam("now_wrapped"),
        ciphertext=bindparam("now_sealed"),
    )
)


class Moved(NamedTuple):
    """How far a round came: the last row that was looked at, None at the end, and how many rows moved."""

    last: str | None
    rows: int


def rewrap(telemetry: Telemetry, after: str) -> Moved:
    """Move the next texts that are under an older key. One that does not open stays where it is, and is named."""
    connection = telemetry.connection
    keys = server_keys.current(connection, telemetry.keyring)
    rows = run(connection, _OLDER, {"current": keys.key_id, "after": after}).rows
    count = 0
    for row in rows:
        try:
            sealed = keys.reseal(Sealed(row.commitment, row.key_id, row.wrapped, row.ciphertext))
        except KeyUnusable as error:
            LOG.error("text %s stays under the key %s: %s", row.commitment, row.key_id, error)  # noqa: TRY400  # no trace
            continue
        moved = {
            "which": row.commitment,
            "before": row.key_id,
            "now_under": sealed.key_id,
            "now_wrapped": sealed.wrapped,
            "now_sealed": sealed.ciphertext,
        }
        count += run(connection, _MOVE, moved).touched
    return Moved(rows[-1].commitment if len(rows) == BATCH else None, count)
