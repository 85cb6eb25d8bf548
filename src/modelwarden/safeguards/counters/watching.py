"""Tells what the guards of a model say together, once, until it is over: the program's own acts, called by a reaction.

Whether it was told already stands beside the alarms of triggers, under names that no trigger can have.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import NotPermitted
from modelwarden.facts.kinds import Code, Severity
from modelwarden.facts.triggers import (
    ArtifactMismatchSeen,
    BreakerFleetOpened,
    GuardsClockBehind,
    GuardsFellSilent,
    SnapshotsRefused,
    UndeployedVersionSeen,
)
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.counters import fleet_signals as signals
from modelwarden.safeguards.counters import queries
from modelwarden.safeguards.fleet import queries as fleet
from modelwarden.safeguards.fleet.instance import GONE, LISTED, LOST
from modelwarden.safeguards.modes.setting import are_breakers_held, hold_breakers
from modelwarden.safeguards.routes.moving import routed_labels
from modelwarden.safeguards.severity.telling import of_all
from modelwarden.safeguards.triggers import queries as alarms
from modelwarden.safeguards.triggers.judge import Alarm
from modelwarden.store.queueing import one_by_one
from modelwarden.values.ids import (
    HEX_DIGEST,
    INSTANCE,
    LABEL,
    MODEL_NAME,
    Digest,
    InstanceId,
    Label,
    ModelName,
    version_name,
)
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from modelwarden.facts.kinds import Fact
    from modelwarden.facts.triggers import SeverityClassified
    from modelwarden.safeguards.counters.fleet_signals import Loaded
    from modelwarden.safeguards.fleet.instance import Instance, Silent
    from modelwarden.safeguards.severity.classify import Severities
    from modelwarden.store.change import Change, Telemetry, View

NAMED: Final = 100
OWNER: Final = "~fleet"
"""Whose alarms they are: no trigger's name begins so."""
MOST_LABELS: Final = 100
METRICS_ONLY: Final = "metrics_only"
SILENCES: Final = frozenset({"silent", "silence"})
"""Some guards of a fleet are silent; all of them are."""
NEWS: Final = timedelta(hours=1)
"""For so long a guard that was lost keeps the alarm of its fleet up, unless the whole fleet is."""


class Seen(NamedTuple):
    """Something about the guards of a model: what it is, whether it stands, and the fact that tells it.

    Attributes:
        classified: how bad it is, from what; None where that is not judged.
        lets_go: it is over, and guards whose breakers only count have to be told.
    """

    kind: str
    about: str
    stands: bool
    fact: Fact | None = None
    severity: Severity | None = None
    classified: SeverityClassified | None = None
    lets_go: bool = False

    @property
    def is_told(self) -> bool:
        """Tell whether it takes a change."""
        return self.fact is not None or self.lets_go


def seen(view: View, *, severities: Severities, since: datetime) -> list[Seen]:
    """Return what is new about fleets, and what is over.

    `since` is when this program began to listen: until two minutes later nobody is known to be silent.
    """
    told = alarms.alarms_of(view, OWNER)
    firing = {key for key, alarm in told.items() if alarm.firing}
    found: list[Seen] = []
    heard: set[str] = set()
    listens = view.now - since >= LOST
    for environment in Environment:
        judging = _Judging(view, environment, severities)
        fleets, late = _fleets(view, environment)
        for model, guards in fleets.items():
            heard.add(f"{environment.value}/{model}")
            found += _of(judging, model, guards, firing)
        if listens:
            found += _silent(judging, fleets, late)
    first = {(each.kind, each.about): each for each in reversed(found)}
    new = [each for key, each in first.items() if key not in firing]
    over = [
        Seen(kind, about, stands=False, lets_go=kind == METRICS_ONLY and _is_held(view, about))
        for kind, about in sorted(firing - set(first))
        if (
            listens
            if kind in SILENCES
            else "/".join(about.split("/")[:2])
            in heard  # of a fleet that is silent nothing is known
        )
    ]
    return new + over


