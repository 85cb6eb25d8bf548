"""What people do about firings: put a proposed switch in force by one press, or say how bad it is (SG-48, SG-52)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modelwarden.access.allowed import authorize, require_person
from modelwarden.errors import NotFound
from modelwarden.facts.kinds import Code
from modelwarden.facts.triggers import ProposalAccepted, SeverityClassified
from modelwarden.permissions import Permission
from modelwarden.registry.reads import model as readable_model
from modelwarden.registry.reads import resource_of
from modelwarden.safeguards.activating import NewSwitch, activate, checked_words
from modelwarden.safeguards.switch import CHAIN, SwitchAction
from modelwarden.safeguards.triggers import queries
from modelwarden.safeguards.triggers.reads import may_read
from modelwarden.safeguards.triggers.signal import figure
from modelwarden.store.queueing import one_by_one

if TYPE_CHECKING:
    from modelwarden.safeguards.switch import SwitchSeverity
    from modelwarden.safeguards.triggers.proposal import Firing, Proposal
    from modelwarden.store.change import Change


def accept(change: Change, proposal_id: str, *, reason: str | None = None) -> Proposal:
    """Put a proposed switch in force as it was proposed: one press by a person with `switch.activate`.

    Raises NotFound, NotPermitted, ProposalOver, and whatever `activate` raises.
    """
    one_by_one(change, "switches")
    found = queries.find_proposal(change, proposal_id, lock=True)
    if found is None or not may_read(change, found.model, found.environment.value):
        authorize(change, Permission.SWITCH_ACTIVATE)
        raise NotFound("proposal", proposal_id)
    _authorize(change, found)
    found.require_open(change.now)
    new = NewSwitch(
        reason=reason or f"proposed by the trigger {found.trigger}",
        scope=json.loads(found.scope),
        environment=found.environment,
        action=SwitchAction.FALLBACK,
        fallback=(CHAIN,),
        severity=found.severity,
        evidence=found.firing,
        lkg_before=found.lkg_before,
    )
    switch = activate(change, new).id
    kept = change.save(found.accepted(by=change.actor, at=change.now, switch=switch))
    change.record(
        ProposalAccepted(proposal=kept.id, trigger=kept.trigger, model=kept.model, switch=switch)
    )
    return kept


def override_severity(
    change: Change, firing_id: str, *, severity: SwitchSeverity, reason: str
) -> Firing:
    """Say how bad a firing is, instead of the rules. Switches that stand stay as severe as they are.

    Raises NotFound, NotPermitted, ReasonRequired.
    """
    found = queries.find_firing(change, firing_id, lock=True)
    if found is None or not may_read(change, found.model, found.environment.value):
        authorize(change, Permission.SWITCH_ACTIVATE)
        raise NotFound("firing", firing_id)
    _authorize(change, found)
    words = change.text(checked_words("reason", reason))
    kept = change.save(found.overridden(severity, by=change.actor, at=change.now, reason=words))
    change.record(
        SeverityClassified(
            firing=kept.id,
            model=kept.model,
            environment=Code(kept.environment.value),
            signal=Code(kept.signal),
            value=figure(float(kept.value)),
            share=kept.share,
            tier=kept.tier,
            base=Code(kept.base.value),
            severity=Code(kept.severity.value),
            moved=(Code("person"),),
            rules=kept.rules,
            policies=(),
            policy_versions=(),
            reason=words,
        )
    )
    return kept


def _authorize(change: Change, found: Proposal | Firing) -> None:
    """Refuse whoever is no person that may stop the model."""
    model = readable_model(change, found.model)
    authorize(change, Permission.SWITCH_ACTIVATE, on=resource_of(model, found.environment.value))
    require_person(change)
