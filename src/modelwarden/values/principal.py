"""Who a credential stands for: the actor, the human behind it, and what it may do.

A `Principal` is made from a credential, never from an argument that a caller can choose. It carries its rights
resolved, so that a decision is a look-up; `epoch` tells whether they are still the ones in the database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.values.ids import ActorId, BindingId, PersonId


class ActorKind(StrEnum):
    """What sort of actor (AC-1)."""

    USER = "user"
    SERVICE = "service"
    THIRD_PARTY = "third_party"
    SYSTEM = "system"


class ActorStatus(StrEnum):
    """`active ↔ suspended → deactivated` (AC-1)."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"


class Via(StrEnum):
    """How the actor came in."""

    TOKEN = "token"  # noqa: S105  # a word, not a secret
    PROCESS = "process"
    SET_UP = "set_up"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One right, as a binding gives it: where and when it holds. An empty scope is global (AC-9)."""

    binding: BindingId
    role: str
    scope: tuple[tuple[str, str], ...] = ()
    not_before: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An actor with a credential and its resolved rights.

    Attributes:
        actor: random id, the only name of it in entries.
        person: the human behind; duties compare this.
        credential: id of the token, or None in process.
        token_scopes: permissions that the token was cut down to, or None for all of the owner's.
        credential_expires_at: end of the credential; None for a process that vouches.
        epoch: number of the last change to what this actor may do.
        lent_by: another person who issued the credential, and so could act with it; passed on to what it issues.
        networks: CIDR blocks that the credential is bound to; none means anywhere.
        grants: permission → the bindings that give it.
    """

    actor: ActorId
    kind: ActorKind
    person: PersonId
    via: Via
    status: ActorStatus = ActorStatus.ACTIVE
    credential: str | None = None
    credential_expires_at: datetime | None = None
    token_scopes: frozenset[str] | None = None
    epoch: int = 0
    grants: Mapping[str, tuple[Grant, ...]] = field(default_factory=lambda: MappingProxyType({}))
    roles: frozenset[str] = frozenset()
    networks: tuple[str, ...] = ()
    lent_by: ActorId | None = None

    @property
    def vouched(self) -> bool:
        """Tell whether the process, not a credential, vouches for this actor (AC-5)."""
        return self.via is Via.PROCESS

    def as_entry(self) -> dict[str, str]:
        """Return who it is as entries name it: ids alone."""
        who = {
            "kind": self.kind.value,
            "id": self.actor,
            "person": self.person,
            "via": self.via.value,
        }
        if self.credential is not None:
            who["credential"] = self.credential
        if self.vouched:
            who["vouched"] = "process"
        return who
