"""How far the synchronous standbys of a PostgreSQL are: what they flushed survives the loss of the primary (LG-24).

A commit can be seen before it is on a standby: `synchronous_commit` may be `local` or `off`, and a wait for one can be
cancelled. So nothing here trusts that a visible entry was replicated; positions in the write-ahead log say so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection

COMMITTED: Final = "committed"
REPLICATED: Final = "replicated"

_POSITION: Final = text("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
_NAMES: Final = text("SELECT current_setting('synchronous_standby_names')")
_STANDBYS: Final = text(
    "SELECT application_name, pg_wal_lsn_diff(flush_lsn, '0/0')::bigint AS flushed"
    " FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum') OR sync_state IS NULL"
    " ORDER BY application_name"
)
_COUNTED: Final = re.compile(r"\s*(?:(?:FIRST|ANY)\s+)?(\d+)\s*\(", re.IGNORECASE)


def position(connection: Connection) -> int:
    """Return the end of the write-ahead log, in bytes: all that this connection can see lies before it."""
    return int(connection.execute(_POSITION).scalar_one())


def missing(connection: Connection, end: int) -> str | None:
    """Return why the log up to `end` is not yet flushed by every synchronous standby, or None where it is."""
    names = str(connection.execute(_NAMES).scalar_one()).strip()
    if not names:
        return "no synchronous standby is named: set synchronous_standby_names on the primary"
    found = connection.execute(_STANDBYS).all()
    hidden = [row.application_name for row in found if row.flushed is None]
    if hidden:
        return "how far standbys are can't be read: grant pg_read_all_stats to the warden's role"
    late = [row.application_name for row in found if row.flushed < end]
    if late:
        return f"standby {', '.join(late)} has not flushed the newest entries"
    needed = _needed(names)
    if len(found) < needed:
        return f"{len(found)} of {needed} synchronous standbys are connected"
    return None


def _needed(names: str) -> int:
    """Return how many standbys have to confirm: one, unless the setting counts them (`ANY 2 (a, b, c)`)."""
    counted = _COUNTED.match(names)
    return int(counted[1]) if counted else 1
