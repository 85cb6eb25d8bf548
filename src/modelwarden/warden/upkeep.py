"""What the host of a database does with it while no actor asks: newest schema, new index, a copy, a copy put back.

No route leads here (tests/doors_exempt.toml): whoever may run this owns the database and its keys.
"""

from __future__ import annotations

import contextlib
import secrets
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelwarden.audit import actions
from modelwarden.errors import ValueInvalid
from modelwarden.facts.kinds import Code
from modelwarden.facts.ledger import ObjectAccepted
from modelwarden.sinks.witness_sizes import Sizes, ask_sizes
from modelwarden.store import key_files
from modelwarden.store import migrate as schema
from modelwarden.store import reindex as derived_rows
from modelwarden.store import restore as copies
from modelwarden.store.database import Database
from modelwarden.store.entries import read_head
from modelwarden.store.erasing import reapply_erasures
from modelwarden.store.frozen import standing
from modelwarden.store.witnesses import read_policy
from modelwarden.values.clock import SystemClock
from modelwarden.values.system import system
from modelwarden.warden.backups import Backups
from modelwarden.warden.ledger_copies import ledger_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.audit.actions import PreparedBackup
    from modelwarden.config import Settings
    from modelwarden.facts.ledger import RestoreDrilled
    from modelwarden.store.change import Change, View
    from modelwarden.store.frozen import Frozen
    from modelwarden.store.reindex import Reindexed
    from modelwarden.store.restore import BegunAnew, Restored
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


def restore(
    path: Path,
    settings: Settings,
    *,
    checkpoint: str | None = None,
    ledgers: Sequence[str] = (),
    unsigned: bool = False,
    tell: Callable[[str], None],
) -> Restored:
    """Verify a backup aside, put it in place, and record it. Every process on the database has to be stopped.

    `ledgers` are copies of the ledger for the entries that the backup lacks: exports or addresses of sinks. `unsigned`
    takes what they hold past their last checkpoint too. The witnesses of the policy that the settings name are asked
    how much they have seen; of those that can't say, `tell` is told.

    Raises:
        BackupInvalid, RestoreRefused, RestoreNeedsLedger, SchemaTooOld, SchemaTooNew, KeyUnusable.
        SettingInvalid, Unreadable: of a copy, or the witness policy.
    """
    seen = _seen_by_witnesses(settings)
    for words in seen.unheard:
        tell(words)
    with contextlib.ExitStack() as open_copies:
        found = [open_copies.enter_context(ledger_copy(text, settings)) for text in ledgers]
        wanted = copies.Wanted(
            checkpoint=checkpoint,
            known=seen.known,
            copies=found,
            unsigned=unsigned,
            reapply=reapply_erasures,
        )
        return copies.restore(path, settings, SystemClock(), wanted)


def _seen_by_witnesses(settings: Settings) -> Sizes:
    located = settings.located()
    policy = read_policy(located.ledger_witness_policy)
    if policy is None or located.keys_folder is None:
        return Sizes()
    keys = [key.verifier for key in key_files.log_keys(located.keys_folder)]
    return ask_sizes(policy, key_files.first_log_key(located.keys_folder).name, keys)


def begin_anew(path: Path, settings: Settings, *, confirmed: str, archive: Path) -> BegunAnew:
    """Put a backup in place under a new origin, because every copy of what came after it is lost (LG-47).

    The old ledger, as far as the backup has it, goes to `archive`: an export that verifies by itself. Every process on
    the database has to be stopped.

    Raises:
        ValueInvalid: `confirmed` is not the origin of the ledger that is given up, or something stands at `archive`.
        BackupInvalid, RestoreRefused, SchemaTooOld, SchemaTooNew, KeyUnusable.
    """

    def keep(view: View) -> None:
        actions.prepare_export(view, archive, zipped=True).release()

    origin = settings.ledger_origin or f"modelwarden.local/{secrets.token_hex(8)}"
    return copies.begin_anew(
        path, settings, SystemClock(), origin=origin, confirmed=confirmed, archive=keep
    )


def origin_of_keys(settings: Settings) -> str:
    """Return the name of the ledger that the keys in the folder are of. Raises KeyUnusable."""
    return key_files.first_log_key(settings.located().keys_folder or Path()).name


def drill(warden: Warden, path: Path | None) -> RestoreDrilled:
    """Verify a backup in a throwaway database, the newest of the targets unless named, and record it.

    Raises BackupInvalid, RestoreRefused, BackupTargetUnusable.
    """
    return Backups(warden).drill(path)


def backup_findings(warden: Warden) -> tuple[tuple[str, bool, str], ...]:
    """Return what is to be said of scheduled backups and drills: the part, whether it is overdue, a sentence."""
    return Backups(warden).findings()


def frozen(settings: Settings) -> tuple[Frozen, ...]:
    """Return the objects that a restore left behind what the ledger tells."""
    database = Database(settings.url)
    try:
        with database.reading() as connection:
            return standing(connection)
    finally:
        database.close()


def accept(warden: Warden, kind: str, name: str) -> None:
    """Let an object that a restore left behind stand as it is, and record that. Raises NotFound."""

    def act(change: Change) -> None:
        epoch = read_head(change.connection).epoch
        change.accept(kind, name)
        change.record(ObjectAccepted(kind=Code(kind), epoch=epoch))

    warden.change(HOST, act)
