"""Erasures, holds and retention as callers get them, with handles filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access.accounts import handle_of
from modelwarden.store.erasing import shown
from modelwarden.values.privacy import ErasureAnswer, HoldAnswer, RetentionAnswer, UnlockAnswer

if TYPE_CHECKING:
    from modelwarden.privacy.erasure import Erasure
    from modelwarden.privacy.hold import Hold
    from modelwarden.privacy.retention import Retention
    from modelwarden.privacy.unlocking import Unlocked
    from modelwarden.store.change import View


def erasure_answer(view: View, erasure: Erasure) -> ErasureAnswer:
    """Return an erasure as callers see it."""
    return ErasureAnswer(
        id=erasure.id,
        user=erasure.user,
        person=erasure.person,
        basis=erasure.basis.value,
        scope=erasure.scope.value,
        state=erasure.state.value,
        reason=shown(view, erasure.reason),
        permit=erasure.permit,
        requested_by=handle_of(view, erasure.requested_by),
        requested_at=erasure.requested_at,
        done_at=erasure.done_at,
        texts=erasure.texts,
        kept=erasure.kept,
        revision=erasure.revision,
    )


def hold_answer(view: View, hold: Hold) -> HoldAnswer:
    """Return a hold as callers see it."""
    return HoldAnswer(
        id=hold.id,
        person=hold.person,
        model=hold.model,
        incident=hold.incident,
        since=hold.since,
        until=hold.until,
        reason=shown(view, hold.reason),
        placed_by=handle_of(view, hold.placed_by),
        placed_at=hold.placed_at,
        released_by=None if hold.released_by is None else handle_of(view, hold.released_by),
        released_at=hold.released_at,
        permit=hold.permit,
        revision=hold.revision,
    )


def retention_answer(view: View, found: Retention) -> RetentionAnswer:
    """Return for how long things are kept as callers see it."""
    return RetentionAnswer(
        **found.days(),
        changed_by=None if found.changed_by is None else handle_of(view, found.changed_by),
        changed_at=found.changed_at,
        revision=found.revision,
    )


def unlock_answer(_view: View, found: Unlocked) -> UnlockAnswer:
    """Return what opening texts did, as callers see it."""
    return UnlockAnswer(users=found.users, waiting=found.waiting, texts=found.texts)
