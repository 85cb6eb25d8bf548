"""The ledger's rows: append a sealed batch, read head, bodies, ranges and checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from modelwarden.errors import LedgerUnavailable
from modelwarden.facts.safeguards import PUSHED
from modelwarden.ledger.entry import Stored, chain, chain_start, line
from modelwarden.ledger.merkle import Frontier, leaf_hash
from modelwarden.store import tiles
from modelwarden.store.database import announce, insert_many
from modelwarden.store.running import run
from modelwarden.store.schema.ledger import checkpoints, entries, head, index, subjects, tags

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

CHUNK: Final = 2_000


class Draft(NamedTuple):
    """A fact, encoded, before it has its place: the body's bytes and what it is found under."""

    body: bytes
    at: str
    type: str
    severity: int
    outcome: str
    actor: str
    subjects: tuple[tuple[str, str, int | None], ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """Where the ledger ends: the one row behind which all writers queue."""

    origin: str
    epoch: int
    size: int
    entry_hash: bytes
    frontier: Frontier
    at: str


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A batch with its place in the chain: `first` is the sequence number of the first entry."""

    first: int
    bodies: list[bytes] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    entry_hashes: list[bytes] = field(default_factory=list)

    def stored(self, place: int) -> Stored:
        """Return one entry of the batch, by its place in it."""
        return Stored(
            self.first + place, self.bodies[place], self.leaves[place], self.entry_hashes[place]
        )


_HEAD: Final = select(head).where(head.c.id == 1)
_HEAD_LOCKED: Final = _HEAD.with_for_update()
_MOVE_HEAD: Final = (
    update(head)
    .where(head.c.id == 1, head.c.size == bindparam("old_size"))
    .values(
        size=bindparam("new_size"),
        entry_hash=bindparam("last"),
        frontier=bindparam("range"),
        at=bindparam("now"),
    )
)
_START: Final = insert(head)
_ENTRY: Final = select(entries).where(entries.c.seq == bindparam("seq"))
_CHUNK: Final = (
    select(entries.c.seq, entries.c.body, entries.c.leaf, entries.c.entry_hash)
    .where(entries.c.seq >= bindparam("first"), entries.c.seq <= bindparam("last"))
    .order_by(entries.c.seq)
    .limit(CHUNK)
)
_LAST: Final = select(func.max(entries.c.seq))
_OF_TYPE: Final = (
    select(entries.c.body)
    .join(index, index.c.seq == entries.c.seq)
    .where(index.c.type == bindparam("type"))
)
_CHECKPOINT: Final = select(checkpoints).order_by(checkpoints.c.size.desc()).limit(1)
_CHECKPOINTS: Final = (
    select(checkpoints)
    .where(checkpoints.c.size > bindparam("above"))
    .order_by(checkpoints.c.size)
    .limit(CHUNK)
)
_CHECKPOINT_AT: Final = select(checkpoints.c.note).where(checkpoints.c.size == bindparam("size"))
_CHECKPOINT_TO: Final = (
    select(checkpoints)
    .where(checkpoints.c.size <= bindparam("size"))
    .order_by(checkpoints.c.size.desc())
    .limit(1)
)
_KEEP_CHECKPOINT: Final = MappingProxyType(
    {
        "sqlite": sqlite.insert(checkpoints).on_conflict_do_nothing(),
        "postgresql": postgresql.insert(checkpoints).on_conflict_do_nothing(),
    }
)
"""Processes that sign the same size at once sign the same bytes (LG-24)."""
_NEWEST_OF: Final = select(func.max(subjects.c.seq)).where(
    subjects.c.kind == bindparam("kind"),
    subjects.c.id == bindparam("id"),
    subjects.c.rev.is_not(None),
)


def read_head(connection: Connection, *, lock: bool = False) -> Head:
    """Return the head row; `lock` makes other writers wait for our commit. Raises LedgerUnavailable when it is gone."""
    rows = run(connection, _HEAD_LOCKED if lock else _HEAD).rows
    if not rows:
        raise LedgerUnavailable(
            "the ledger has no head row; restore a backup or run `modelwarden init`"
        )
    row = rows[0]
    frontier = Frontier.from_bytes(row.size, row.frontier)
    return Head(row.origin, row.epoch, row.size, row.entry_hash, frontier, row.at)


def origin_of(connection: Connection) -> str | None:
    """Return the ledger's name, or None before it was begun."""
    row = connection.execute(_HEAD).first()
    return None if row is None else row.origin


def start(connection: Connection, *, origin: str, chain_start: bytes, at: str) -> None:
    """Write the head row of an empty ledger."""
    empty = {
        "id": 1,
        "origin": origin,
        "epoch": 1,
        "size": 0,
        "entry_hash": chain_start,
        "frontier": b"",
        "at": at,
    }
    connection.execute(_START, empty)


def append(
    connection: Connection, drafts: Sequence[Draft], *, before: Head, indexed: bool = True
) -> SealedBatch:
    """Number, link and hash the drafts, and write them behind the head, which stays locked until the commit.

    The caller took the head row's lock last and once: every change queues behind it (LG-10).
    """
    sealed = SealedBatch(before.size)
    previous = before.entry_hash
    rows = []
    for seq, draft in enumerate(drafts, before.size):
        leaf = leaf_hash(draft.body)
        previous = chain(previous, leaf)
        sealed.bodies.append(draft.body)
        sealed.leaves.append(leaf)
        sealed.entry_hashes.append(previous)
        rows.append((seq, draft.body, leaf, previous))
    frontier = before.frontier
    frontier.extend(sealed.leaves)
    insert_many(connection, entries, rows)
    if indexed:
        _write_index(connection, drafts, before.size)
    size = before.size + len(drafts)
    tiles.store_full(connection, before.size, size)
    moved = {
        "old_size": before.size,
        "new_size": size,
        "last": previous,
        "range": frontier.to_bytes(),
    }
    if run(connection, _MOVE_HEAD, moved | {"now": drafts[-1].at}).touched != 1:
        raise LedgerUnavailable("the head moved under the lock; nothing was written")
    if any(draft.type in PUSHED for draft in drafts):
        announce(connection)
    return sealed


def _write_index(connection: Connection, drafts: Sequence[Draft], first: int) -> None:
    numbered = list(enumerate(drafts, first))
    insert_many(
        connection,
        index,
        [(seq, d.at, d.type, d.severity, d.outcome, d.actor) for seq, d in numbered],
    )
    found = [(kind, name, seq, rev) for seq, d in numbered for kind, name, rev in d.subjects]
    insert_many(connection, subjects, found)
    insert_many(connection, tags, [(tag, seq) for seq, d in numbered for tag in d.tags])


def entry(connection: Connection, seq: int) -> Stored | None:
    """Return one entry, or None."""
    row = connection.execute(_ENTRY, {"seq": seq}).first()
    return None if row is None else Stored(row.seq, row.body, row.leaf, row.entry_hash)


def last_seq(connection: Connection) -> int:
    """Return the number of the last entry that is there, whatever the head says; -1 if there is none."""
    found: int | None = connection.execute(_LAST).scalar()
    return -1 if found is None else found


def between(connection: Connection, first: int, last: int) -> Iterator[Sequence[Stored]]:
    """Yield the entries from `first` to `last`, ends included, in chunks; memory does not grow with the range."""
    bounds = {"first": first, "last": last}
    if (
        connection.dialect.name == "sqlite"
    ):  # the driver's own tuples: rows cost more than their hashing
        cursor = connection.connection.cursor()
        cursor.execute(
            "SELECT seq, body, leaf, entry_hash FROM ledger_entries"
            " WHERE seq >= :first AND seq <= :last ORDER BY seq",
            bounds,
        )
        while rows := cursor.fetchmany(CHUNK):
            yield rows
        cursor.close()
        return
    rows = connection.execute(_CHUNK, bounds).all()
    while rows:  # a statement a chunk: a cursor in the server outlives a reader who gives up
        yield [Stored(*row) for row in rows]
        full = len(rows) == CHUNK
        rows = (
            connection.execute(_CHUNK, bounds | {"first": rows[-1].seq + 1}).all() if full else []
        )


def lines(connection: Connection, origin: str, first: int, last: int) -> Iterator[bytes]:
    """Yield the lines (LG-43) of the entries from `first` to `last`, ends included."""
    earlier = entry(connection, first - 1) if first else None
    before = chain_start(origin) if earlier is None else earlier.entry_hash
    for part in between(connection, first, last):
        for row in part:
            stored = Stored(*row)
            yield line(stored, before)
            before = stored.entry_hash


def key_bodies(connection: Connection) -> Iterator[bytes]:
    """Yield the bodies of the entries that name a log key: the first, and those of rotations."""
    first = entry(connection, 0)
    if first is not None:
        yield first.body
    yield from bodies_of(connection, "ledger.key_rotated")


def bodies_of(connection: Connection, kind: str) -> Iterator[bytes]:
    """Yield the bodies of all entries of a type."""
    for row in connection.execute(_OF_TYPE, {"type": kind}):
        yield row.body


def newest_of(connection: Connection, kind: str, object_id: str) -> int | None:
    """Return the sequence number of the entry that last moved this object."""
    found: int | None = connection.execute(_NEWEST_OF, {"kind": kind, "id": object_id}).scalar()
    return found


def newest_checkpoint(connection: Connection) -> bytes | None:
    """Return the newest signed note, or None before the first."""
    row = connection.execute(_CHECKPOINT).first()
    return None if row is None else row.note


def checkpoint_at(connection: Connection, size: int) -> bytes | None:
    """Return the note that was signed at this size, or None."""
    found: bytes | None = connection.execute(_CHECKPOINT_AT, {"size": size}).scalar()
    return found


def checkpoint_to(connection: Connection, size: int) -> tuple[int, bytes] | None:
    """Return (size, note) of the newest checkpoint that covers no more than so many entries, or None."""
    row = connection.execute(_CHECKPOINT_TO, {"size": size}).first()
    return None if row is None else (row.size, row.note)


def all_checkpoints(connection: Connection) -> Iterator[tuple[int, bytes]]:
    """Yield (size, note) of each checkpoint, smallest first."""
    above = -1
    while rows := connection.execute(_CHECKPOINTS, {"above": above}).all():
        for row in rows:
            yield row.size, row.note
        above = rows[-1].size


def keep_checkpoint(connection: Connection, size: int, note: bytes) -> None:
    """Store a signed note, once for each size."""
    connection.execute(_KEEP_CHECKPOINT[connection.dialect.name], {"size": size, "note": note})
