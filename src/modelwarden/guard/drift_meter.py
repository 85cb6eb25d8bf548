"""Counts the features of a guard's calls, for the versions whose edges the snapshot has (SG-49).

A tenth of single calls is counted, whatever is decided of them: so people see whether a region is right again that a
switch keeps from its version. The features are those of a mapping that is the first argument, or parameters of their
names. Nothing here raises, and the short way of a call pays for one countdown.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.guard.drift import items_of
from modelwarden.guard.drift_counter import SHARE, DriftCounter, Sampling
from modelwarden.guard.match import NOTHING, Match
from modelwarden.guard.scope import FOLDED, normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelwarden.guard.begun import Begun
    from modelwarden.guard.drift import FrozenEdges
    from modelwarden.guard.drift_section import DriftPlan
    from modelwarden.guard.picking import Pick
    from modelwarden.guard.place import Place
    from modelwarden.guard.snapshot import Snapshot

    Values = tuple[object, ...]
    Matching = Callable[[Values], Match]

_PLAIN: Final = frozenset({float, int, str, bool, type(None)})


class Meter(NamedTuple):
    """A counter of one version: by the values of one dimension, or of none."""

    version: str
    dimension: str
    edges: FrozenEdges
    counter: DriftCounter


class DriftMeter:
    """The counters of one guard. Any thread may use it.

    Attributes:
        faults: calls or batches that could not be counted.
        batches_uncounted: batches whose features came for a version without edges.
    """

    def __init__(self, *, is_on: bool, begin: Callable[[], None], share: float = SHARE) -> None:
        """Count, if somebody is there to be told; `begin` is called when there is something to count."""
        self.faults = 0
        self.batches_uncounted = 0
        self._is_on = is_on
        self._begin = begin
        self._share = share
        self._plan: DriftPlan | None = None
        self._meters: dict[str, tuple[Meter, ...]] = {}
        self._leaving: deque[Meter] = deque()
        self._start()

    def _start(self) -> None:
        self._lock = Lock()
        self._sampling = Sampling(self._share, Random())  # noqa: S311 - of its own, as in the counter

    def meters(self, snapshot: Snapshot | None, version: str | None) -> tuple[Meter, ...]:
        """Return the counters of a version under a snapshot."""
        plan = None if snapshot is None else snapshot.drift
        if not self._is_on or version is None or plan is None or version not in plan.versions:
            return ()
        if plan is not self._plan:
            self._renew(plan)
        return self._meters.get(version) or self._made(plan, version)

    def sampled(
        self, place: Place, snapshot: Snapshot | None, pick: Pick, match: Matching | None
    ) -> tuple[Pick, Matching | None]:
        """Return what the short way asks of each call: the same, and a tenth of calls is counted on its way."""
        meters = self.meters(snapshot, place.version)
        if not meters:
            return pick, match
        sampling, asked = self._sampling, place.asked

        def sampled(args: Values, kwargs: Mapping[str, object]) -> Values:
            if sampling.skip > 0:
                sampling.skip -= 1
            else:
                sampling.renew()
                self._count(place, meters, args, kwargs)
            asked[0] = id(kwargs)
            return () if match is None else pick(args, kwargs)

        return sampled, match or _nobody

    def saw(self, place: Place, begun: Begun) -> None:
        """Count the features of a call on its whole way, if it is one of the tenth; the short way may have asked."""
        before, place.asked[0] = place.asked[0], 0
        if before == id(begun.kwargs):
            return
        meters = self.meters(begun.held.snapshot, begun.version)
        if meters and self._sampling.is_due():
            self._count(place, meters, begun.args, begun.kwargs)

    def _count(
        self, place: Place, meters: tuple[Meter, ...], args: Values, kwargs: Mapping[str, object]
    ) -> None:
        try:
            cells = _cells(place, meters[0].edges, args, kwargs)
            if cells is not None:
                for meter in meters:
                    by = _value(place, meter.dimension, args, kwargs)
                    meter.counter.take(cells, by=by)
        except Exception:  # noqa: BLE001 - the guard's edge: the host must not notice
            self.faults += 1

    def saw_batch(
        self,
        place: Place,
        features: Any,  # noqa: ANN401 - any table
        *,
        snapshot: Snapshot | None,
        context: Mapping[str, Any],
        version: str | None,
    ) -> None:
        """Count all rows of a table of features."""
        from modelwarden.guard.drift_table import columns_of  # noqa: PLC0415 - most hosts have no batches

        try:
            meters = self.meters(snapshot, version or place.version)
            if not meters:
                self.batches_uncounted += 1
                return
            found = columns_of(features)
            columns = {name: found[name] for name, _ in meters[0].edges.features if name in found}
            for meter in meters:
                meter.counter.observe_batch(columns, by=_by(place, meter.dimension, context))
        except Exception:  # noqa: BLE001 - the guard's edge: the host must not notice
            self.faults += 1

    def all(self) -> Iterator[Meter]:
        """Yield all counters, to be flushed; those of versions that are gone for the last time."""
        with contextlib.suppress(IndexError):
            while True:
                yield self._leaving.popleft()
        for meters in list(self._meters.values()):
            yield from meters

    def faults_of_all(self) -> int:
        """Return how many calls or batches could not be counted."""
        counters = (meter.counter for meters in list(self._meters.values()) for meter in meters)
        return self.faults + sum(counter.faults for counter in counters)

    def after_fork(self) -> None:
        """Begin anew in a forked child; what the parent counted is the parent's to tell."""
        self._start()
        self._leaving.clear()
        self._meters, self._plan = {}, None

    def _renew(self, plan: DriftPlan) -> None:
        """Take a new plan; what it says as the old one did is counted on."""
        with self._lock:
            if plan is self._plan:
                return
            kept = {}
            for version, meters in self._meters.items():
                if self._is_same(plan, version, meters):
                    kept[version] = meters
                else:
                    self._leaving.extend(meters)
            self._meters, self._plan = kept, plan

    @staticmethod
    def _is_same(plan: DriftPlan, version: str, meters: tuple[Meter, ...]) -> bool:
        by = plan.by or ("",)
        same = tuple(meter.dimension for meter in meters) == by
        return same and plan.versions.get(version) == meters[0].edges

    def _made(self, plan: DriftPlan, version: str) -> tuple[Meter, ...]:
        with self._lock:
            found = self._meters.get(version)
            if found is None and plan is self._plan:
                edges = plan.versions[version]
                found = tuple(
                    Meter(version, dimension, edges, DriftCounter(edges))
                    for dimension in plan.by or ("",)
                )
                self._meters = {**self._meters, version: found}
        if found:
            self._begin()
        return found or ()


