"""An account in another system, and the user it belongs to (RL-54). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from modelwarden.errors import ValueInvalid
from modelwarden.values.canonical import digest
from modelwarden.values.ids import Digest

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import ActorId, Commitment, IdentityId

MAP: Final = "identity.map"
"""The sensitive action that says whose an account is (AC-40)."""
ISSUER: Final = re.compile(r"https?://[a-z0-9.:\[\]-]{1,110}")
SUBJECT: Final = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One account in another system.

    Attributes:
        issuer: the system, as `https://github.com`.
        subject: the account's immutable id there, as words that can be erased.
        subject_index: the keyed digest of both, under which it is found.
    """

    id: IdentityId
    issuer: str
    subject: Commitment
    subject_index: str
    actor: ActorId
    mapped_by: ActorId
    mapped_at: datetime
    revision: int = 0

    def moved(self, to: ActorId, *, by: ActorId, at: datetime) -> Identity:
        """Return this account as another user's."""
        return replace(self, actor=to, mapped_by=by, mapped_at=at)


def check(issuer: str, subject: str) -> None:
    """Raise ValueInvalid unless both have their form."""
    if not ISSUER.fullmatch(issuer):
        raise ValueInvalid("issuer", "the system's address in small letters, as https://github.com")
    if not SUBJECT.fullmatch(subject):
        raise ValueInvalid("subject", "the account's immutable id there, as 583231")


def map_payload(user: ActorId, *, issuer: str, subject: str) -> Digest:
    """Return the digest of exactly this mapping, as an approval request names it (AC-41)."""
    return Digest(digest({"user": user, "issuer": issuer, "subject": subject}))
