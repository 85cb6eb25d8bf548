"""One person's signed answer to a request. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import (
        ActorId,
        Commitment,
        DecisionId,
        DelegationId,
        Digest,
        PersonId,
        RequestId,
    )


class Answer(StrEnum):
    """What a person says."""

    APPROVE = "approve"
    REJECT = "reject"


class Custody(StrEnum):
    """Whose key made the signature (RL-31, AC-5)."""

    PERSONAL = "personal"
    """A key that the person alone holds."""
    TOKEN = "token"  # noqa: S105  # a word, not a secret
    """The server's key, for a decision that came with a personal token."""
    PROCESS = "process"
    """The server's key, for a decision that an embedding process vouched for."""
    POLICY = "policy"
    """The server's key, for a seat that a policy filled by itself: nobody decided (RL-42)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One seat's answer, with the envelope that proves it: a DSSE line, LF left out (RL-26).

    With a delegation it was given in the delegator's stead: the seat is theirs, the signature the delegate's (RL-18).
    """

    id: DecisionId
    request: RequestId
    seat: int
    actor: ActorId
    person: PersonId
    verdict: Answer
    comment: Commitment | None
    keyid: str
    custody: Custody
    envelope: str
    envelope_digest: Digest
    issued_at: datetime
    decided_at: datetime
    withdrawn_at: datetime | None = None
    delegation: DelegationId | None = None
    delegator: ActorId | None = None
    delegator_person: PersonId | None = None
    revision: int = 0

    @property
    def seated(self) -> ActorId:
        """Return the account by whose right the seat is filled."""
        return self.actor if self.delegator is None else self.delegator

    @property
    def stands(self) -> bool:
        """Tell whether the answer was not taken back."""
        return self.withdrawn_at is None

    @property
    def is_human(self) -> bool:
        """Tell whether a person gave it."""
        return self.custody is not Custody.POLICY

    def withdraw(self, *, at: datetime) -> Decision:
        """Return this decision, taken back."""
        return replace(self, withdrawn_at=at)
