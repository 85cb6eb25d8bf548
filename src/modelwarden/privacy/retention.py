"""For how many days each kind of data is kept, and what of it is due (AC-84). Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.privacy.hold import held_by
from modelwarden.values.canonical import digest
from modelwarden.values.ids import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from modelwarden.privacy.hold import Kept, Reach
    from modelwarden.values.ids import ActorId, Commitment

CHANGE: Final = "retention.change"
"""The action, as a request for it names it."""
ID: Final = "retention"
DAYS: Final[Mapping[str, int]] = MappingProxyType(
    {"texts": 2_555, "leavers": 365, "sessions": 30, "deliveries": 90}
)
"""Kind → days, until somebody changes them."""
LONGEST: Final = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Days by kind. Entries of the ledger are kept for good, whatever stands here (LG-62).

    Attributes:
        texts: words behind entries, since they were written, unless something in use still names them.
        leavers: what identifies a person, since the last of their accounts was deactivated.
        sessions: one-time secrets of sign-in and enrolment, since they ended.
        deliveries: what was sent to whom, since it was.
    """

    id: str = ID
    texts: int = DAYS["texts"]
    leavers: int = DAYS["leavers"]
    sessions: int = DAYS["sessions"]
    deliveries: int = DAYS["deliveries"]
    changed_by: ActorId | None = None
    changed_at: datetime | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        """Check the days. Raises ValueInvalid."""
        for kind, days in self.days().items():
            if not 1 <= days <= LONGEST:
                raise ValueInvalid(kind, f"whole days from 1 to {LONGEST:,}")

    def days(self) -> dict[str, int]:
        """Return kind → days."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name in DAYS}

    def changed(self, days: Mapping[str, int], *, by: ActorId, at: datetime) -> Retention:
        """Return this with other days. Raises ValueInvalid."""
        unknown = sorted(set(days) - set(DAYS))
        if unknown or not all(type(each) is int for each in days.values()):
            raise ValueInvalid("retention", f"days for some of {', '.join(DAYS)}")
        return replace(self, **days, changed_by=by, changed_at=at)  # type: ignore[arg-type]  # names were checked

    def is_shorter_than(self, before: Retention) -> bool:
        """Tell whether anything is kept for less time than before."""
        was = before.days()
        return any(days < was[kind] for kind, days in self.days().items())

    def cutoff(self, kind: str, *, now: datetime) -> datetime:
        """Return the time up to which data of a kind is over its days."""
        return now - timedelta(days=self.days()[kind])

    @property
    def digest(self) -> Digest:
        """Return the digest of the days, as a permit names it (AC-41)."""
        return Digest(digest(self.days()))


class Plan(NamedTuple):
    """What one run erases, and how many texts it leaves because of holds."""

    erase: tuple[Commitment, ...]
    held: int


def plan(due: Iterable[Kept], *, reaches: Iterable[Reach], needed: AbstractSet[str]) -> Plan:
    """Return which of the texts that are over their days go: not those that are needed, nor those that are held."""
    holds = tuple(reaches)
    erase, held = [], 0
    for text in due:
        if text.commitment in needed:
            continue
        if held_by(text, holds):
            held += 1
        else:
            erase.append(text.commitment)
    return Plan(tuple(erase), held)
