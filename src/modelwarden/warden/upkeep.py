"""What the host of a database does with it while no actor asks: newest schema, new index, a copy, a copy put back.

No route leads here (tests/doors_exempt.toml): whoever may run this owns the database and its keys.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from modelwarden.audit import actions
from modelwarden.errors import ValueInvalid
from modelwarden.store import migrate as schema
from modelwarden.store import reindex as derived_rows
from modelwarden.store import restore as copies
from modelwarden.store.database import Database
from modelwarden.values.clock import SystemClock
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelwarden.audit.actions import PreparedBackup
    from modelwarden.config import Settings
    from modelwarden.store.reindex import Reindexed
    from modelwarden.store.restore import Restored
    from modelwarden.warden.warden import Warden

HOST: Final = system("host")


def migrate(settings: Settings) -> str:
    """Bring the database to this release's schema and return its name. Raises SchemaTooNew, LedgerUnavailable."""
    database = Database(settings.url)
    try:
        return schema.migrate(database)
    finally:
        database.close()


def reindex(settings: Settings, *, progress: Callable[[int, int], None]) -> Reindexed:
    """Build search index and tiles anew from the entries. Raises LedgerDamaged, LedgerUnavailable."""
    database = Database(settings.url)
    try:
        return derived_rows.reindex(database, progress=progress)
    finally:
        database.close()


def backup(warden: Warden, output: Path) -> PreparedBackup:
    """Record that a backup is made, sign, and write the snapshot that holds both.

    So the backup is not behind the guard file, until something else happens. Raises ValueInvalid where something
    stands at `output` already.
    """
    if output.exists():
        raise ValueInvalid("output", "a file that is not there yet; backups replace nothing")
    warden.change(HOST, actions.record_backup)
    warden.sign()
    return warden.view(HOST, partial(actions.prepare_backup, output=output))


def restore(path: Path, settings: Settings, *, checkpoint: str | None = None) -> Restored:
    """Verify a backup aside, put it in place, and record it. Every process on the database has to be stopped.

    Raises:
        BackupInvalid, RestoreRefused, SchemaTooOld, SchemaTooNew, KeyUnusable.
    """
    return copies.restore(path, settings, SystemClock(), checkpoint=checkpoint)
