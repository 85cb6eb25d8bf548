"""Which ranges a sink cut its segments at: kept before a segment is sent, so that a retry sends the same bytes (LG-51).

One row a segment; rows of what the far end holds for good go, but for the last.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from modelwarden.errors import SinkUnusable
from modelwarden.store.schema.ledger import follower_positions as positions
from modelwarden.store.schema.ledger import sink_segments as segments
from modelwarden.values.system import system

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.store.change import Telemetry
    from modelwarden.store.opening import Store

_LAST: Final = select(segments.c.last).where(
    segments.c.sink == bindparam("sink"), segments.c.first == bindparam("first")
)
_KEEP: Final = MappingProxyType(
    {
        "sqlite": sqlite.insert(segments).on_conflict_do_nothing(),
        "postgresql": postgresql.insert(segments).on_conflict_do_nothing(),
    }
)
_DONE: Final = select(positions.c.next_seq).where(positions.c.name == bindparam("follower"))
_DROP: Final = delete(segments).where(
    segments.c.sink == bindparam("sink"), segments.c.last < bindparam("below")
)


class Claim(NamedTuple):
    """The end of a range as it stands now, whoever kept it first, and the writer's time."""

    last: int
    now: datetime


def claim(
    store: Store, sink: str, span: tuple[int, int], *, follower: str, is_there: bool
) -> Claim:
    """Keep the range of a sink's next segment, unless one with that beginning is kept.

    `is_there` says that the far end holds it already. Raises SinkUnusable when another process is ahead,
    LedgerUnavailable.
    """
    first, last = span
    dialect = store.database.dialect

    def keep(telemetry: Telemetry) -> Claim:
        row = telemetry.row(_LAST, {"sink": sink, "first": first})
        if row is not None:
            return Claim(row.last, telemetry.now)
        done = telemetry.row(_DONE, {"follower": follower})
        if done is not None and done.next_seq > first and not is_there:  # done, and its row is gone
            raise SinkUnusable(f"another process carried entry {first} to the sink {sink}")
        if done is not None:
            telemetry.execute(_DROP, {"sink": sink, "below": done.next_seq - 1})
        telemetry.execute(_KEEP[dialect], {"sink": sink, "first": first, "last": last})
        kept = telemetry.row(_LAST, {"sink": sink, "first": first})
        return Claim(last if kept is None else kept.last, telemetry.now)

    return store.writer.submit_telemetry(system("ledger"), keep).result()


def claimed(store: Store, sink: str, first: int) -> int | None:
    """Return where the range ends that was kept for a beginning, or None."""
    with store.database.reading() as connection:
        found: int | None = connection.execute(_LAST, {"sink": sink, "first": first}).scalar()
    return found
