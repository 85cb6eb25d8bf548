"""Facts about the server's own keys: one took over, one no longer counts, one protects nothing any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, KeyText, Kind, Severity

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import PermitId


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerKeyRotated:
    """A new log key signs checkpoints; the old one signs beside it until a time (LG-64).

    Keys in the form of `sumdb/note`. `size` is the ledger's before this entry, or a little less.
    """

    old: KeyText
    new: KeyText
    size: int
    signs_until: datetime
    permit: PermitId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerKeyRevoked:
    """A log key is not to be believed since a time: its checkpoints of more than `size` entries count only witnessed.

    `size` is how many entries the ledger had at that time (LG-65).
    """

    key: KeyText
    since: datetime
    size: int
    permit: PermitId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKeyRotated:
    """A new server key signs manifests and decisions. Keys as SubjectPublicKeyInfo in base64 (LG-63)."""

    old: KeyText
    new: KeyText
    permit: PermitId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKeyRevoked:
    """A server key is not to be believed since a time."""

    key: KeyText
    since: datetime
    permit: PermitId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotKeyRotated:
    """A new key signs snapshots; the first one follows none (SG-18).

    `handover` is the old key's signature in base64 over the statement that names both, for guards that know the old
    one.
    """

    old: KeyText | None
    new: KeyText
    handover: KeyText | None
    permit: PermitId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotKeyRevoked:
    """A key that signed snapshots is not to be believed since a time, nor is what it said of its successor."""

    key: KeyText
    since: datetime
    permit: PermitId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionKeyRotated:
    """A new key wraps the keys of texts; what is under the old one is moved in the background (AC-81)."""

    old: Code
    new: Code
    permit: PermitId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionKeyCleared:
    """Nothing in the database is under an older encryption key any more; backups that it sealed still need it."""

    key: Code


KINDS: Final = (
    Kind(LedgerKeyRotated, Family.LEDGER, Severity.HIGH),
    Kind(LedgerKeyRevoked, Family.LEDGER, Severity.CRITICAL),
    Kind(ServerKeyRotated, Family.LEDGER, Severity.HIGH),
    Kind(ServerKeyRevoked, Family.LEDGER, Severity.CRITICAL),
    Kind(SnapshotKeyRotated, Family.LEDGER, Severity.HIGH),
    Kind(SnapshotKeyRevoked, Family.LEDGER, Severity.CRITICAL),
    Kind(EncryptionKeyRotated, Family.LEDGER, Severity.HIGH),
    Kind(EncryptionKeyCleared, Family.LEDGER, Severity.INFO),
)
