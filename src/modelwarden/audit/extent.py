"""Which entries are meant: by their numbers, or by their times (LG-40)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.audit import queries
from modelwarden.audit.search import as_filter
from modelwarden.errors import FilterInvalid

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.store.change import View


def numbers(
    view: View,
    *,
    first: int = 0,
    last: int | None = None,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
) -> tuple[int, int | None]:
    """Return the first and the last entry that are meant; None for the newest.

    Times, ends included, mean every entry between the first and the last of that time: clocks step back at times, and
    the order is that of the numbers (LG-13). The search index gives them.

    Raises FilterInvalid for numbers beside times, or out of order, and for a time in which nothing happened.
    """
    if first < 0 or (last is not None and last < first):
        raise FilterInvalid("first and last", "sequence numbers in order, from 0")
    if since is None and until is None:
        return first, last
    if first or last is not None:
        raise FilterInvalid("since and until", "given without first and last: times or numbers")
    wanted = as_filter({"since": since, "until": until})
    found = queries.numbers_within(view, since=wanted.since, until=wanted.until)
    if found is None:
        raise FilterInvalid("since and until", "a time in which something was recorded")
    return found[0], found[1] if until is not None else None
