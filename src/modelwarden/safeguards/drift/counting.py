"""What guards counted, taken in once and added up by minute, through the writer's lane for telemetry (SG-49).

A flush is answered once it is kept, and heard again it is not added again. It is believed as far as its sender goes:
its model is one that the caller may report for, and its counts fit the edges that are registered.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from modelwarden.errors import DriftInvalid, LedgerUnavailable, ValueInvalid, VersionNotFound
from modelwarden.guard.scope import FOLDED, known_dimensions, normalise
from modelwarden.registry.drift.queries import find_shape
from modelwarden.safeguards.drift import queries
from modelwarden.safeguards.drift.counted import (
    HOUR,
    MINUTE,
    REST,
    Slot,
    added,
    by_feature,
    minute_of,
    total,
)
from modelwarden.safeguards.drift.queries import Source
from modelwarden.safeguards.fleet.reports import may_report
from modelwarden.values.ids import LABEL, Label, ModelName, version_name
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelwarden.guard.drift_flush import DriftFlush, Received
    from modelwarden.safeguards.drift.counted import Cells
    from modelwarden.safeguards.snapshots.body import Topic
    from modelwarden.store.change import Telemetry, View
    from modelwarden.values.principal import Principal

T = TypeVar("T")
BEHIND: Final = timedelta(hours=24)
AHEAD: Final = timedelta(minutes=5)
"""A flush of another time is refused: a clock is wrong, or somebody sends again what was forgotten."""

KEPT_MINUTES: Final = timedelta(days=7)
KEPT_HOURS: Final = timedelta(days=90)
KEPT_HEARD: Final = timedelta(days=3)
"""Longer than a flush may be late: whoever is forgotten can't be heard twice."""

MOST_VALUES: Final = 64
"""Values of a dimension that have own counts in one minute, of all guards together."""

WRITTEN_EACH_S: Final = 0.5
MOST_WAITING: Final = 5_000
ACTOR: Final = system("safeguards")
LOG: Final = logging.getLogger("modelwarden.drift")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldDrift:
    """A flush as it came: of which version's features, counted apart by which dimension, if any."""

    topic: Topic
    version: str
    dimension: str | None
    flush: DriftFlush


class Counted(NamedTuple):
    """A flush that may be added: who counted, its number, and its counts by slot."""

    source: Source
    sequence: int
    counts: Mapping[Slot, Cells]


def accept_flush(view: View, told: ToldDrift) -> Counted:
    """Return a flush as it is to be added, if the caller may report for its model.

    Raises:
        NotPermitted: a guard's token reports for its own models alone.
        VersionNotFound: or that version has no drift reference.
        DriftInvalid: its counts do not fit, or it is of another time.
        ValueInvalid: no such environment or dimension.
    """
    topic, dimension = may_report(view, told.topic), told.dimension or REST
    if dimension and dimension not in known_dimensions(view.settings.switch_dimensions):
        raise ValueInvalid("dimension", "one that scopes of switches know")
    name = version_name(ModelName(topic.model), Label(told.version))
    shape = find_shape(view, name) if LABEL.fullmatch(told.version) else None
    if shape is None:
        raise VersionNotFound(name)
    counts, minute = told.flush.counts, told.flush.minute
    if counts.edges_sha256 != shape.edges_sha256:
        raise DriftInvalid("edges", "the digest of the version's edges")
    for (_, feature), cells in counts.cells:
        if len(cells) != shape.cells.get(feature):
            raise DriftInvalid("cells", f"{shape.cells.get(feature, 'no')} counts of {feature}")
    if not minute_of(view.now - BEHIND) <= minute <= minute_of(view.now + AHEAD):
        raise DriftInvalid("minute", "one of the last 24 hours")
    source = Source(name, topic.environment, dimension, view.actor, told.flush.instance)
    return Counted(source, told.flush.sequence, _by_slot(source, told.flush, shape.cells))


def _by_slot(source: Source, flush: DriftFlush, features: Mapping[str, int]) -> dict[Slot, Cells]:
    folds, found = source.dimension in FOLDED, dict[Slot, "Cells"]()
    for value, cells in by_feature(flush.counts, features).items():
        plain = normalise(value, folds=folds) if source.dimension else None
        slot = Slot(*source[:3], MINUTE, flush.minute, plain or REST)
        found[slot] = added(found.get(slot, ()), cells)
    return found