def _nobody(_values: Values) -> Match:
    """Say that no switch matches, where none depends on a value."""
    return NOTHING


def _cells(
    place: Place, edges: FrozenEdges, args: Values, kwargs: Mapping[str, object]
) -> tuple[int | None, ...] | None:
    """Return the cells of a call's features; None for a call that shows none, or whole columns of them."""
    first = place.first(args, kwargs)
    if not isinstance(first, Mapping):
        return _named_cells(place, edges, args, kwargs)
    found = []
    for name, edge in edges.features:
        value = first.get(name)
        if type(value) not in _PLAIN and _is_column(value):
            return None
        found.append(edge.cell(value))
    return tuple(found)


def _named_cells(
    place: Place, edges: FrozenEdges, args: Values, kwargs: Mapping[str, object]
) -> tuple[int | None, ...] | None:
    parameters = place.parameters_among([name for name, _ in edges.features])
    if not parameters:
        return None
    values = place.picker(parameters).values(args, kwargs)
    given = dict(zip(parameters, values, strict=True))
    return tuple(edge.cell(given[name]) if name in given else None for name, edge in edges.features)


def _is_column(value: object) -> bool:
    if isinstance(value, Sequence):
        return not isinstance(value, str | bytes)
    return bool(getattr(value, "ndim", 0))


def _value(place: Place, dimension: str, args: Values, kwargs: Mapping[str, object]) -> str | None:
    if not dimension:
        return None
    value = place.picker((dimension,)).value(args, kwargs)
    return normalise(value, folds=dimension in FOLDED)


def _by(place: Place, dimension: str, context: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Return the value of a dimension for all rows of a batch, or one for each row."""
    folds, given = dimension in FOLDED, context.get(dimension)
    if given is None or isinstance(given, str | int) or not hasattr(given, "__len__"):
        return _value(place, dimension, (), context)
    known: dict[object, str | None] = {}
    found = []
    for value in items_of(given):
        plain = value if isinstance(value, str | int) else None
        if plain not in known:
            known[plain] = normalise(plain, folds=folds)
        found.append(known[plain])
    return found
