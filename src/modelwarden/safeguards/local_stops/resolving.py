"""What people decide about a local stop: adopting makes a switch of it, dropping ends it (SG-13, SG-17).

Either tells the guards that carry a switch on, by the signed snapshot, that they need not any more. A stop file is its
machine's: it goes on blocking there until somebody removes it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access import duties
from modelwarden.access.allowed import acting_persons
from modelwarden.errors import NotFound, OwnerRelease
from modelwarden.facts.kinds import Code
from modelwarden.facts.safeguards import LocalStopAdopted, LocalStopDropped
from modelwarden.safeguards.activating import Activation, NewSwitch, activate, checked_words
from modelwarden.safeguards.authority import OWNER, about, authorize_release, owns_some
from modelwarden.safeguards.local_stops import queries
from modelwarden.safeguards.local_stops.reads import may_see
from modelwarden.safeguards.reach import reach_of, registrable

if TYPE_CHECKING:
    from modelwarden.safeguards.local_stops.stop import LocalStop
    from modelwarden.safeguards.switch import SwitchSeverity
    from modelwarden.store.change import Change

PERSON: Final = Code("person")


class Adopted(NamedTuple):
    """A local stop, and the switch that was made of it."""

    stop: LocalStop
    activation: Activation


def adopt_local_stop(
    change: Change,
    stop_id: str,
    *,
    reason: str,
    severity: SwitchSeverity | None = None,
    everything: bool = False,
) -> Adopted:
    """Make a switch of what a guard blocks by itself, so that every guard does.

    Args:
        change: the change.
        stop_id: the local stop.
        reason: why it stays.
        severity: of the switch; what was carried keeps its own, and may only be made graver.
        everything: what it carries stops a whole environment, on purpose.

    Raises NotFound, SwitchNotActive, and whatever `activate` raises.
    """
    stop = _locked(change, stop_id)
    stop.require_standing()
    new = _switch_of(stop, severity)
    activation = activate(change, replace(new, reason=reason, everything=everything))
    words = change.text(reason.strip())
    adopted = change.save(stop.adopt(activation.id, by=change.actor, at=change.now, notes=words))
    change.record(
        LocalStopAdopted(
            stop=adopted.id,
            kind=Code(adopted.kind),
            environment=Code(adopted.environment),
            models=registrable(reach_of(adopted.as_switch()).models),
            switch=activation.id,
            notes=words,
        )
    )
    return Adopted(adopted, activation)


def drop_local_stop(change: Change, stop_id: str, *, notes: str) -> LocalStop:
    """Say that a local stop need not be kept up; guards end one that they carry, a file stays where it is.

    It takes what releasing takes: the permission, and a person; for what took two people to release, not the owner of a
    model that it stops.

    Raises NotFound, NotPermitted, ReasonRequired, SwitchNotActive, OwnerRelease.
    """
    stop = _locked(change, stop_id)
    form = stop.as_switch()
    authorize_release(change, form)
    checked_words("notes", notes)
    stop.require_standing()
    persons = acting_persons(change)
    if stop.is_grave and owns_some(change, persons, form):
        told = (("local_stop", stop.id), *about(form)[1:])
        duties.check(persons, barred={OWNER: persons}, rule=OwnerRelease, about=told)
    words = change.text(notes.strip())
    dropped = change.save(stop.drop(by=change.actor, at=change.now, notes=words))
    change.record(
        LocalStopDropped(
            stop=dropped.id,
            kind=Code(dropped.kind),
            environment=Code(dropped.environment),
            models=registrable(reach_of(form).models),
            cause=PERSON,
            notes=words,
        )
    )
    return dropped


def _locked(change: Change, stop_id: str) -> LocalStop:
    stop = queries.locked_stop(change, stop_id)
    if stop is None or not may_see(change, [stop]):
        raise NotFound("local_stop", stop_id)
    return stop


def _switch_of(stop: LocalStop, severity: SwitchSeverity | None) -> NewSwitch:
    form = stop.as_switch()
    return NewSwitch(
        reason="",
        scope=_conditions(form.scope),
        exception=_conditions(form.exception),
        environment=form.environment,
        action=form.action,
        fallback=form.fallback,
        severity=_graver(stop, severity),
        unknown=form.unknown,
        lkg_before=form.lkg_before,
        allow_unknown=True,
    )


def _graver(stop: LocalStop, severity: SwitchSeverity | None) -> SwitchSeverity:
    """Return the severity of the switch: a carried one is not made milder by being adopted."""
    if severity is None:
        return stop.severity
    return severity if stop.carried is None else min(severity, stop.severity)


def _conditions(text: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(text)
    return found
