"""The server's own keys as governed values: in force, handing over, at rest, revoked (LG-63 to LG-65, AC-81). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from modelwarden.errors import IllegalMove, ValueInvalid

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import ServerKeyId

OVERLAP: Final = timedelta(days=30)
"""How long the old log key signs beside the new one (LG-64)."""


class Purpose(StrEnum):
    """What a key of the server does."""

    LEDGER = "ledger"
    DECISION = "decision"
    ENCRYPTION = "encryption"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKey:
    """One key. `public` is a vkey, a SubjectPublicKeyInfo in base64, or the id of an encryption key.

    Attributes:
        since: when it took over; nothing for the first key.
        until: when the next one took over.
        size: for a log key, entries in the ledger when that happened.
        signs_until: for a log key, how long it signs beside the next one.
        revoked_from: since when it is not to be believed; `revoked_at` is when that was said.
        cleared_at: for an encryption key, when nothing was under it any more.
    """

    id: ServerKeyId
    purpose: Purpose
    public: str
    since: datetime | None = None
    until: datetime | None = None
    size: int | None = None
    signs_until: datetime | None = None
    revoked_at: datetime | None = None
    revoked_from: datetime | None = None
    cleared_at: datetime | None = None
    revision: int = 0

    def hand_over(self, *, at: datetime, size: int) -> ServerKey:
        """Return the key, followed by another. Raises IllegalMove."""
        if self.until is not None:
            raise IllegalMove("server key", "followed by another", "rotated")
        if self.purpose is not Purpose.LEDGER:
            return replace(self, until=at)
        return replace(self, until=at, size=size, signs_until=at + OVERLAP)

    def revoke(self, *, at: datetime, since: datetime) -> ServerKey:
        """Return the key, not to be believed since a time. Raises IllegalMove, ValueInvalid."""
        if self.purpose is Purpose.ENCRYPTION:
            raise ValueInvalid(
                "purpose", "ledger, decision or snapshot: an encryption key signs nothing"
            )
        if self.until is None:
            raise IllegalMove("server key", "current", "revoked: rotate it first")
        if self.revoked_at is not None:
            raise IllegalMove("server key", "revoked", "revoked")
        if since > at:
            raise ValueInvalid("since", "a time that has passed")
        return replace(self, revoked_at=at, revoked_from=since)

    def clear(self, *, at: datetime) -> ServerKey:
        """Return the key, under which nothing is any more."""
        return replace(self, cleared_at=at)

    @property
    def is_current(self) -> bool:
        """Tell whether no other key took over."""
        return self.until is None

    def status(self, now: datetime) -> str:
        """Return the state in a word: current, retiring, retired, revoked, cleared."""
        if self.revoked_at is not None:
            return "revoked"
        if self.until is None:
            return "current"
        if self.cleared_at is not None:
            return "cleared"
        is_at_work = self.purpose is Purpose.ENCRYPTION or (
            self.signs_until is not None and now < self.signs_until
        )
        return "retiring" if is_at_work else "retired"
