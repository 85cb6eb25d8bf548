"""Facts about the ledger itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, KeyText, Kind, OriginName, Severity

if TYPE_CHECKING:
    from modelwarden.values.ids import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStarted:
    """Entry 0: the ledger's name and the keys that speak for it (LG-21).

    A ledger that was begun after all copies of another were lost names that one's last checkpoint: size, root, SHA-256
    of the signed note; `predecessor_known` is the largest size of it that is known to have been signed (LG-47).
    """

    origin: OriginName
    epoch: int
    log_key: KeyText
    server_key: KeyText
    predecessor: OriginName | None = None
    predecessor_size: int | None = None
    predecessor_root: Digest | None = None
    predecessor_checkpoint: Digest | None = None
    predecessor_known: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectsCarried:
    """Objects came over from the ledger before, each at its revision; the entry names them (LG-47)."""

    kind: Code
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsCarried:
    """Attached rows came over from the ledger before: how many, and the digest of them all (LG-47)."""

    table: Code
    rows: int
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerVerified:
    """Somebody verified a range and found nothing wrong."""

    first: int
    last: int
    root: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerVerificationFailed:
    """Somebody verified a range and found problems; the first ones are named."""

    first: int
    last: int
    problems: int
    codes: tuple[Code, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerExported:
    """A range left the house: with all that proves it, or in a form for other programs."""

    first: int
    last: int
    manifest: Digest
    form: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupMade:
    """A consistent snapshot is being written; it holds this entry, so nothing before it is lost with the database.

    `size` and `root` are those of the newest checkpoint before it.
    """

    size: int
    root: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupCopied:
    """A backup lies at a target and was read back: the digest of what came is that of what went (AC-87)."""

    target: Code
    size: int
    sha256: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFailed:
    """A backup did not reach a target, or came back different."""

    target: Code
    cause: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreDrilled:
    """The newest backup was opened in a throwaway database and verified; or, if it failed, why not (AC-87)."""

    size: int
    root: Digest | None
    cause: Code | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRestored:
    """A verified backup was put in place; nothing known to be signed was lost (LG-46)."""

    size: int
    root: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStarted:
    """The ledger goes on from a backup: what it had, what was taken from a copy, what is frozen (LG-46).

    Attributes:
        size, known: entries of the backup, and the largest size that was known to be signed.
        taken: entries from a copy; `unsigned` of them no checkpoint covers, `left` the copies hold and were left there.
        frozen, objects: how many objects are in an older state than the ledger tells, and the digest of their list.
    """

    epoch: int
    cause: Code
    size: int
    known: int
    taken: int
    unsigned: int
    left: int
    frozen: int
    objects: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectAccepted:
    """The host let an object stand in the state that a restore brought back; the entry names it."""

    kind: Code
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStepped:
    """The clock went back by more than five seconds between two batches (LG-13)."""

    seconds: int


KINDS: Final = (
    Kind(LedgerStarted, Family.LEDGER, Severity.INFO),
    Kind(ObjectsCarried, Family.LEDGER, Severity.INFO),
    Kind(RowsCarried, Family.LEDGER, Severity.INFO),
    Kind(LedgerVerified, Family.LEDGER, Severity.INFO),
    Kind(LedgerVerificationFailed, Family.LEDGER, Severity.CRITICAL),
    Kind(LedgerExported, Family.ACCESS, Severity.INFO),
    Kind(BackupMade, Family.LEDGER, Severity.INFO),
    Kind(BackupCopied, Family.LEDGER, Severity.INFO),
    Kind(BackupFailed, Family.INCIDENT, Severity.HIGH),
    Kind(RestoreDrilled, Family.LEDGER, Severity.INFO),
    Kind(LedgerRestored, Family.LEDGER, Severity.HIGH),
    Kind(EpochStarted, Family.LEDGER, Severity.HIGH),
    Kind(ObjectAccepted, Family.LEDGER, Severity.HIGH),
    Kind(ClockStepped, Family.LEDGER, Severity.WARNING),
)
