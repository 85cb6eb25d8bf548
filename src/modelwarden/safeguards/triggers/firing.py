"""Tells that a trigger fired or cleared, and acts: in one change, so that what was done and why can't come apart.

The program's own acts, called by a reaction that leads in one process; two at once fire once, since the alarm is
compared first. A switch is activated as the trigger's service account; what that account is refused becomes a proposal.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from modelwarden.access import queries as accounts
from modelwarden.access import rights
from modelwarden.errors import NotPermitted
from modelwarden.facts.kinds import Code, Severity
from modelwarden.facts.triggers import (
    ProposalLapsed,
    SeverityClassified,
    SwitchProposed,
    TriggerCleared,
    TriggerFired,
)
from modelwarden.safeguards.activating import NewSwitch, activate
from modelwarden.safeguards.switch import CHAIN, OnExpiry, SwitchAction
from modelwarden.safeguards.triggers import queries
from modelwarden.safeguards.triggers.ladder import (
    ACTING,
    Act,
    Choice,
    Step,
    refused,
)
from modelwarden.safeguards.triggers.planning import Planned, planned
from modelwarden.safeguards.triggers.proposal import LAPSES_AFTER, Firing, Proposal
from modelwarden.safeguards.triggers.signal import figure, known
from modelwarden.safeguards.triggers.trigger import TriggerState
from modelwarden.store.queueing import one_by_one
from modelwarden.values.ids import FiringId, ProposalId
from modelwarden.values.principal import ActorKind, ActorStatus, Via

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.safeguards.severity.classify import Severities
    from modelwarden.safeguards.triggers.evaluating import Turn
    from modelwarden.safeguards.triggers.judge import Alarm, Rung
    from modelwarden.safeguards.triggers.trigger import Trigger
    from modelwarden.store.change import Change, Telemetry, View
    from modelwarden.values.ids import SwitchId
    from modelwarden.values.principal import Principal

OBSERVED_FOR: Final = timedelta(days=1)
LOUDER: Final = {
    Act.NOTED: Severity.INFO,
    Act.INCIDENT: Severity.HIGH,
    Act.OBSERVED: Severity.WARNING,
    Act.PROPOSED: Severity.HIGH,
    Act.SWITCHED: Severity.HIGH,
}
"""How much the entry of a firing matters."""


def acting_for(view: View, turn: Turn, *, severities: Severities) -> Principal | None:
    """Return the service account where something is to be done by itself, else None. Raises NotPermitted.

    The person behind it has to be there: whose account is suspended or gone answers for nothing.
    """
    fired = turn.fired
    if fired is None or planned(view, turn, fired, severities).choice.act not in ACTING:
        return None
    trigger = turn.trigger
    account = None if trigger.account is None else accounts.actor_by_id(view, trigger.account)
    owner = accounts.actor_by_id(view, trigger.owner)
    about = (("trigger", trigger.name), ("model", trigger.model))
    if owner is None or owner.status is not ActorStatus.ACTIVE or view.is_frozen("actor", owner.id):
        raise NotPermitted("its owner is not active", about=about, reasons=("owner_inactive",))
    if account is None or account.status is not ActorStatus.ACTIVE or account.owner != owner.id:
        raise NotPermitted("its account is not active", about=about, reasons=("account_inactive",))
    return rights.principal_of(view, account, via=Via.PROCESS)


def tell(
    change: Change, *, turn: Turn, severities: Severities, cause: str | None = None
) -> Firing | None:
    """Tell what turned, keep it, and act; None where another process did, or the trigger is another one by now.

    `cause` says why the account may not act; then people are asked, or it is only noted. `severities` says by which
    rules it is classified.
    """
    trigger = turn.trigger
    if change.principal.kind not in {ActorKind.SYSTEM, ActorKind.SERVICE}:
        raise NotPermitted("triggers fire by themselves", reasons=("not_the_program",))
    one_by_one(change, "switches")  # as activating does: two orders could wait for each other
    one_by_one(change, "triggers")
    newest = [
        each
        for each in queries.versions_of(change, trigger.name)
        if each.state is TriggerState.IN_FORCE
    ]
    stood = {
        step: queries.find_alarm(change, trigger.name, step, turn.value) for step in turn.before
    }
    if not newest or newest[0].id != trigger.id or stood != dict(turn.before):
        change.unchanged("trigger", trigger.id)
        return None
    found = None
    if turn.fired is not None:
        found = _fire(change, planned(change, turn, turn.fired, severities), cause)
    elif turn.cleared is not None:
        _clear(change, turn, turn.cleared)
    queries.keep_alarms(
        change, trigger.name, {(step, turn.value): alarm for step, alarm in turn.after.items()}
    )
    return found


def keep(telemetry: Telemetry, *, trigger: str, alarms: Mapping[tuple[str, str], Alarm]) -> None:
    """Keep alarms of which nothing has to be told."""
    queries.keep_alarms(telemetry, trigger, alarms)


def lapsing(view: View) -> tuple[ProposalId, ...]:
    """Return some proposals whose hour is over."""
    return tuple(
        each.id
        for each in queries.lapsing(view, view.now)
        if not view.is_frozen("proposal", each.id)
    )


def lapse(change: Change, *, proposal_id: ProposalId) -> None:
    """Let a proposal lapse that nobody took up."""
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("time does this, not a person", reasons=("not_the_program",))
    found = queries.find_proposal(change, proposal_id, lock=True)
    if found is None or found.is_open(change.now) or found.state != "open":
        change.unchanged("proposal", proposal_id)
        return
    kept = change.save(found.lapsed(change.now))
    change.record(ProposalLapsed(proposal=kept.id, trigger=kept.trigger, model=kept.model))


def scope_of(trigger: Trigger, value: str) -> dict[str, str]:
    """Return the scope of a switch for a trigger: its model, and the value that it told apart (SG-48)."""
    scope = {"model": str(trigger.model)}
    return scope if trigger.by is None else scope | {trigger.by: value}


def _fire(change: Change, plan: Planned, cause: str | None) -> Firing:
    turn, rung = plan.turn, plan.rung
    trigger = turn.trigger
    if cause is None and change.principal.kind is ActorKind.SYSTEM:
        cause = "no_account"  # the program itself never stops anything
    choice = plan.choice if cause is None else refused(plan.choice, cause)
    firing_id = FiringId(change.new_id("fir"))
    switch = _switched(change, plan, choice, firing_id) if choice.act in ACTING else None
    proposal = _proposed(change, plan, choice, firing_id) if choice.act is Act.PROPOSED else None
    value = format(figure(known(turn.window.value) or 0.0), "f")
    firing = change.save(
        Firing(
            id=firing_id,
            trigger=trigger.name,
            version=trigger.version,
            model=trigger.model,
            environment=trigger.environment,
            signal=trigger.signal,
            by=trigger.by,
            by_value=turn.value or None,
            step=Step(rung.step),
            act=choice.act,
            cause=choice.cause,
            value=value,
            threshold=format(figure(rung.fire), "f"),
            n=turn.window.n,
            first_at=turn.since,
            last_at=turn.window.until,
            evidence=json.dumps(turn.evidence, sort_keys=True, separators=(",", ":")),
            share=turn.share,
            tier=plan.tier,
            base=plan.classified.base,
            severity=plan.classified.severity,
            rules=plan.classified.rules,
            switch=switch,
            proposal=None if proposal is None else proposal.id,
            fired_at=change.now,
        )
    )
    _record(change, firing, trigger, windows=len(turn.evidence))
    change.record(_classification(plan, firing))
    if proposal is not None:
        _record_proposal(change, proposal)
    return firing


def _switched(change: Change, plan: Planned, choice: Choice, firing: FiringId) -> SwitchId:
    """Activate the switch as the account that acts. Raises whatever `activate` raises."""
    turn = plan.turn
    observes = choice.act is Act.OBSERVED
    value = figure(known(turn.window.value) or 0.0)
    new = NewSwitch(
        reason=f"trigger {turn.trigger.name}, version {turn.trigger.version}: {turn.trigger.signal} {value:f}"
        f" is above {figure(plan.rung.fire):f}",
        scope=scope_of(turn.trigger, turn.value),
        environment=turn.trigger.environment,
        action=SwitchAction.OBSERVE if observes else SwitchAction.FALLBACK,
        fallback=() if observes else (CHAIN,),
        severity=plan.classified.severity,
        evidence=firing,
        expires_at=change.now + OBSERVED_FOR if observes else None,
        on_expiry=OnExpiry.RELEASE if observes else None,
        lkg_before=turn.since,
    )
    return activate(change, new).id


def _proposed(change: Change, plan: Planned, choice: Choice, firing: FiringId) -> Proposal:
    trigger = plan.turn.trigger
    return Proposal(
        id=ProposalId(change.new_id("prp")),
        firing=firing,
        trigger=trigger.name,
        model=trigger.model,
        environment=trigger.environment,
        scope=json.dumps(scope_of(trigger, plan.turn.value), sort_keys=True),
        severity=plan.classified.severity,
        cause=choice.cause or "by_people",
        lkg_before=plan.turn.since,
        proposed_at=change.now,
        lapses_at=change.now + LAPSES_AFTER,
    )


def _record(change: Change, firing: Firing, trigger: Trigger, *, windows: int) -> None:
    change.record(
        TriggerFired(
            firing=firing.id,
            trigger=firing.trigger,
            version=firing.version,
            model=firing.model,
            environment=Code(firing.environment.value),
            signal=Code(firing.signal),
            by=None if firing.by is None else Code(firing.by),
            step=Code(firing.step.value),
            act=Code(firing.act.value),
            cause=None if firing.cause is None else Code(firing.cause),
            windows=windows,
            n=firing.n,
            value=figure(float(firing.value)),
            threshold=figure(float(firing.threshold)),
            since=firing.first_at,
            until=firing.last_at,
            share=firing.share,
            severity=Code(firing.severity.value),
            owner=trigger.owner,
            switch=firing.switch,
            proposal=firing.proposal,
        ),
        severity=LOUDER[firing.act],
    )


def _classification(plan: Planned, firing: Firing) -> SeverityClassified:
    return SeverityClassified(
        firing=firing.id,
        model=firing.model,
        environment=Code(firing.environment.value),
        signal=Code(firing.signal),
        value=figure(float(firing.value)),
        share=firing.share,
        tier=firing.tier,
        base=Code(firing.base.value),
        severity=Code(firing.severity.value),
        moved=tuple(Code(word) for word in plan.classified.moved),
        rules=firing.rules,
        policies=tuple(name for name, _ in plan.classified.policies),
        policy_versions=tuple(version for _, version in plan.classified.policies),
        reason=None,
    )


def _record_proposal(change: Change, proposal: Proposal) -> None:
    kept = change.save(proposal)
    change.record(
        SwitchProposed(
            proposal=kept.id,
            firing=kept.firing,
            trigger=kept.trigger,
            model=kept.model,
            environment=Code(kept.environment.value),
            severity=Code(kept.severity.value),
            cause=Code(kept.cause),
            lkg_before=kept.lkg_before,
            lapses_at=kept.lapses_at,
        )
    )


def _clear(change: Change, turn: Turn, rung: Rung) -> None:
    trigger = turn.trigger
    change.record(
        TriggerCleared(
            trigger=trigger.name,
            version=trigger.version,
            model=trigger.model,
            environment=Code(trigger.environment.value),
            signal=Code(trigger.signal),
            step=Code(rung.step),
            n=turn.window.n,
            value=figure(known(turn.window.value) or 0.0),
            clear=figure(rung.clear),
            until=turn.window.until,
        )
    )