def keep(telemetry: Telemetry, *, found: Sequence[Counted]) -> int:
    """Add flushes that were not heard before; return how many those are."""
    known = queries.received(telemetry, (one.source for one in found))
    heard: dict[Source, Received] = {}
    news: list[Counted] = []
    for one in found:
        after = heard.get(one.source, known[one.source]).after(one.sequence)
        if after is not None:
            heard[one.source] = after
            news.append(one)
    queries.hear(telemetry, heard)
    _add(telemetry, _bounded(telemetry, news))
    return len(news)


def _bounded(telemetry: Telemetry, news: Sequence[Counted]) -> dict[Slot, Cells]:
    """Return the counts to add; what would give a minute too many values counts among the rest."""
    found: dict[Slot, Cells] = {}
    own: dict[Slot, set[str]] = {}
    for one in news:
        for slot, cells in one.counts.items():
            rest = slot._replace(value=REST)
            values = own.get(rest)
            if values is None:
                values = own[rest] = queries.values_in(telemetry, rest) | {REST}
            if slot.value not in values and len(values) > MOST_VALUES:
                slot = rest  # noqa: PLW2901
            values.add(slot.value)
            found[slot] = added(found.get(slot, ()), cells)
    return found


def _add(telemetry: Telemetry, counts: Mapping[Slot, Cells]) -> None:
    before = queries.locked_slots(telemetry, counts)
    queries.write_slots(
        telemetry, {slot: added(before[slot], cells) for slot, cells in counts.items()}
    )


def tidy(telemetry: Telemetry) -> int:
    """Put minutes that are a week old into hours, and drop hours after 90 days; return how many minutes went."""
    before = minute_of(telemetry.now - KEPT_MINUTES) // HOUR * HOUR
    gone = 0
    while old := queries.old_minutes(telemetry, before):
        hours: dict[Slot, list[Cells]] = {}
        for slot, cells in old.items():
            hours.setdefault(slot.hour, []).append(cells)
        _add(telemetry, {slot: total(several) for slot, several in hours.items()})
        queries.drop_slots(telemetry, list(old))
        gone += len(old)
    queries.drop_hours(telemetry, minute_of(telemetry.now - KEPT_HOURS))
    queries.forget_sources(telemetry, telemetry.now - KEPT_HEARD)
    return gone


class Writes(Protocol):
    """What it needs of the writer."""

    def submit_telemetry(self, principal: Principal, action: Callable[[Telemetry], T]) -> Future[T]:
        """Queue writes that are no change."""
        ...


class Flushes:
    """Flushes that wait to be added together. `take` is called by any thread, and waits for nobody."""

    def __init__(self, writer: Writes) -> None:
        self._writer = writer
        self._waiting: list[tuple[Counted, Future[None]]] = []
        self._door = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, counted: Counted) -> Future[None]:
        """Queue a flush; it is kept once the future is done. Raises LedgerUnavailable where too many wait."""
        future: Future[None] = Future()
        with self._door:
            if self._closing.is_set() or len(self._waiting) >= MOST_WAITING:
                raise LedgerUnavailable("too many counts wait to be written; send them again")
            self._waiting.append((counted, future))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="modelwarden-drift", daemon=True
                )
                self._thread.start()
        return future

    def close(self) -> None:
        """Write what waits, and end."""
        with self._door:
            self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            is_open = not self._closing.wait(WRITTEN_EACH_S)
            with self._door:
                found, self._waiting = self._waiting, []
            if found:
                self._write(found)

    def _write(self, found: Sequence[tuple[Counted, Future[None]]]) -> None:
        action = partial(keep, found=[counted for counted, _ in found])
        waiting = [future for _, future in found if future.set_running_or_notify_cancel()]
        try:
            self._writer.submit_telemetry(ACTOR, action).result()
        except Exception as error:  # noqa: BLE001  # the edge: guards send them again
            LOG.warning("%d flushes of drift were not written: %s", len(found), error)
            for future in waiting:
                future.set_exception(LedgerUnavailable("the counts were not written; send again"))
            return
        for future in waiting:
            future.set_result(None)
