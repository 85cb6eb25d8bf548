"""What follows the ledger beside its sinks: each room's reaction to what others recorded, and to time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.audit import indexing
from modelwarden.notify import telling
from modelwarden.notify.address import Egress
from modelwarden.notify.post import Line
from modelwarden.reactions import (
    approvals,
    confirmations,
    drills,
    emergencies,
    privacy,
    rewrap,
    rollouts,
    safeguards,
    slots,
    triggers,
)
from modelwarden.reactions.github import NAME as GITHUB
from modelwarden.reactions.github import KeepPulls
from modelwarden.reactions.servicenow import KeepChanges
from modelwarden.safeguards.actions import by_triggers
from modelwarden.store.follower import Follower
from modelwarden.warden import backups

if TYPE_CHECKING:
    from modelwarden.store.follower import Step
    from modelwarden.warden.warden import Warden


def reactions_of(warden: Warden) -> tuple[Follower, ...]:
    """Return the followers, not begun. Raises what a setting of theirs that can't be does."""
    line = Line(Egress(warden.settings.endpoint_allow), deadline_s=telling.DEADLINE_S)
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
        emergencies.NAME: emergencies.KeepEmergencies(warden, settings=warden.settings),
        drills.NAME: drills.KeepDrills(warden),
        **warden.mlflow.steps(),
        telling.NAME: telling.TellTargets(warden, line),
        backups.NAME: backups.Backups(warden),
        indexing.NAME: indexing.KeepWords(warden),
    }
    github = warden.github
    if github is not None:
        steps[GITHUB] = KeepPulls(warden, github.own_site, github.own_source)
    servicenow = warden.servicenow
    if servicenow is not None:
        steps[servicenow.name] = KeepChanges(warden, servicenow)
    return tuple(Follower(name, warden.store, step) for name, step in steps.items())
