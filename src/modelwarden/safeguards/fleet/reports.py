"""What guards say of themselves, gathered and written once or twice a second through the writer's lane (SG-23).

Heartbeats are telemetry: one that is lost with the process is followed by another within 5 s. A report is believed as
far as its sender goes: its model is one that the caller may report for, and no snapshot is confirmed that is yet to be.
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from modelwarden.access.allowed import authorize
from modelwarden.access.authorize import Resource
from modelwarden.errors import NotCanonical, ValueInvalid
from modelwarden.permissions import Permission
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.queries import find_model
from modelwarden.registry.reads import resource_of
from modelwarden.safeguards.counters.keeping import keep_counts
from modelwarden.safeguards.fleet import queries
from modelwarden.safeguards.fleet.instance import GONE, Instance, LoadedVersion
from modelwarden.safeguards.local_stops.stop import rule_digest
from modelwarden.safeguards.snapshots import queries as snapshots
from modelwarden.values.ids import INSTANCE, MODEL_NAME, ModelName
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from modelwarden.safeguards.fleet.instance import Signal, Traffic, VersionCount
    from modelwarden.safeguards.local_stops.stop import SaidStop
    from modelwarden.safeguards.snapshots.body import Topic
    from modelwarden.store.change import Telemetry, View
    from modelwarden.values.principal import Principal

T = TypeVar("T")
WRITTEN_EACH_S: Final = 0.5
MOST_WAITING: Final = 20_000
"""Guards whose reports wait to be written; beyond them the oldest is dropped, and comes again."""
MOST_LISTED: Final = 10_000
"""Guards of one model that one account may report in a day; who has its token could invent any number of them."""
STATES: Final = frozenset({"fresh", "stale", "none", GONE})
SOURCES: Final = frozenset({"stream", "poll", "file", "persisted", "bootstrap", "none"})
LONGEST: Final = 128
SWITCH: Final = re.compile(r"swi_[0-9A-Za-z_]{1,60}")
ACTOR: Final = system("snapshots")
LOG: Final = logging.getLogger("modelwarden.snapshots")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one guard says of itself: fields as in `Instance`."""

    instance: str
    host: str
    pid: int
    topic: Topic
    epoch: int
    generation: int
    source: str
    applied_ms: int
    age_s: int | None
    state: str
    versions: tuple[LoadedVersion, ...] = ()
    rejected: str | None = None
    counts: Mapping[str, int]
    signals: tuple[Signal, ...] = ()
    traffic: Traffic | None = None
    local_stops: tuple[SaidStop, ...] = ()
    by_version: tuple[VersionCount, ...] = ()

    def __post_init__(self) -> None:
        """Check what a guard may say. Raises ValueInvalid."""
        if not INSTANCE.fullmatch(self.instance):
            raise ValueInvalid("instance", "a UUID in lowercase, with hyphens")
        if self.state not in STATES:
            raise ValueInvalid("state", f"one of {', '.join(sorted(STATES))}")
        if self.source not in SOURCES:
            raise ValueInvalid("source", f"one of {', '.join(sorted(SOURCES))}")
        for field, text in (("host", self.host), ("rejected", self.rejected)):
            if text is not None and not (len(text) <= LONGEST and text.isprintable()):
                raise ValueInvalid(field, f"at most {LONGEST} visible characters")
        for each in self.local_stops:
            _check_stop(each)


def _check_stop(said: SaidStop) -> None:
    """Check what a guard may say of a local stop: JSON with a digest, and a switch's id. Raises ValueInvalid."""
    if said.rule is None:
        return
    if not SWITCH.fullmatch(str(said.rule.get("id"))):
        raise ValueInvalid("local_stops.rule.id", "the id of a switch")
    try:
        rule_digest(said.rule)
    except NotCanonical as error:
        raise ValueInvalid("local_stops.rule", "JSON with one canonical form") from error


def topic_resource(view: View, topic: Topic) -> Resource:
    """Return a snapshot's model as scopes of roles select it."""
    found = find_model(view, ModelName(topic.model)) if MODEL_NAME.fullmatch(topic.model) else None
    if found is None:
        return Resource(model=topic.model, environment=topic.environment)
    return resource_of(found, topic.environment)


def may_hold(view: View, topic: Topic) -> Topic:
    """Return the topic, if the caller may hold its snapshot. Raises NotPermitted, ValueInvalid."""
    _check(topic)
    authorize(view, Permission.GUARD_READ, on=topic_resource(view, topic))
    return topic


