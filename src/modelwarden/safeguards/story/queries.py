"""The SQL of a switch's story: the entries that concern it, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, select

from modelwarden.store.schema.ledger import entries, subjects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row

    from modelwarden.store.change import View

_ABOUT: Final = (
    select(entries.c.seq, entries.c.body)
    .select_from(subjects)
    .join(entries, entries.c.seq == subjects.c.seq)
    .where(
        subjects.c.kind == "switch",
        subjects.c.id == bindparam("switch"),
        subjects.c.seq > bindparam("after"),
    )
    .order_by(subjects.c.seq)
    .limit(bindparam("limit"))
)


def entries_about(view: View, switch: str, *, after: int, limit: int) -> Sequence[Row[Any]]:
    """Return number and body of the entries that concern a switch, oldest first, behind one."""
    return view.rows(_ABOUT, {"switch": switch, "after": after, "limit": limit})
