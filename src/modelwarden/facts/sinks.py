"""Facts about copies of the ledger elsewhere: how far they are, and that one fell behind or differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from modelwarden.values.ids import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSealed:
    """How far a sink's far end holds the ledger for good: the next entry, and the hash of the one before (LG-9)."""

    sink: Code
    next_seq: int
    entry_hash: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkBehind:
    """A sink has been behind for more than fifteen minutes."""

    sink: Code
    entries: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkRecovered:
    """A sink that was behind holds everything again."""

    sink: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkDiffers:
    """What was read back from a sink is not what the ledger holds; the first entry that differs is named."""

    sink: Code
    seq: int
    problem: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowerStopped:
    """A follower found another entry before its position than the one it acted on, and stopped for good."""

    follower: Code
    seq: int


KINDS: Final = (
    Kind(SinkSealed, Family.LEDGER, Severity.INFO),
    Kind(SinkBehind, Family.INCIDENT, Severity.HIGH),
    Kind(SinkRecovered, Family.INCIDENT, Severity.INFO),
    Kind(SinkDiffers, Family.LEDGER, Severity.CRITICAL),
    Kind(FollowerStopped, Family.LEDGER, Severity.CRITICAL),
)
