"""What outside witnesses said, in the database: cosignatures by size, how far each is, views that differ (LG-53).

A stored note never changes; whoever hands it out adds the cosignatures that are known by then. The policy file says
which witnesses count.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from modelwarden.errors import NoteInvalid, SettingInvalid, WitnessPolicyInvalid
from modelwarden.ledger.cosignature import with_lines
from modelwarden.ledger.witness_policy import MOST_BYTES, parse_policy
from modelwarden.ledger.witness_policy import is_witnessed as meets
from modelwarden.store import entries
from modelwarden.store.schema.witness import cosignatures, differing, standings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sqlalchemy import Connection

    from modelwarden.ledger.cosignature import Cosignature, WitnessKey
    from modelwarden.ledger.witness_policy import WitnessPolicy

MOST_NOTES: Final = 256
"""Cosigned checkpoints that are looked at, the newest of them."""

_LINES: Final = (
    select(cosignatures.c.line)
    .where(cosignatures.c.size == bindparam("size"))
    .order_by(cosignatures.c.witness)
)
_SIZES: Final = (
    select(cosignatures.c.size)
    .where(cosignatures.c.size > bindparam("above"))
    .distinct()
    .order_by(cosignatures.c.size.desc())
    .limit(MOST_NOTES)
)
_STANDING: Final = select(standings).where(standings.c.witness == bindparam("witness"))
_DIFFERING: Final = select(differing).order_by(differing.c.size.desc()).limit(MOST_NOTES)
_KEEP: Final = MappingProxyType(
    {
        "sqlite": sqlite.insert(cosignatures).on_conflict_do_nothing(),
        "postgresql": postgresql.insert(cosignatures).on_conflict_do_nothing(),
    }
)
_DIFFER: Final = MappingProxyType(
    {
        "sqlite": sqlite.insert(differing).on_conflict_do_nothing(),
        "postgresql": postgresql.insert(differing).on_conflict_do_nothing(),
    }
)
_SQLITE_MOVE: Final = sqlite.insert(standings)
_POSTGRES_MOVE: Final = postgresql.insert(standings)
_MOVE: Final = MappingProxyType(
    {
        "sqlite": _SQLITE_MOVE.on_conflict_do_update(
            index_elements=["witness"],
            set_={
                "size": _SQLITE_MOVE.excluded.size,
                "disagrees": _SQLITE_MOVE.excluded.disagrees,
            },
        ),
        "postgresql": _POSTGRES_MOVE.on_conflict_do_update(
            index_elements=["witness"],
            set_={
                "size": _POSTGRES_MOVE.excluded.size,
                "disagrees": _POSTGRES_MOVE.excluded.disagrees,
            },
        ),
    }
)


class Standing(NamedTuple):
    """How far a witness is: the size that it cosigned last, and why it disagrees, if it does."""

    size: int
    disagrees: str | None


class Differing(NamedTuple):
    """A checkpoint that a witness refused, and the one that it showed instead, if it did."""

    witness: str
    size: int
    ours: bytes
    theirs: bytes | None


def read_policy(path: Path | None) -> WitnessPolicy | None:
    """Return the witness policy that the settings name, or None. Raises SettingInvalid."""
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return parse_policy(file.read(MOST_BYTES + 1))
    except (OSError, WitnessPolicyInvalid) as error:
        raise SettingInvalid(f"ledger.witness_policy, {path}: {error}") from error


def witness_id(key: WitnessKey) -> str:
    """Return the name under which a witness's rows stand: its key's name and hash."""
    return f"{key.name}+{key.key_hash.hex()}"


def cosigned(connection: Connection, size: int, note: bytes) -> bytes:
    """Return the note of a size with all cosignatures that are known."""
    return with_lines(note, [row.line for row in connection.execute(_LINES, {"size": size})])


def cosigned_at(connection: Connection, size: int) -> bytes | None:
    """Return the note that was signed at this size, with its cosignatures, or None."""
    note = entries.checkpoint_at(connection, size)
    return None if note is None else cosigned(connection, size, note)


def cosigned_notes(connection: Connection, *, above: int = -1) -> tuple[bytes, ...]:
    """Return the newest notes past a size that a witness cosigned, the largest first."""
    sizes = [row.size for row in connection.execute(_SIZES, {"above": above})]
    notes = (cosigned_at(connection, size) for size in sizes)
    return tuple(note for note in notes if note is not None)


def witnessed(connection: Connection, seq: int, policy: WitnessPolicy) -> bytes | None:
    """Return the newest checkpoint that covers an entry and has the cosignatures of a quorum, or None."""
    try:
        notes = cosigned_notes(connection, above=seq)
        return next((note for note in notes if meets(note, policy)), None)
    except NoteInvalid:  # a stored line was changed: verification names it
        return None


def standing(connection: Connection, key: WitnessKey) -> Standing:
    """Return how far a witness is, as we know it."""
    row = connection.execute(_STANDING, {"witness": witness_id(key)}).first()
    return Standing(0, None) if row is None else Standing(row.size, row.disagrees)


def all_differing(connection: Connection) -> tuple[Differing, ...]:
    """Return what witnesses refused, and showed instead, the newest first."""
    rows = connection.execute(_DIFFERING)
    return tuple(Differing(row.witness, row.size, row.ours, row.theirs) for row in rows)


def keep(connection: Connection, size: int, found: Iterable[Cosignature]) -> None:
    """Store cosignatures of a size, the first of each witness."""
    rows = [{"size": size, "witness": witness_id(each.key), "line": each.line} for each in found]
    if rows:
        connection.execute(_KEEP[connection.dialect.name], rows)


def move(connection: Connection, keys: Sequence[WitnessKey], now: Standing) -> None:
    """Store how far witnesses are."""
    rows = [{"witness": witness_id(key), **now._asdict()} for key in keys]
    connection.execute(_MOVE[connection.dialect.name], rows)


def keep_differing(connection: Connection, found: Differing) -> None:
    """Store both notes, once for each witness and size."""
    connection.execute(_DIFFER[connection.dialect.name], found._asdict())
