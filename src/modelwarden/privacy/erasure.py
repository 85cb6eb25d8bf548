"""An erasure: whom, on what ground, how much, and whether it is done or waits for a hold (LG-61). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from modelwarden.errors import AlreadyErased
from modelwarden.values.canonical import digest
from modelwarden.values.ids import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from modelwarden.values.ids import ActorId, Commitment, ErasureId, PermitId, PersonId

ERASE: Final = "person.erase"
"""The action, as a request for it names it."""


class Basis(StrEnum):
    """On what ground a person is erased (GDPR Art. 17(1))."""

    CONSENT_WITHDRAWN = "consent_withdrawn"
    OBJECTION = "objection"
    NO_LONGER_NEEDED = "no_longer_needed"
    LEGAL_OBLIGATION = "legal_obligation"
    OTHER = "other"


class Scope(StrEnum):
    """How much goes: what tells of the person, or what the person wrote too."""

    IDENTITY = "identity"
    AUTHORED = "authored"


class ErasureState(StrEnum):
    """`on_hold → done`, or done at once."""

    ON_HOLD = "on_hold"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One erasure.

    Attributes:
        user: the account by which the person was named.
        persons, accounts: all pseudonyms and accounts of the person, as two people agreed to them. What is linked to
            the person later, and what is written later, is not part of it.
        texts: how many went, or wait to go.
        kept: words that models still need; only whose they are was forgotten.
    """

    id: ErasureId
    user: ActorId
    person: PersonId
    persons: tuple[PersonId, ...]
    accounts: tuple[ActorId, ...]
    basis: Basis
    scope: Scope
    reason: Commitment
    permit: PermitId
    state: ErasureState
    requested_by: ActorId
    requested_at: datetime
    done_at: datetime | None = None
    texts: int = 0
    kept: int = 0
    revision: int = 0

    def done(self, *, texts: int, kept: int, at: datetime) -> Erasure:
        """Return this erasure, carried out."""
        return replace(self, state=ErasureState.DONE, texts=texts, kept=kept, done_at=at)


def payload(
    user: str, *, accounts: Iterable[str], basis: Basis, scope: Scope
) -> dict[str, str | list[str]]:
    """Return exactly what is asked for: an account that is linked meanwhile makes it another question (AC-41)."""
    return {
        "user": user,
        "accounts": sorted(accounts),
        "basis": basis.value,
        "scope": scope.value,
    }


def payload_digest(asked: dict[str, str | list[str]]) -> Digest:
    """Return the digest that a permit names."""
    return Digest(digest(asked))


def check_not_erased(user: str, scope: Scope, earlier: Iterable[Erasure]) -> None:
    """Raise AlreadyErased unless this erasure would go further than all before."""
    for erasure in earlier:
        if erasure.state is ErasureState.ON_HOLD:
            raise AlreadyErased(
                user, f"{erasure.id} waits for a legal hold; it is done once that is released"
            )
        if erasure.scope is Scope.AUTHORED or scope is Scope.IDENTITY:
            raise AlreadyErased(user, f"{erasure.id} did it; nothing more is left to erase")
