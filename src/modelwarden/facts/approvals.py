"""Facts about requests and the people who answered them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import (
        Commitment,
        DecisionId,
        DelegationId,
        Digest,
        GroupName,
        KeyId,
        ModelName,
        PersonId,
        PolicyName,
        RequestId,
        UseCaseName,
        VersionName,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested:
    """The question was put: `basis` is the digest of all that approvers will sign (RL-15)."""

    request: RequestId
    kind: Code
    model: ModelName | None
    version: VersionName | None
    environment: Code
    strategy: Code | None
    action: Code | None
    payload: Digest | None
    requester: PersonId
    justification: Commitment
    seats: int
    humans: int
    policies: tuple[PolicyName, ...]
    basis: Digest
    expires_at: datetime
    use_case: UseCaseName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDecided:
    """One person's signed answer for one seat, `delegator`'s if in their stead; `state` is the request's afterwards."""

    request: RequestId
    decision: DecisionId
    model: ModelName | None
    version: VersionName | None
    environment: Code
    seat: int
    person: PersonId
    verdict: Code
    comment: Commitment | None
    key: KeyId
    custody: Code
    envelope: Digest
    state: Code
    use_case: UseCaseName | None = None
    delegation: DelegationId | None = None
    delegator: PersonId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionWithdrawn:
    """A person took the answer back while the request was open."""

    request: RequestId
    decision: DecisionId
    model: ModelName | None
    version: VersionName | None
    seat: int
    person: PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalWithdrawn:
    """Whoever asked took the question back."""

    request: RequestId
    model: ModelName | None
    version: VersionName | None
    environment: Code
    use_case: UseCaseName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalVoided:
    """Something that was signed no longer holds; `cause` says what (RL-17)."""

    request: RequestId
    model: ModelName | None
    version: VersionName | None
    environment: Code
    cause: Code
    fields: tuple[Code, ...]
    was: Code
    live: bool
    use_case: UseCaseName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalExpired:
    """Time ran out: an open request expired or was rejected as `became` says, or an approval became void (RL-17)."""

    request: RequestId
    model: ModelName | None
    version: VersionName | None
    environment: Code
    was: Code
    live: bool
    use_case: UseCaseName | None = None
    became: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalReminded:
    """Half of the time in which an answer is due is over, and these seats have none (RL-19)."""

    request: RequestId
    model: ModelName | None
    version: VersionName | None
    environment: Code
    seats: tuple[int, ...]
    due_at: datetime
    use_case: UseCaseName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalEscalated:
    """An answer is due, and these seats have none; members of these groups may fill them from now on (RL-19)."""

    request: RequestId
    model: ModelName | None
    version: VersionName | None
    environment: Code
    seats: tuple[int, ...]
    groups: tuple[GroupName, ...]
    due_at: datetime
    use_case: UseCaseName | None


KINDS: Final = (
    Kind(ApprovalRequested, Family.CHANGE, Severity.INFO),
    Kind(ApprovalDecided, Family.CHANGE, Severity.INFO),
    Kind(DecisionWithdrawn, Family.CHANGE, Severity.WARNING),
    Kind(ApprovalWithdrawn, Family.CHANGE, Severity.INFO),
    Kind(ApprovalVoided, Family.CHANGE, Severity.WARNING),
    Kind(ApprovalExpired, Family.CHANGE, Severity.WARNING),
    Kind(ApprovalReminded, Family.CHANGE, Severity.INFO),
    Kind(ApprovalEscalated, Family.CHANGE, Severity.WARNING),
)
