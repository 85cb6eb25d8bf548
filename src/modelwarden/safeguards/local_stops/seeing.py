"""Local stops come and go with what guards report; each appearance is told once (SG-13, SG-17).

The program's own acts, called by a reaction that leads in one process. Reports are telemetry that a guard's token alone
vouches for, so what one model's guards may bring into the ledger is bounded.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import NotPermitted
from modelwarden.facts.kinds import Code
from modelwarden.facts.safeguards import LocalStopDropped, LocalStopEnded, LocalStopSeen
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.fleet import queries as fleet
from modelwarden.safeguards.fleet.instance import LISTED
from modelwarden.safeguards.local_stops import queries
from modelwarden.safeguards.local_stops.stop import (
    Form,
    LocalStop,
    StopState,
    form_of,
    rule_digest,
)
from modelwarden.safeguards.queries import find_switch
from modelwarden.safeguards.reach import reach_of, registrable
from modelwarden.store.queueing import one_by_one
from modelwarden.values.clock import moment
from modelwarden.values.ids import ActorId, LocalStopId, SwitchId
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from modelwarden.safeguards.fleet.instance import Instance
    from modelwarden.store.change import Change, View

MOST_A_DAY: Final = 100
"""New local stops of one model in one environment within a day; what comes beyond them is logged alone."""
DAY: Final = timedelta(days=1)
ENDED_HERE: Final = Code("ended_here")
LOG: Final = logging.getLogger("modelwarden.safeguards")


class Sighting(NamedTuple):
    """A local stop as one guard has it; `reporter` is whose credential said so."""

    environment: Environment
    model: str
    host: str
    reporter: ActorId
    since: datetime
    form: Form

    @property
    def key(self) -> tuple[str, ...]:
        """What it is: a file's scope on one machine, or a switch that is carried, wherever."""
        if self.form.carried_sha256 is not None:
            return self.environment.value, self.form.carried_sha256
        return self.environment.value, self.model, self.host, self.form.scope


def stops_due(view: View) -> tuple[tuple[Sighting, ...], tuple[LocalStopId, ...]]:
    """Return which local stops appeared, and which no guard reports any more."""
    open_now = {_key(view, each): each for each in queries.open_stops(view)}
    sighted: dict[tuple[str, ...], Sighting] = {}
    for instance in fleet.instances_stopping(view, view.now - LISTED):
        for each in _sightings(view, instance):
            sighted.setdefault(each.key, each)
    new = [
        each for key, each in sighted.items() if key not in open_now and _known(view, each) is None
    ]
    gone = tuple(stop.id for key, stop in open_now.items() if key not in sighted)
    return tuple(_with_room(view, new)), gone


def see_stop(change: Change, seen: Sighting) -> LocalStop | None:
    """Keep a local stop that appeared, and tell of it; None where another process kept it meanwhile.

    A carried switch that this ledger knows to have ended is dropped at once: it was released, and not forgotten.
    """
    _require_program(change)
    one_by_one(change, "local_stops")
    kept = {_key(change, each): each for each in queries.open_stops(change)}.get(seen.key)
    known = _known(change, seen) if kept is None else ("local_stop", kept.id)
    if known is not None:
        change.unchanged(*known)
        return None
    stop = change.save(_made(change, seen))
    reach = reach_of(stop.as_switch())
    change.record(
        LocalStopSeen(
            stop=stop.id,
            kind=Code(stop.kind),
            environment=Code(stop.environment),
            models=registrable(reach.models),
            dimensions=tuple(Code(name) for name in sorted(reach.scope)),
            switch=stop.carried,
            reporter=stop.reported_by,
            host=stop.host,
            since=stop.since,
        )
    )
    return _drop_ended(change, stop)


def end_stop(change: Change, stop_id: LocalStopId) -> LocalStop | None:
    """Keep that no guard reports a local stop any more, and tell it; None where that is known."""
    _require_program(change)
    stop = queries.locked_stop(change, stop_id)
    if stop is None or stop.ended_at is not None:
        change.unchanged("local_stop", stop_id)
        return None
    ended = change.save(stop.end(change.now))
    change.record(
        LocalStopEnded(
            stop=ended.id,
            kind=Code(ended.kind),
            environment=Code(ended.environment),
            models=registrable(reach_of(ended.as_switch()).models),
        )
    )
    return ended


def _drop_ended(change: Change, stop: LocalStop) -> LocalStop:
    switch = None if stop.carried is None else find_switch(change, stop.carried)
    if switch is None or switch.is_live or change.is_frozen("switch", switch.id):
        return stop
    if rule_digest(switch.rule()) != stop.carried_sha256:
        return stop
    dropped = change.save(stop.drop(by=change.actor, at=change.now, notes=None))
    change.record(
        LocalStopDropped(
            stop=dropped.id,
            kind=Code(dropped.kind),
            environment=Code(dropped.environment),
            models=registrable(reach_of(dropped.as_switch()).models),
            cause=ENDED_HERE,
            notes=None,
        )
    )
    return dropped


def _made(change: Change, seen: Sighting) -> LocalStop:
    return LocalStop(
        id=LocalStopId(change.new_id("lst")),
        environment=seen.environment,
        model=seen.model,
        host=change.text(seen.host),
        reported_by=seen.reporter,
        since=min(seen.since, change.now),
        seen_at=change.now,
        **seen.form._asdict(),
    )


def _sightings(view: View, instance: Instance) -> Iterator[Sighting]:
    """Yield what one guard blocks by itself; what touches no call of its model is not of interest."""
    for said in instance.local_stops:
        form = form_of(said, model=instance.model, configured=view.settings.switch_dimensions)
        yield Sighting(
            environment=Environment(instance.environment),
            model=instance.model,
            host=instance.host,
            reporter=ActorId(instance.actor),
            since=moment(said.since),
            form=form,
        )


def _known(view: View, seen: Sighting) -> tuple[str, str] | None:
    """Return what this ledger knows of a switch that is carried: it is in force here, or a person decided about it."""
    if seen.form.carried is None or seen.form.carried_sha256 is None:
        return None
    switch = find_switch(view, SwitchId(seen.form.carried))
    if switch is not None and switch.is_live and switch.environment is seen.environment:
        return "switch", switch.id
    last = queries.last_carried(view, seen.form.carried_sha256, seen.environment)
    if last is None or (last.state is StopState.STANDING and last.ended_at is not None):
        return None
    return "local_stop", last.id


def _with_room(view: View, new: Iterable[Sighting]) -> Iterator[Sighting]:
    """Yield those that may still be kept today; of the rest only a line is logged, each time."""
    left: dict[tuple[Environment, str], int] = {}
    for seen in new:
        topic = seen.environment, seen.model
        if topic not in left:
            since = view.now - DAY
            found = queries.seen_since(
                view, since, environment=seen.environment.value, model=seen.model
            )
            left[topic] = MOST_A_DAY - found
        left[topic] -= 1
        if left[topic] >= 0:
            yield seen
    for (environment, model), room in left.items():
        if room < 0:
            LOG.warning(
                "%d local stops of %s in %s are not kept: more than %d a day", -room, model, environment, MOST_A_DAY
            )  # fmt: skip


def _key(view: View, stop: LocalStop) -> tuple[str, ...]:
    if stop.carried_sha256 is not None:
        return stop.environment.value, stop.carried_sha256
    return stop.environment.value, stop.model, view.words(stop.host) or "", stop.scope


def _require_program(change: Change) -> None:
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("guards tell of these, not a person", reasons=("not_the_program",))