def tell(change: Change, *, found: Seen) -> None:
    """Tell something about a fleet, unless another process did."""
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("guards say this, not a person", reasons=("not_the_program",))
    one_by_one(change, "triggers")
    before = alarms.find_alarm(change, OWNER, found.kind, found.about)
    let_go = found.lets_go and not _is_held(change, found.about)  # a person did meanwhile
    if before.firing is found.stands or not found.is_told or let_go:
        change.unchanged(
            "model", found.about.split("/")[1]
        )  # the entry that told it is about the model
        return
    keep(change, found=found)
    if found.fact is not None:
        change.record(found.fact, severity=found.severity)
    if found.kind == METRICS_ONLY:
        hold_breakers(change, *_place(found.about), held=found.stands)
    if found.classified is not None:
        change.record(found.classified)


def _place(about: str) -> tuple[str, Environment]:
    environment, model = about.split("/")
    return model, Environment(environment)


def _is_held(view: View, about: str) -> bool:
    return are_breakers_held(view, *_place(about))


def keep(writing: Change | Telemetry, *, found: Seen) -> None:
    """Keep whether something stands."""
    alarm = Alarm(firing=found.stands, judged_until=writing.now)
    alarms.keep_alarms(writing, OWNER, {(found.kind, found.about): alarm})


def _fleets(view: View, environment: Environment) -> tuple[dict[str, list[Instance]], set[str]]:
    """Return the guards that are heard of now, by model; and the models of those that are at most late."""
    heard = fleet.instances_heard(view, view.now - LOST, environment.value)
    found: dict[str, list[Instance]] = {}
    for each in signals.live(heard, view.now):
        if MODEL_NAME.fullmatch(each.model):
            found.setdefault(each.model, []).append(each)
    return found, {each.model for each in heard if each.state != GONE}


class _Judging(NamedTuple):
    """Where something is seen, and by which rules it is judged."""

    view: View
    environment: Environment
    severities: Severities

    @property
    def code(self) -> Code:
        """The environment as facts have it."""
        return Code(self.environment.value)

    def about(self, model: str) -> str:
        """Return what it is about."""
        return f"{self.environment.value}/{model}"

    def classified(self, signal: str, model: str) -> SeverityClassified:
        """Return how bad it is: whatever concerns a fleet may concern all that a model answers."""
        return of_all(self.view, signal, ModelName(model), self.environment, self.severities)


def _of(
    judging: _Judging, model: str, guards: Sequence[Instance], firing: set[tuple[str, str]]
) -> Iterator[Seen]:
    about = judging.about(model)
    standing = {kind for kind in ("breakers", METRICS_ONLY) if (kind, about) in firing}
    yield from _breakers(judging, model, guards, standing)
    refusing = signals.refusing(guards)
    if len(refusing) >= signals.FEWEST_REFUSING:
        classified = judging.classified("bad_snapshots", model)
        fact = SnapshotsRefused(
            model=ModelName(model),
            environment=judging.code,
            workers=len(refusing),
            instances=_named([each.instance for each in refusing]),
            severity=classified.severity,
        )
        yield Seen("snapshots", about, stands=True, fact=fact, classified=classified)
    yield from _clocks(judging, model, guards)
    labels = sorted({version.label for each in guards for version in each.versions})
    known = queries.registered(judging.view, model, labels[:MOST_LABELS]) if labels else {}
    routed = routed_labels(judging.view, judging.environment, ModelName(model))
    wrong, elsewhere = signals.mismatched(guards, known, judging.environment.value, routed=routed)
    for loaded in wrong:
        yield from _mismatch(judging, model, loaded)
    for loaded in elsewhere:
        yield from _undeployed(judging, model, loaded)


def _breakers(
    judging: _Judging, model: str, guards: Sequence[Instance], standing: set[str]
) -> Iterator[Seen]:
    workers, opened = len(guards), len(signals.with_open_breaker(guards))
    if not signals.breaker_alarm(workers, opened, firing="breakers" in standing):
        return
    classified = judging.classified("breaker_fleet", model)
    # Until the fleet has recovered: breakers that only count would open again at once.
    counts_only = METRICS_ONLY in standing or signals.is_metrics_only(workers, opened)
    for kind, stands in (("breakers", True), (METRICS_ONLY, counts_only)):
        if stands:
            fact = BreakerFleetOpened(
                model=ModelName(model),
                environment=judging.code,
                open=opened,
                workers=workers,
                metrics_only=kind == METRICS_ONLY,
                severity=classified.severity,
            )
            loud = Severity.CRITICAL if kind == METRICS_ONLY else None
            yield Seen(kind, judging.about(model), True, fact, loud, classified)  # noqa: FBT003


