"""The static log that the database is (C2SP tlog-tiles, LG-52), path by path, for who may read all of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access.allowed import authorize
from modelwarden.audit.proofs import newest_checkpoint, vkeys
from modelwarden.errors import PathUnknown
from modelwarden.ledger.tile_paths import (
    CHECKPOINT,
    CHECKPOINTS,
    VKEY,
    parse_checkpoint_path,
    parse_tile_path,
)
from modelwarden.permissions import Permission
from modelwarden.store import entries, static_log

if TYPE_CHECKING:
    from modelwarden.store.change import View

LONGEST: Final = 64
"""Characters of a path; the longest that means anything has fewer."""


class StaticFile(NamedTuple):
    """What lies at a path, and whether that stays so for ever."""

    data: bytes
    lasts: bool


def static_file(view: View, path: str) -> StaticFile:
    """Return what lies at a path of the static log, up to the newest checkpoint.

    Raises:
        NotPermitted: no `audit.read` for all of the ledger.
        PathUnknown: nothing lies there, or not yet.
        SizeUnknown: no checkpoint is signed yet.
    """
    authorize(view, Permission.AUDIT_READ)
    if len(path) > LONGEST:
        raise PathUnknown(path)
    newest, note = newest_checkpoint(view)
    if path == CHECKPOINT:
        return StaticFile(note, lasts=False)
    if path == VKEY:
        return StaticFile("".join(f"{key}\n" for key in vkeys(view)).encode(), lasts=False)
    if path.startswith(f"{CHECKPOINTS}/"):
        older = entries.checkpoint_at(view.connection, parse_checkpoint_path(path))
        return StaticFile(_known(older, path), lasts=False)  # it may gain signatures
    found = static_log.tile(view.connection, parse_tile_path(path), size=newest.size)
    return StaticFile(_known(found, path), lasts=True)


def _known(found: bytes | None, path: str) -> bytes:
    if found is None:
        raise PathUnknown(path)
    return found
