"""The story of a switch, for who may read the switch: who did what, in their words, and who confirmed it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from modelwarden.access.accounts import handle_of
from modelwarden.safeguards import reads
from modelwarden.safeguards.story import queries
from modelwarden.store.erasing import shown
from modelwarden.values.clock import moment
from modelwarden.values.pages import Listing, Page, cursor_for
from modelwarden.values.switches import SwitchStepAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.store.change import View

FIRST: Final = -1
COUNTS: Final = ("confirmed", "expected", "lost", "max_ms")
EVERY: Final = frozenset({"at", "type", "actor", "fact"})
"""What every entry says."""


def story(view: View, switch_id: str, page: Page) -> Listing[SwitchStepAnswer]:
    """Return a page of what happened to a switch, oldest first; refused attempts too. Raises NotFound."""
    reads.switch(view, switch_id)
    after = FIRST if page.after_number is None else page.after_number
    rows = queries.entries_about(view, switch_id, after=after, limit=page.limit)
    told = ((row.seq, _parsed(row.body)) for row in rows)
    items = tuple(_step(view, seq, body) for seq, body in told if body is not None)
    return Listing(items, cursor_for(rows[-1].seq) if len(rows) == page.limit else None)


def _parsed(body: bytes) -> Mapping[str, Any] | None:
    """Return what a body says; None for one that was altered, which verification names."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) and value.keys() >= EVERY else None


def _step(view: View, seq: int, body: Mapping[str, Any]) -> SwitchStepAnswer:
    fact = body["fact"]
    return SwitchStepAnswer(
        entry=seq,
        at=moment(body["at"]),
        type=body["type"],
        actor=handle_of(view, body["actor"]["id"]),
        words=shown(view, fact.get("notes") or fact.get("reason")),
        verification=shown(view, fact.get("verification")),
        cause=fact.get("cause") or fact.get("rule"),
        counts={name: fact[name] for name in COUNTS if name in fact},
    )
