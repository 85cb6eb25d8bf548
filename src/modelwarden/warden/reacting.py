"""What follows the ledger beside its sinks: each room's reaction to what others recorded, and to time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.audit import indexing
from modelwarden.reactions import (
    approvals,
    confirmations,
    drills,
    privacy,
    rewrap,
    rollouts,
    safeguards,
    slots,
    triggers,
)
from modelwarden.reactions.servicenow import KeepChanges
from modelwarden.safeguards.actions import by_triggers
from modelwarden.store.follower import Follower
from modelwarden.warden import backups

if TYPE_CHECKING:
    from modelwarden.store.follower import Step
    from modelwarden.warden.warden import Warden


def reactions_of(warden: Warden) -> tuple[Follower, ...]:
    """Return the followers, not begun. Raises what a setting of theirs that can't be does."""
    overwrite = warden.store.database.overwrite_deleted
    steps: dict[str, Step] = {
        approvals.NAME: approvals.VoidApprovals(warden),
        privacy.NAME: privacy.KeepPrivate(warden, now=warden.clock.now, overwrite=overwrite),
        rewrap.NAME: rewrap.Rewrap(warden),
        safeguards.NAME: safeguards.KeepTime(warden, judge=by_triggers),
        confirmations.NAME: confirmations.CountConfirmations(warden),
        slots.NAME: slots.KeepSlots(warden, now=warden.clock.now),
        triggers.NAME: triggers.JudgeTriggers(warden),
        rollouts.NAME: rollouts.KeepRollouts(warden, settings=warden.settings),
        drills.NAME: drills.KeepDrills(warden),
        **warden.mlflow.steps(),
        backups.NAME: backups.Backups(warden),
        indexing.NAME: indexing.KeepWords(warden),
    }
    servicenow = warden.servicenow
    if servicenow is not None:
        steps[servicenow.name] = KeepChanges(warden, servicenow)
    return tuple(Follower(name, warden.store, step) for name, step in steps.items())
