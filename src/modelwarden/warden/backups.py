"""Backups on a schedule: copied to every target, read back, recorded; old ones go; each month a drill (AC-87).

A follower's step, so that one process of several does it. When the last one was made says the ledger.
"""

from __future__ import annotations

import logging
import re
import tempfile
import time
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelwarden.audit import actions
from modelwarden.errors import BackupTargetUnusable, SettingInvalid, WardenError
from modelwarden.facts.kinds import Code, Outcome
from modelwarden.facts.ledger import BackupCopied, BackupFailed, RestoreDrilled
from modelwarden.store.restore import drill
from modelwarden.values.clock import moment
from modelwarden.values.ids import Digest
from modelwarden.values.system import system
from modelwarden.warden.backup_targets import digest_at, fetch, open_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.audit.actions import PreparedBackup
    from modelwarden.ledger.entry import Stored
    from modelwarden.store.change import Change
    from modelwarden.store.follower import Position
    from modelwarden.warden.backup_targets import Target
    from modelwarden.warden.warden import Warden

NAME: Final = "backups"
DRILL_EACH: Final = timedelta(days=30)
LOOK_S: Final = 30.0
AGAIN_S: Final = 600.0
"""After a failure."""
LOG: Final = logging.getLogger("modelwarden.backups")
_ACTOR: Final = system("backups")
_INTERVAL: Final = re.compile(r"([1-9][0-9]{0,5})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def interval(text: str) -> timedelta:
    """Return how often `24h`, `30m` or `7d` is. Raises SettingInvalid."""
    found = _INTERVAL.fullmatch(text)
    if found is None:
        raise SettingInvalid(f"backup.schedule: 24h, 30m or 7d, not {text!r}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


class Backups:
    """A follower's step that makes backups when they are due. Entries mean nothing to it."""

    def __init__(self, warden: Warden) -> None:
        settings = warden.settings
        self._warden, self._keep = warden, max(1, settings.backup_keep)
        self._targets: Final = open_targets(settings.backup_targets)
        self._every = (
            None if settings.backup_schedule is None else interval(settings.backup_schedule)
        )
        if self._every is not None and not self._targets:
            raise SettingInvalid("backup.schedule needs backup.targets: say where backups go")
        self._look_at, self._failed = 0.0, False

    def begin(self, at: Position, /) -> None:  # noqa: ARG002  # entries mean nothing
        """Look at once."""
        self._look_at = 0.0

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:
        """Do nothing: time makes a backup due, no entry."""

    def idle(self) -> None:
        """Make a backup if one is due, then a drill if one is."""
        if self._every is None or time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_S
        if self._failed or self._is_due("backup.copied", self._every):
            self._failed = not self.make()
        if self._failed:
            self._look_at = time.monotonic() + AGAIN_S
        elif self._is_due("restore.drilled", DRILL_EACH):
            self.drill()

    def make(self) -> bool:
        """Make a backup and copy it to every target; tell whether all of them have it."""
        with tempfile.TemporaryDirectory(
            prefix=".modelwarden-backup-", dir=self._beside()
        ) as folder:
            made = self._made(Path(folder) / "backup")
            stamp = self._warden.clock.now().strftime("%Y%m%dT%H%M%S-%f")
            name = f"{stamp}Z.{made.size}.mwbackup"
            reached = [self._copy(target, made, name) for target in self._targets]
        return all(reached)

    def drill(self, path: Path | None = None) -> RestoreDrilled:
        """Open a backup in a throwaway database, verify it, and record how that ended; the newest of the targets."""
        with tempfile.TemporaryDirectory(
            prefix=".modelwarden-drill-", dir=self._beside()
        ) as folder:
            copy = Path(folder) / "backup"
            try:
                if path is None:
                    self._fetch_newest(copy)
                size, root = drill(path or copy, self._warden.settings)
            except WardenError as error:
                LOG.error("the restore drill failed: %s", error)  # noqa: TRY400  # what to do stands in it
                fact = RestoreDrilled(size=0, root=None, cause=Code(error.code))
            else:
                fact = RestoreDrilled(size=size, root=Digest(root), cause=None)
        self._tell(fact, failed=fact.cause is not None)
        return fact

    def findings(self) -> tuple[tuple[str, bool, str], ...]:
        """Return what is to be said: the part, whether it is overdue, a sentence."""
        if self._every is None:
            return ()
        wanted = (
            ("backups", "backup.copied", self._every * 2),
            ("restore drill", "restore.drilled", DRILL_EACH + timedelta(days=1)),
        )
        found = []
        for part, kind, most in wanted:
            last = last_told(self._warden, kind)
            said = "never" if last is None else f"{last:%Y-%m-%d %H:%M} UTC"
            found.append((part, self._is_due(kind, most), f"last: {said}"))
        return tuple(found)

    def _made(self, output: Path) -> PreparedBackup:
        self._warden.change(_ACTOR, actions.record_backup)
        self._warden.sign()
        return self._warden.view(_ACTOR, partial(actions.prepare_backup, output=output))

    def _copy(self, target: Target, made: PreparedBackup, name: str) -> bool:
        try:
            target.put(made.path, name)
            if digest_at(target, name) != made.sha256:
                raise BackupTargetUnusable(f"the backup target {target.name} gave other bytes back")
            for old in target.names()[: -self._keep]:
                target.remove(old)
        except WardenError as error:
            LOG.error("no backup reached %s: %s", target.name, error)  # noqa: TRY400  # what to do stands in it
            self._tell(BackupFailed(target=Code(target.name), cause=Code(error.code)), failed=True)
            return False
        self._tell(
            BackupCopied(target=Code(target.name), size=made.size, sha256=Digest(made.sha256)),
            failed=False,
        )
        return True

    def _fetch_newest(self, output: Path) -> None:
        found = [(name, target) for target in self._targets for name in target.names()[-1:]]
        if not found:
            raise BackupTargetUnusable("no target holds a backup yet")
        name, target = max(found, key=lambda each: each[0])
        fetch(target, name, output)

    def _tell(self, fact: BackupCopied | BackupFailed | RestoreDrilled, *, failed: bool) -> None:
        def act(change: Change) -> None:
            change.record(fact, outcome=Outcome.FAILED if failed else Outcome.DONE)

        self._warden.change(_ACTOR, act)

    def _is_due(self, kind: str, every: timedelta) -> bool:
        last = last_told(self._warden, kind)
        return last is None or self._warden.clock.now() - last >= every

    def _beside(self) -> Path:
        """Return where there is room for a copy of the database, encrypted: beside the artifacts."""
        folder = self._warden.settings.artifact_store or Path()
        folder.parent.mkdir(parents=True, exist_ok=True)
        return folder.parent


def last_told(warden: Warden, kind: str) -> datetime | None:
    """Return when something was last recorded as done; None if it never was."""
    found = warden.audit.search(type=kind, outcome="done", limit=1).items
    return moment(found[0].entry["at"]) if found else None
