"""Builds bodies of snapshots from one state of the database, remembering what need not be read twice (SG-15).

Whoever builds holds one `Builder` and asks it from one thread. What it remembers saves reading; it never changes what
is built: another process with the same settings builds the same bytes.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import SnapshotTooLarge
from modelwarden.facts.safeguards import PUSHED
from modelwarden.guard.snapshot import Floor
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.drift.section import drift_section
from modelwarden.safeguards.drills import queries as drills
from modelwarden.safeguards.local_stops import reads as local_stops
from modelwarden.safeguards.modes import queries as modes
from modelwarden.safeguards.modes.mode import stricter
from modelwarden.safeguards.modes.setting import MOVES, breakers_of
from modelwarden.safeguards.reach import reach_of
from modelwarden.safeguards.routes.moving import route_body
from modelwarden.safeguards.snapshots import queries
from modelwarden.safeguards.snapshots.body import Contents, Topic
from modelwarden.safeguards.snapshots.sections import Section, last_moved, moved_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from modelwarden.safeguards.reach import Reach
    from modelwarden.safeguards.snapshots.queries import Told
    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import View


ALL: Final = frozenset({"object.accepted", "snapshot.key_rotated"})
"""Types of entries that concern every snapshot."""
ANYWHERE: Final = ""
"""Stands for the models of a switch that names none one by one."""
SECTIONS: Final[tuple[Section, ...]] = (
    Section(
        "dropped", local_stops.dropped, frozenset({"local.stop_adopted", "local.stop_dropped"})
    ),
    Section("breakers", breakers_of, MOVES),
    Section("route", route_body, frozenset({"route.moved"})),
)
"""What other parts of the room put into bodies: one line each."""


class Kept(NamedTuple):
    """An enforced switch as snapshots say it, at one revision."""

    id: str
    revision: int
    reach: Reach
    rule: Mapping[str, Any]


class Moved(NamedTuple):
    """A scope, and the entry by which a switch with it last came or went."""

    reach: Reach
    seq: int


class Built(NamedTuple):
    """A body, and what it is of."""

    topic: Topic
    at: Floor
    body: bytes


class Outcome(NamedTuple):
    """What was built, and which topics could not be, and why."""

    bodies: list[Built]
    failed: dict[Topic, SnapshotTooLarge]


class Builder:
    """Bodies of snapshots, built from what a view shows."""

    def __init__(self, sections: Sequence[Section] = SECTIONS) -> None:
        self._sections = tuple(sections)
        self._pushed = PUSHED.union(*(each.types for each in self._sections))
        self._live: dict[str, dict[str, Kept]] = {}
        self._live_on: dict[Topic, list[Kept]] = {}
        self._moves_on: dict[Topic, dict[tuple[str, str], Moved]] = {}
        self._seen = -1
        self._epoch = 0

    def changed(self, view: View, topics: Iterable[Topic]) -> list[Topic]:
        """Return those of these topics that entries since the last call may have changed; all at a new epoch.

        A process that missed a wake finds everything here: it goes by the numbers of entries alone.
        """
        wanted = list(topics)
        epoch, _ = queries.epoch_and_size(view)
        found, everything = set[Topic](), epoch != self._epoch
        if everything:
            self._epoch, self._seen = epoch, -1
            self._moves_on.clear()
            self._live.clear()
        # Before the first look only the moves of switches are of interest: the rest is read with each body.
        news = list(self._news(view))
        if everything:
            return wanted
        moved = self._switches_of(view, news)
        types = queries.types_of(view, sorted({topic.model for topic in wanted})) if moved else {}
        models = {told.fact["model"] for told in news if told.type in queries.OF_MODEL}
        by_section = moved_by(self._sections, news)
        if by_section is None or any(told.type in ALL for told in news):
            return wanted
        models |= by_section
        for topic in wanted:
            if topic.model in models or _touches(moved, topic, types.get(topic.model)):
                found.add(topic)
        return [topic for topic in wanted if topic in found]

    def build(self, view: View, topics: Iterable[Topic]) -> Outcome:
        """Return the bodies of some topics, all of the state that the view shows.

        One that is too large harms no other.
        """
        wanted, found = list(topics), Outcome([], {})
        for environment in {topic.environment for topic in wanted}:
            self._refresh(view, environment)
        for topic in wanted:
            try:
                found.bodies.append(self._built(view, topic))
            except SnapshotTooLarge as error:
                found.failed[topic] = error
        return found

    def _built(self, view: View, topic: Topic) -> Built:
        model_type = queries.type_of(view, topic.model)
        candidates = (each for place in _places(topic) for each in self._live_on.get(place, ()))
        live = [each for each in candidates if each.reach.may_touch(topic.model, model_type)]
        at = Floor(self._epoch, self._generation(view, topic, model_type))
        contents = Contents(
            topic=topic,
            at=at,
            model_type=model_type,
            fails=stricter(
                view.settings.guard_fail,
                modes.find_mode(view, topic.model, Environment(topic.environment)),
            ),
            dimensions=view.settings.switch_dimensions,
            switches=[each.rule for each in sorted(live, key=attrgetter("id"))],
            versions=queries.registered_versions(view, topic.model),
            drift=drift_section(view, topic),
            faults=drills.faults_of(view, topic.environment, topic.model),
            sections={each.name: each.read(view, topic) for each in self._sections},
        )
        return Built(topic, at, contents.encoded())

    def _generation(self, view: View, topic: Topic, model_type: str | None) -> int:
        """Return the number of the entry that last changed the snapshot; 0 where none did."""
        newest = [
            moved.seq
            for place in _places(topic)
            for moved in self._moves_on.get(place, {}).values()
            if moved.reach.may_touch(topic.model, model_type)
        ]
        about = queries.told_of_model(view, topic.model)
        told = next((t.seq for t in about if _matters(t, topic)), 0)
        return max([told, last_moved(self._sections, view, topic), *newest])

    def _news(self, view: View) -> Iterable[Told]:
        """Yield the entries since the last call, and remember which scope moved last by which."""
        first = self._seen < 0
        types = queries.MOVING if first else self._pushed
        _, size = queries.epoch_and_size(view)
        found = list(queries.told_after(view, self._seen, types=types))
        by_id = {switch.id: switch for switch in self._switches_of(view, found)}
        for told in found:
            switch = by_id.get(told.fact.get("switch", ""))
            if switch is not None:  # a restore may have left only the entry
                self._remember(switch, told.seq)
        self._seen = size - 1
        return found

    def _remember(self, switch: Switch, seq: int) -> None:
        reach = reach_of(switch)
        for model in reach.models or (ANYWHERE,):
            place = Topic(switch.environment.value, model)
            moves = self._moves_on.setdefault(place, {})
            moves[switch.scope, switch.exception] = Moved(reach, seq)

    def _switches_of(self, view: View, news: Iterable[Told]) -> list[Switch]:
        ids = {told.fact["switch"] for told in news if told.type in queries.MOVING}
        return queries.switches_named(view, sorted(ids)) if ids else []

    def _refresh(self, view: View, environment: str) -> None:
        """Read those switches again that moved, and drop those that ended."""
        before = self._live.get(environment, {})
        revisions = queries.live_revisions(view, environment)
        missing = [
            switch_id
            for switch_id, revision in revisions.items()
            if switch_id not in before or before[switch_id].revision != revision
        ]
        fresh: dict[str, Kept] = {
            switch.id: Kept(switch.id, switch.revision, reach_of(switch), switch.rule())
            for switch in queries.switches_named(view, missing)
        }
        self._live[environment] = {
            switch_id: fresh.get(switch_id) or before[switch_id] for switch_id in revisions
        }
        for place in [place for place in self._live_on if place.environment == environment]:
            del self._live_on[place]
        for kept in self._live[environment].values():
            for model in kept.reach.models or (ANYWHERE,):
                self._live_on.setdefault(Topic(environment, model), []).append(kept)


def _places(topic: Topic) -> tuple[Topic, Topic]:
    """Return where switches are found that may touch a topic: those that name its model, those that name none."""
    return topic, Topic(topic.environment, ANYWHERE)


def _touches(moved: Iterable[Switch], topic: Topic, model_type: str | None) -> bool:
    return any(
        switch.environment.value == topic.environment
        and reach_of(switch).may_touch(topic.model, model_type)
        for switch in moved
    )


def _matters(told: Told, topic: Topic) -> bool:
    """Tell whether an entry about a model changed what its snapshot says."""
    if told.type in queries.OF_DRILL:
        return bool(told.fact["environment"] == topic.environment)
    match told.type:
        case "model.updated":
            return "type" in told.fact["fields"]
        case "version.registered":
            return "subject_sha256" in told.fact or "drift" in told.fact
        case "model.registered" | "version.retired":
            return True
        case _:
            return False
