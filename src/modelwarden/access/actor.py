"""Actors and what is kept about them: accounts, bindings, roles, tokens, keys of people. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from modelwarden.errors import ExpiryNeeded, IllegalMove, ValueInvalid
from modelwarden.values.ids import (
    HANDLE,
    ActorId,
    BindingId,
    Commitment,
    KeyId,
    PersonId,
    TokenId,
)
from modelwarden.values.principal import ActorKind, ActorStatus

TOKEN_DAYS: Final = 90
TOKEN_DAYS_MOST: Final = 365
KEY_DAYS_MOST: Final = 365
ADMIN_DAYS_MOST: Final = 365
OVERLAP_MOST: Final = timedelta(hours=24)

STATUS_MOVES: Final = {
    ActorStatus.ACTIVE: frozenset({ActorStatus.SUSPENDED, ActorStatus.DEACTIVATED}),
    ActorStatus.SUSPENDED: frozenset({ActorStatus.ACTIVE, ActorStatus.DEACTIVATED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An account. Its id alone enters entries; handle, e-mail and details are erasable texts (AC-1).

    `erased_at` says when they went for good; the id stays, and with it all that the account did (LG-61).
    """

    id: ActorId
    kind: ActorKind
    person: PersonId
    status: ActorStatus = ActorStatus.ACTIVE
    handle: Commitment
    handle_index: str
    email: Commitment | None = None
    email_index: str | None = None
    details: Commitment | None = None
    owner: ActorId | None = None
    created_at: datetime
    erased_at: datetime | None = None
    revision: int = 0

    @property
    def is_human(self) -> bool:
        """Tell whether a human signs in with this account."""
        return self.kind is ActorKind.USER

    def may_become(self, status: ActorStatus) -> None:
        """Raise IllegalMove unless the account can take this status now."""
        if status not in STATUS_MOVES.get(self.status, frozenset()):
            raise IllegalMove("user", self.status, status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A role that an actor holds, where and until when (AC-9). The empty scope is global."""

    id: BindingId
    actor: ActorId
    role: str
    scope: tuple[tuple[str, str], ...] = ()
    not_before: datetime | None = None
    expires_at: datetime | None = None
    granted_by: ActorId
    granted_person: PersonId
    reason: Commitment | None = None
    created_at: datetime
    revoked_at: datetime | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A custom role: permissions, and roles whose permissions it includes (AC-7)."""

    name: str
    permissions: tuple[str, ...]
    includes: tuple[str, ...] = ()
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A credential of an actor; the secret is known by its keyed digest alone (AC-50)."""

    id: TokenId
    actor: ActorId
    secret_digest: str
    scopes: tuple[str, ...] | None = None
    networks: tuple[str, ...] = ()
    issued_by: ActorId
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    revision: int = 0

    def is_valid(self, now: datetime) -> bool:
        """Tell whether the token works at this moment."""
        return now < self.expires_at and (self.revoked_at is None or now < self.revoked_at)


class KeyStatus(StrEnum):
    """`pending → active → revoked`."""

    PENDING = "pending"
    ACTIVE = "active"
    REVOKED = "revoked"


class Revocation(StrEnum):
    """Why a key ended; only `compromised` undoes what it signed (RL-30)."""

    SUPERSEDED = "superseded"
    LOST = "lost"
    COMPROMISED = "compromised"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonKey:
    """The public half of a person's signing key; the private half never reaches the server (AC-57).

    `lent_by` is another person who issued the token with which it was enrolled.
    """

    id: KeyId
    actor: ActorId
    person: PersonId
    pem: str
    scheme: str = "dsse"
    status: KeyStatus
    valid_from: datetime
    valid_to: datetime
    confirmed_by: ActorId | None = None
    lent_by: ActorId | None = None
    revoked_at: datetime | None = None
    revoked_as: Revocation | None = None
    revision: int = 0


def checked_handle(handle: str) -> str:
    """Return the handle if it has the form of one. Raises ValueInvalid."""
    if not HANDLE.fullmatch(handle):
        raise ValueInvalid(
            "handle",
            "lowercase letters, digits and . _ @ + -, at most 64, beginning with a letter or digit",
        )
    return handle


def token_end(now: datetime, days: int | None) -> datetime:
    """Return when a token asked for now ends. Raises ExpiryNeeded beyond a year (AC-51)."""
    days = TOKEN_DAYS if days is None else days
    if not 1 <= days <= TOKEN_DAYS_MOST:
        raise ExpiryNeeded(f"a token lives from 1 to {TOKEN_DAYS_MOST} days")
    return now + timedelta(days=days)
