"""Counts who applied each new switch, and tells when all did, or who did not (SG-23).

The program's own acts, called by a reaction that leads in one process. What is told once is not told again: the state
of the count moves with the fact, in one change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.errors import NotPermitted
from modelwarden.facts.safeguards import SwitchConfirmed, SwitchUnconfirmed
from modelwarden.safeguards.fleet import queries
from modelwarden.safeguards.fleet.instance import (
    LISTED,
    WARNED_AFTER,
    Instance,
    Open,
    Standing,
    Tally,
    tally,
    times_ms,
)
from modelwarden.safeguards.queries import find_switch
from modelwarden.safeguards.reach import reach_of
from modelwarden.safeguards.snapshots import queries as snapshots
from modelwarden.values.ids import InstanceId, SwitchId
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import Change, Telemetry, View

NAMED: Final = 100
"""Guards that one entry names at most."""


def opened(view: View, activations: Sequence[tuple[int, dict[str, Any]]]) -> list[Open]:
    """Return what has to be counted for activations, given as entry number and fact."""
    epoch, _ = snapshots.epoch_and_size(view)
    found = []
    for seq, fact in activations:
        switch = find_switch(view, fact["switch"])
        if switch is None or view.now - switch.activated_at > LISTED:
            continue  # long ago: whoever stood by then is not known any more
        if switch.is_live:
            at, place = switch.activated_at, switch.environment.value
            found.append(Open(switch.id, place, epoch, seq, at))
    return found


def begin(telemetry: Telemetry, *, found: Sequence[Open]) -> None:
    """Begin to count."""
    queries.track(telemetry, found)


class Heard:
    """The guards of one view that were heard of in the last day, by environment and model; read once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._by_model: dict[str, dict[str, list[Instance]]] = {}
        self._types: dict[str, str | None] = {}

    def tally(self, switch: Switch, tracked: Open) -> Tally:
        """Return who confirmed a switch by now: guards of the models that it may touch."""
        reach = reach_of(switch)
        by_model = self._guards(tracked.environment)
        touched = [
            each
            for model, guards in by_model.items()
            if reach.may_touch(model, self._types.get(model))
            for each in guards
        ]
        return tally(tracked, touched, self._view.now)

    def _guards(self, environment: str) -> dict[str, list[Instance]]:
        found = self._by_model.get(environment)
        if found is None:
            found = self._by_model[environment] = {}
            since = self._view.now - LISTED
            for each in queries.instances_heard(self._view, since, environment):
                found.setdefault(each.model, []).append(each)
            self._types |= snapshots.types_of(self._view, sorted(found))
        return found


def pending(view: View) -> list[tuple[Open, Open, Tally]]:
    """Return each count that moved or has to be told: as it is kept, as it is now, and who stands how."""
    found, heard = [], Heard(view)
    for kept in queries.open_confirmations(view):
        switch = find_switch(view, kept.switch)
        if switch is None or not switch.is_live:
            found.append((kept, kept._replace(state="ended"), Tally(())))
            continue
        counted = heard.tally(switch, kept)
        now = _counted(kept, counted, view.now)
        if now != kept:
            found.append((kept, now, counted))
    return found


def settle(change: Change, *, kept: Open, now: Open, counted: Tally) -> None:
    """Keep a count whose state moved, and tell it. Raises NotPermitted."""
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("guards confirm, not a person", reasons=("not_the_program",))
    found = queries.find_confirmation(change, kept.switch)
    if found is None or found.state != kept.state:
        change.unchanged("switch", kept.switch)
        return
    queries.count(change, now)
    confirmed = counted.of(Standing.CONFIRMED)
    if now.state == "confirmed":
        p50_ms, max_ms = times_ms(kept.at, confirmed)
        change.record(
            SwitchConfirmed(
                switch=SwitchId(kept.switch),
                seq=kept.seq,
                confirmed=now.confirmed,
                expected=now.expected,
                lost=now.lost,
                p50_ms=p50_ms,
                max_ms=max_ms,
            )
        )
        return
    late = [each for each, standing in counted.standings if standing is not Standing.CONFIRMED]
    change.record(
        SwitchUnconfirmed(
            switch=SwitchId(kept.switch),
            seq=kept.seq,
            confirmed=now.confirmed,
            expected=now.expected,
            late=tuple(InstanceId(each.instance) for each in late[:NAMED]),
        )
    )


def keep_count(telemetry: Telemetry, *, found: Sequence[Open]) -> None:
    """Keep counts of which nothing has to be told."""
    for each in found:
        queries.count(telemetry, each)


def forget(telemetry: Telemetry) -> int:
    """Forget guards that are silent for a day; return how many."""
    return queries.forget_instances(telemetry, telemetry.now - LISTED)


def is_told(kept: Open, now: Open) -> bool:
    """Tell whether the step from one count to the next is one for the ledger."""
    return now.state != kept.state and now.state in {"confirmed", "unconfirmed"}


def _counted(kept: Open, counted: Tally, now: datetime) -> Open:
    state = kept.state
    if counted.is_complete:
        state = "confirmed"
    elif counted.expected and state == "open" and now - kept.at >= WARNED_AFTER:
        state = "unconfirmed"
    return kept._replace(
        state=state,
        expected=counted.expected,
        confirmed=len(counted.of(Standing.CONFIRMED)),
        lost=len(counted.of(Standing.LOST)),
    )