def may_report(view: View, topic: Topic) -> Topic:
    """Return the topic, if the caller may report for its guards. Raises NotPermitted, ValueInvalid."""
    _check(topic)
    authorize(view, Permission.GUARD_REPORT, on=topic_resource(view, topic))
    return topic


def accept_report(view: View, report: Report) -> Instance:
    """Return a guard as it stands by its report, if the caller may report for its model.

    Raises:
        NotPermitted: a guard's token reports for its own models alone.
        ValueInvalid: it names a snapshot that does not exist yet.
    """
    may_report(view, report.topic)
    epoch, size = snapshots.epoch_and_size(view)
    if report.epoch > epoch or report.generation >= max(size, 1):
        raise ValueInvalid("generation", f"one of epoch {epoch} below {size}")
    return Instance(
        environment=report.topic.environment,
        model=report.topic.model,
        actor=view.actor,
        instance=report.instance,
        host=report.host,
        pid=report.pid,
        epoch=report.epoch,
        generation=report.generation,
        applied_at=view.now,
        applied_ms=report.applied_ms,
        first_heard_at=view.now,
        heard_at=view.now,
        source=report.source,
        state=report.state,
        age_s=report.age_s,
        versions=report.versions,
        counts=report.counts,
        rejected=report.rejected,
        signals=report.signals,
        traffic=report.traffic,
        local_stops=report.local_stops,
        by_version=report.by_version,
    )


class Writes(Protocol):
    """What it needs of the writer."""

    def submit_telemetry(self, principal: Principal, action: Callable[[Telemetry], T]) -> Future[T]:
        """Queue writes that are no change."""
        ...


class Reports:
    """Reports that wait to be written. `take` is called by any thread, and waits for nobody."""

    def __init__(self, writer: Writes) -> None:
        self._writer = writer
        self._waiting: dict[tuple[str, str, str, str], Instance] = {}
        self._door = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, instance: Instance) -> None:
        """Keep a report. Of one guard the newest counts; when it first had its snapshot is remembered."""
        with self._door:
            before = self._waiting.pop(instance.key, None)
            self._waiting[instance.key] = _joined(before, instance)
            if len(self._waiting) > MOST_WAITING:
                del self._waiting[next(iter(self._waiting))]
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(
                    target=self._run, name="modelwarden-reports", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Write what waits, and end."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            is_open = not self._closing.wait(WRITTEN_EACH_S)
            with self._door:
                found, self._waiting = list(self._waiting.values()), {}
            if found:
                self._write(found)

    def _write(self, found: Sequence[Instance]) -> None:
        try:
            self._writer.submit_telemetry(ACTOR, partial(keep, found=found)).result()
        except Exception as error:  # noqa: BLE001  # the edge: heartbeats come again
            LOG.warning("%d reports of guards were not written: %s", len(found), error)


def keep(telemetry: Telemetry, *, found: Sequence[Instance], most: int = MOST_LISTED) -> None:
    """Write reports, and what they add to counts; since when a guard has the snapshot that it has stays."""
    listed = _listed(telemetry, found, most)
    if len(listed) < len(found):
        LOG.warning(
            "%d reports were passed by: an account reported more than %d guards of one model in a day",
            len(found) - len(listed),
            most,
        )
    if listed:
        queries.keep_instances(telemetry, listed)
        keep_counts(telemetry, listed)


def _listed(telemetry: Telemetry, found: Sequence[Instance], most: int) -> list[Instance]:
    """Return those of guards that are known, and of others while there is room for them."""
    known: dict[tuple[str, str, str], set[str]] = {}
    listed = []
    for each in found:
        of = each.environment, each.model, each.actor
        if of not in known:
            known[of] = queries.instances_of(telemetry, environment=of[0], model=of[1], actor=of[2])
        if each.instance in known[of] or len(known[of]) < most:
            known[of].add(each.instance)
            listed.append(each)
    return listed


def _joined(before: Instance | None, now: Instance) -> Instance:
    if before is None or (before.epoch, before.generation) != (now.epoch, now.generation):
        return now
    return now._replace(applied_at=before.applied_at)


def _check(topic: Topic) -> None:
    if topic.environment not in {each.value for each in Environment}:
        raise ValueInvalid("environment", f"one of {', '.join(Environment)}")
    if not (0 < len(topic.model) <= LONGEST and topic.model.isprintable()):
        raise ValueInvalid("model", "the name of a model")
