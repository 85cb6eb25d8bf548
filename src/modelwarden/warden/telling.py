"""What reads leave in the ledger: that they were refused, and that they used a sensitive permission (AC-60, AC-61)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.facts.access import AccessUsed
from modelwarden.facts.kinds import Code
from modelwarden.permissions import Permission

if TYPE_CHECKING:
    from modelwarden.errors import Refusal
    from modelwarden.store.change import Change


def refuse(_change: Change, *, refusal: Refusal) -> None:
    """Raise the refusal inside a change, which records it (AC-61)."""
    raise refusal


def record_use(change: Change, *, used: frozenset[str], opened: int) -> None:
    """Record that sensitive permissions were used, and how many erasable texts were read (AC-60)."""
    for permission in sorted(used):
        texts = opened if opened and permission == Permission.PERSONAL_READ else None
        change.record(AccessUsed(permission=Code(permission), texts=texts))
