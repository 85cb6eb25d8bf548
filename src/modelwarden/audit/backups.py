"""Backups as an action: a fact tells, then a read writes them (LG-46). Restoring is no action: `store.restore`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access.allowed import authorize, readable
from modelwarden.facts.ledger import BackupMade
from modelwarden.permissions import Permission
from modelwarden.store.backup import Backup, backup
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import Digest

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.store.change import Change, View

PreparedBackup = Backup


def prepare_backup(view: View, output: Path) -> Backup:
    """Write a sealed snapshot of what this view sees. Raises NotPermitted, and ValueInvalid if `output` is there."""
    if not readable(view, Permission.SETTINGS_MANAGE):
        authorize(view, Permission.SETTINGS_MANAGE)
    return backup(view.connection, view.keyring, output, at=timestamp(view.now))


def record_backup(change: Change) -> None:
    """Record that a backup is made, before it is: the snapshot then holds the entry. Raises NotPermitted."""
    authorize(change, Permission.SETTINGS_MANAGE)
    size, root = change.head()
    change.record(BackupMade(size=size, root=Digest(root.hex())))
