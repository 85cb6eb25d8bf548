"""A legal hold: what falls under all that it names survives erasure and retention (AC-85). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from modelwarden.errors import IllegalMove, ValueInvalid
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from modelwarden.values.ids import (
        ActorId,
        Commitment,
        HoldId,
        ModelName,
        PermitId,
        PersonId,
    )


class Kept(NamedTuple):
    """A text that is kept: whose words, about whom, since when; unknown where it is older than that was noted."""

    commitment: Commitment
    author: PersonId | None
    about: PersonId | None
    at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Placed by one person, released by two. Each part that is named narrows it; one at least is.

    Attributes:
        person: words by or about this person.
        model: words in entries about this model, and what it and its versions say of themselves.
        incident: words in entries about this incident.
        since, until: words of this time.
    """

    id: HoldId
    person: PersonId | None = None
    model: ModelName | None = None
    incident: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    reason: Commitment
    placed_by: ActorId
    placed_at: datetime
    released_by: ActorId | None = None
    released_at: datetime | None = None
    permit: PermitId | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        """Check the scope. Raises ValueInvalid."""
        if not any((self.person, self.model, self.incident, self.since, self.until)):
            raise ValueInvalid("hold", "a person, model, incident or time range, or several")
        if self.incident is not None and not REFERENCE.fullmatch(self.incident):
            raise ValueInvalid("incident", "one word, such as INC-2041")
        if self.since is not None and self.until is not None and self.until < self.since:
            raise ValueInvalid("until", "a time that is not before `since`")

    def release(self, *, by: ActorId, permit: PermitId | None, at: datetime) -> Hold:
        """Return this hold, released. Raises IllegalMove."""
        self.require_placed()
        return replace(self, released_by=by, released_at=at, permit=permit)

    def require_placed(self) -> None:
        """Raise IllegalMove if it was released."""
        if self.released_at is not None:
            raise IllegalMove("hold", "released", "released")


class Reach(NamedTuple):
    """A hold, with all names of its person and all texts of its model and incident; None where it names none."""

    hold: Hold
    persons: frozenset[PersonId] | None
    named: frozenset[str] | None

    def covers(self, text: Kept) -> bool:
        """Tell whether a text falls under all that the hold names. What is not known of it counts as falling."""
        if self.persons is not None and not self.persons & {text.author, text.about}:
            return False
        if self.named is not None and text.commitment not in self.named:
            return False
        since, until = self.hold.since, self.hold.until
        if text.at is None:
            return True
        return (since is None or text.at >= timestamp(since)) and (
            until is None or text.at <= timestamp(until)
        )


def held_by(text: Kept, reaches: Iterable[Reach]) -> frozenset[HoldId]:
    """Return the holds under which a text falls."""
    return frozenset(reach.hold.id for reach in reaches if reach.covers(text))
