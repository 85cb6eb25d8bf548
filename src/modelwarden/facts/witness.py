"""Facts about outside witnesses: one refuses what this ledger signed, or agrees again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, KeyText, Kind, Severity

if TYPE_CHECKING:
    from modelwarden.values.ids import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessDisagreed:
    """A witness knows another ledger of this name than the one that it was shown; both notes are kept (LG-53).

    `proven` says that the witness showed a checkpoint which our own log key signed, of the size and root given here.
    Without that it is the witness's word against ours.
    """

    witness: KeyText
    cause: Code
    size: int
    root: Digest
    proven: bool
    known_size: int | None = None
    known_root: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessAgreed:
    """A witness that disagreed has cosigned a checkpoint again."""

    witness: KeyText
    size: int


KINDS: Final = (
    Kind(WitnessDisagreed, Family.LEDGER, Severity.CRITICAL),
    Kind(WitnessAgreed, Family.LEDGER, Severity.INFO),
)
