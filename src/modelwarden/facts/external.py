"""What other systems recorded here: told by them, kept and proven by us (LG-55)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import Commitment, ComponentName, EventName, RecordId, RecordRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalRecorded:
    """Another system said that something happened; the actor is the account that handed it in.

    `user` is who it says acted: a claim, never the actor. `open` are details that an administrator chose to show.
    The severity of the entry is the record's.
    """

    record: RecordId
    ref: RecordRef
    event: EventName
    component: ComponentName
    action: Code
    occurred_at: datetime
    user: Commitment | None
    details: Commitment | None
    open: tuple[tuple[Code, Code], ...] | None


KINDS: Final = (Kind(ExternalRecorded, Family.EXTERNAL, Severity.INFO),)