def _clocks(judging: _Judging, model: str, guards: Sequence[Instance]) -> Iterator[Seen]:
    found = signals.behind(guards)
    if not found:
        return
    classified = judging.classified("clock_behind", model)
    fact = GuardsClockBehind(
        model=ModelName(model),
        environment=judging.code,
        workers=len(found),
        instances=_named([each.instance for each in found]),
        severity=classified.severity,
    )
    yield Seen("clocks", judging.about(model), stands=True, fact=fact, classified=classified)


def _silent(
    judging: _Judging, fleets: Mapping[str, Sequence[Instance]], late: set[str]
) -> Iterator[Seen]:
    """Yield what is known of guards that reach no server: some of a fleet, or all of it."""
    view = judging.view
    lost: dict[str, list[Silent]] = {}
    until = view.now - LOST
    for each in fleet.silent(view, judging.environment.value, since=view.now - LISTED, until=until):
        if MODEL_NAME.fullmatch(each.model):
            lost.setdefault(each.model, []).append(each)
    for model in sorted({*lost, *fleets}):
        guards, gone = fleets.get(model, ()), lost.get(model, [])
        apart = signals.cut_off(guards, view.now)
        recent = [each for each in gone if each.heard_at >= until - NEWS]
        if not guards and model not in late and gone:
            yield _told_silent(judging, "silence", model, (guards, gone, apart))
        if recent or apart:
            yield _told_silent(judging, "silent", model, (guards, recent, apart))


def _told_silent(
    judging: _Judging,
    kind: str,
    model: str,
    found: tuple[Sequence[Instance], Sequence[Silent], Sequence[Instance]],
) -> Seen:
    guards, lost, apart = found
    classified = judging.classified("silent_guards", model)
    fact = GuardsFellSilent(
        model=ModelName(model),
        environment=judging.code,
        live=len(guards),
        lost=len(lost),
        cut_off=len(apart),
        instances=_named([*(each.instance for each in lost), *(each.instance for each in apart)]),
        severity=classified.severity,
    )
    return Seen(kind, judging.about(model), stands=True, fact=fact, classified=classified)


def _mismatch(judging: _Judging, model: str, loaded: Loaded) -> Iterator[Seen]:
    if loaded.registered is None or not HEX_DIGEST.fullmatch(loaded.found or ""):
        return
    classified = judging.classified("artifact_mismatch", model)
    fact = ArtifactMismatchSeen(
        model=ModelName(model),
        version=version_name(ModelName(model), Label(loaded.label)),
        environment=judging.code,
        registered=Digest(loaded.registered),
        found=Digest(loaded.found or ""),
        workers=len(loaded.instances),
        instances=_named(loaded.instances),
        severity=classified.severity,
    )
    # One entry a version, whatever digests are claimed: a guard that lies can't fill the ledger.
    about = f"{judging.about(model)}/{loaded.label}"
    yield Seen("artifact", about, stands=True, fact=fact, classified=classified)


def _undeployed(judging: _Judging, model: str, loaded: Loaded) -> Iterator[Seen]:
    if not LABEL.fullmatch(loaded.label):
        return  # a guard may send any words: what is no label stands in no entry
    fact = UndeployedVersionSeen(
        model=ModelName(model),
        version=version_name(ModelName(model), Label(loaded.label)),
        environment=judging.code,
        registered=loaded.is_registered,
        workers=len(loaded.instances),
    )
    name = (
        loaded.label if loaded.is_registered else "?"
    )  # of what nobody registered one entry a model
    yield Seen("undeployed", f"{judging.about(model)}/{name}", stands=True, fact=fact)


def _named(instances: Sequence[str]) -> tuple[InstanceId, ...]:
    return tuple(InstanceId(each) for each in instances[:NAMED] if INSTANCE.fullmatch(each))
