"""Facts about actors, rights and credentials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import (
        ActorId,
        BindingId,
        Commitment,
        DelegationId,
        Digest,
        GroupName,
        IdentityId,
        KeyId,
        PermitId,
        PersonId,
        RequestId,
        RoleName,
        TokenId,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUpCompleted:
    """The one-time link was used: the first administrator exists."""

    admin: ActorId


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAdded:
    """A human's account, or a second one of the same person."""

    user: ActorId
    person: PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUpdated:
    """Handle, e-mail or metadata of a user changed; what they are stays erasable."""

    user: ActorId


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccountAdded:
    """An account for a program; a named owner stands behind it."""

    service: ActorId
    owner: ActorId


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorSuspended:
    """No credential of this actor works until it is reactivated."""

    user: ActorId
    reason: Commitment


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorReactivated:
    """A suspended actor may act again."""

    user: ActorId


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorDeactivated:
    """For good: tokens and bindings ended in the same transaction (AC-3)."""

    user: ActorId
    reason: Commitment
    tokens: int
    bindings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonsLinked:
    """Two accounts turned out to be of one human: duties see one person from now on (AC-2)."""

    user: ActorId
    person: PersonId
    previous: PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityMapped:
    """An account in another system is this user's from now on (RL-54); `previous` is whose it was."""

    identity: IdentityId
    user: ActorId
    previous: ActorId | None
    subject: Commitment
    permit: PermitId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCreated:
    """A group of people exists from now on, without members (AC-7)."""

    group: GroupName


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMemberAdded:
    """This account belongs to the group from now on; what was asked before is not theirs to answer for it."""

    group: GroupName
    user: ActorId
    person: PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMemberRemoved:
    """This account belongs to the group no more."""

    group: GroupName
    user: ActorId
    person: PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationCreated:
    """Somebody may decide in another's stead until then (AC-20)."""

    delegation: DelegationId
    delegator: ActorId
    delegate: ActorId
    reason: Commitment
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationEnded:
    """A delegation ended before its time: somebody ended it, or one of the two accounts was deactivated."""

    delegation: DelegationId
    delegator: ActorId
    delegate: ActorId


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGranted:
    """A binding: this actor holds this role, in this scope, until then."""

    user: ActorId
    role: RoleName
    binding: BindingId
    scope: tuple[tuple[Code, Code], ...]
    expires_at: datetime | None
    reason: Commitment | None
    permit: PermitId | None
    warned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRevoked:
    """The binding ended."""

    user: ActorId
    role: RoleName
    binding: BindingId


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleDefined:
    """A custom role: permissions and included roles."""

    role: RoleName
    permissions: tuple[Code, ...]
    includes: tuple[RoleName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssued:
    """A token was shown once to whoever asked."""

    token: TokenId
    user: ActorId
    scopes: tuple[Code, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRotated:
    """A token was replaced; the old one works until its overlap ends (AC-51)."""

    token: TokenId
    successor: TokenId
    user: ActorId
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevoked:
    """A token stopped working."""

    token: TokenId
    user: ActorId


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReported:
    """Somebody found a token in the open and handed it in; it was revoked."""

    token: TokenId
    user: ActorId


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEnrolled:
    """A person's public key, with proof of possession (RL-30)."""

    key: KeyId
    user: ActorId
    person: PersonId
    valid_to: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyConfirmed:
    """Another person vouches that the key is whose it says."""

    key: KeyId
    user: ActorId
    person: PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRevoked:
    """The key signs nothing more; compromised keys also undo open approvals (RL-30)."""

    key: KeyId
    user: ActorId
    cause: Code
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCompromised:
    """The key may have signed for someone else since that time."""

    key: KeyId
    user: ActorId
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessDenied:
    """A rule said no; the action rolled back, this stays (AC-61)."""

    rule: Code
    permission: Code | None
    reasons: tuple[Code, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessUsed:
    """A sensitive permission was used, with no other fact to say so (AC-60); `texts` were opened to be searched."""

    permission: Code
    texts: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitWritten:
    """An approved sensitive request left a permit: one payload, one use, one day (AC-41)."""

    permit: PermitId
    action: Code
    payload: Digest
    requester: ActorId
    request: RequestId
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitUsed:
    """A permit was spent on exactly what was approved."""

    permit: PermitId
    action: Code
    payload: Digest


KINDS: Final = (
    Kind(SetUpCompleted, Family.ACCESS, Severity.HIGH),
    Kind(UserAdded, Family.ACCESS, Severity.INFO),
    Kind(UserUpdated, Family.ACCESS, Severity.INFO),
    Kind(ServiceAccountAdded, Family.ACCESS, Severity.INFO),
    Kind(ActorSuspended, Family.ACCESS, Severity.WARNING),
    Kind(ActorReactivated, Family.ACCESS, Severity.WARNING),
    Kind(ActorDeactivated, Family.ACCESS, Severity.WARNING),
    Kind(PersonsLinked, Family.ACCESS, Severity.WARNING),
    Kind(IdentityMapped, Family.ACCESS, Severity.WARNING),
    Kind(GroupCreated, Family.ACCESS, Severity.INFO),
    Kind(GroupMemberAdded, Family.ACCESS, Severity.WARNING),
    Kind(GroupMemberRemoved, Family.ACCESS, Severity.WARNING),
    Kind(DelegationCreated, Family.ACCESS, Severity.WARNING),
    Kind(DelegationEnded, Family.ACCESS, Severity.INFO),
    Kind(RoleGranted, Family.ACCESS, Severity.WARNING),
    Kind(RoleRevoked, Family.ACCESS, Severity.WARNING),
    Kind(RoleDefined, Family.ACCESS, Severity.WARNING),
    Kind(TokenIssued, Family.ACCESS, Severity.INFO),
    Kind(TokenRotated, Family.ACCESS, Severity.INFO),
    Kind(TokenRevoked, Family.ACCESS, Severity.INFO),
    Kind(TokenReported, Family.ACCESS, Severity.HIGH),
    Kind(KeyEnrolled, Family.ACCESS, Severity.INFO),
    Kind(KeyConfirmed, Family.ACCESS, Severity.INFO),
    Kind(KeyRevoked, Family.ACCESS, Severity.WARNING),
    Kind(KeyCompromised, Family.ACCESS, Severity.CRITICAL),
    Kind(AccessDenied, Family.ACCESS, Severity.WARNING),
    Kind(AccessUsed, Family.ACCESS, Severity.INFO),
    Kind(PermitWritten, Family.ACCESS, Severity.INFO),
    Kind(PermitUsed, Family.ACCESS, Severity.WARNING),
)
