"""Facts about personal data: who was erased, what is held, how long things are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import (
        ActorId,
        Commitment,
        ErasureId,
        HoldId,
        ModelName,
        PermitId,
        PersonId,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonErased:
    """Words about a person, and those that the person wrote if the scope says so, are gone for good (LG-61).

    `persons` are all pseudonyms that the person was known by, `users` the accounts; words of after `until` are not part
    of it. `kept` counts the person's words that models still need, of which only the author was forgotten.
    """

    erasure: ErasureId
    persons: tuple[PersonId, ...]
    users: tuple[ActorId, ...]
    basis: Code
    scope: Code
    until: datetime
    texts: int
    kept: int
    reason: Commitment
    permit: PermitId


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureQueued:
    """An erasure that was permitted waits for the release of legal holds (AC-85)."""

    erasure: ErasureId
    persons: tuple[PersonId, ...]
    holds: tuple[HoldId, ...]
    texts: int
    basis: Code
    scope: Code
    reason: Commitment
    permit: PermitId


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPlaced:
    """What falls under all that is named here survives erasure and retention, until two people release it."""

    hold: HoldId
    person: PersonId | None
    model: ModelName | None
    incident: Code | None
    since: datetime | None
    until: datetime | None
    reason: Commitment


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReleased:
    """A legal hold ended; what waited for it is erased."""

    hold: HoldId
    person: PersonId | None
    model: ModelName | None
    permit: PermitId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionChanged:
    """For how many days each kind of data is kept from now on (AC-84)."""

    texts: int
    leavers: int
    sessions: int
    deliveries: int
    shortened: bool
    permit: PermitId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionApplied:
    """What was over its days is gone: texts, and the personal fields of these accounts; `held` texts stay."""

    texts: int
    held: int
    users: tuple[ActorId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextsUnlocked:
    """Texts from before the ledger began anew open again; these people's erasures were applied first (LG-47)."""

    users: tuple[ActorId, ...]
    texts: int
    permit: PermitId


KINDS: Final = (
    Kind(PersonErased, Family.LEDGER, Severity.HIGH),
    Kind(ErasureQueued, Family.LEDGER, Severity.HIGH),
    Kind(HoldPlaced, Family.LEDGER, Severity.WARNING),
    Kind(HoldReleased, Family.LEDGER, Severity.HIGH),
    Kind(RetentionChanged, Family.LEDGER, Severity.HIGH),
    Kind(TextsUnlocked, Family.LEDGER, Severity.HIGH),
    Kind(RetentionApplied, Family.LEDGER, Severity.INFO),
)
