"""The ledger before this one, as entry 0 names it: there is none but after all copies of its end were lost (LG-47)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from modelwarden.errors import RestoreRefused
from modelwarden.ledger.checkpoint import unverified_checkpoint
from modelwarden.store import entries

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Predecessor(NamedTuple):
    """The last checkpoint of the ledger that was given up, and the largest size of it that was known to be signed."""

    origin: str
    size: int
    root: str
    note_sha256: str
    known: int


def predecessor(connection: Connection, *, known: int) -> Predecessor:
    """Return what a ledger that is given up leaves to name. Raises RestoreRefused where nothing was ever signed."""
    note = entries.newest_checkpoint(connection)
    if note is None:
        raise RestoreRefused("no checkpoint of the old ledger is in the backup")
    last = unverified_checkpoint(note)
    digest = hashlib.sha256(note).hexdigest()
    return Predecessor(last.origin, last.size, last.root.hex(), digest, max(known, last.size))


def predecessor_of(connection: Connection) -> str | None:
    """Return the origin that entry 0 names as the one before, if it does."""
    found = _started(connection).get("fact", {}).get("predecessor")
    return None if found is None else str(found)


def begun_at(connection: Connection) -> str | None:
    """Return when the ledger began, if it followed another one."""
    body = _started(connection)
    return str(body["at"]) if "predecessor" in body.get("fact", {}) else None


def _started(connection: Connection) -> dict[str, Any]:
    first = entries.entry(connection, 0)
    try:
        body = {} if first is None else orjson.loads(first.body)
    except ValueError:  # altered: verification names it
        return {}
    return body if isinstance(body, dict) else {}
