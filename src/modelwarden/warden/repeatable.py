"""Writes that may be sent again: the first is done and kept under its key, the next is answered from it (AC-72).

What is kept stands in the action's own transaction: the digest of the request, the id of what came of it, its entry.
Never the answer: a repeat reads the thing again, under the caller's rights. What was refused is not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from modelwarden.errors import IdempotencyConflict
from modelwarden.store import idempotency

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.store.change import Change, View

T = TypeVar("T")


class Key(NamedTuple):
    """Under what a call is kept: its scope (actor, method, path and key in one digest), and its body's digest."""

    scope: str
    request_digest: str


def once(
    change: Change,
    action: Callable[[Change], tuple[str, T]],
    *,
    key: Key,
    again: Callable[[View, str], T],
) -> tuple[T, bool]:
    """Run the action, or answer from its first run; say which by the second value: True for a repeat.

    Args:
        change: the change.
        action: answers with the id of what it made or changed, and the value.
        key: under what it is kept.
        again: reads the value of that id.

    Raises IdempotencyConflict when the key was used for another body.
    """
    kept = idempotency.find(change, key.scope)
    if kept is not None:
        if kept.request_digest != key.request_digest:
            raise IdempotencyConflict(
                "this Idempotency-Key was used for another body; take a fresh one for each call"
            )
        change.stands_at = kept.seq
        return again(change, kept.answer), True
    found, value = action(change)
    if change.drafts:  # what wrote nothing is the same when it comes again
        idempotency.keep(change, key.scope, request_digest=key.request_digest, answer=found)
    return value, False
