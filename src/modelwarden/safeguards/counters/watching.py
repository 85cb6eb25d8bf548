"""Tells what the guards of a model say together, once, until it is over: the program's own acts, called by a reaction.

Whether it was told already stands beside the alarms of triggers, under names that no trigger can have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import NotPermitted
from modelwarden.facts.kinds import Code, Severity
from modelwarden.facts.triggers import (
    ArtifactMismatchSeen,
    BreakerFleetOpened,
    SnapshotsRefused,
    UndeployedVersionSeen,
)
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.queries import find_model
from modelwarden.safeguards.counters import fleet_signals as signals
from modelwarden.safeguards.counters import queries
from modelwarden.safeguards.fleet import queries as fleet
from modelwarden.safeguards.fleet.instance import LATE
from modelwarden.safeguards.routes.moving import routed_labels
from modelwarden.safeguards.severity.built_in import severity_rules
from modelwarden.safeguards.severity.classify import Concern, classify
from modelwarden.safeguards.triggers import queries as alarms
from modelwarden.safeguards.triggers.judge import Alarm
from modelwarden.safeguards.triggers.ladder import WHOLE
from modelwarden.store.queueing import one_by_one
from modelwarden.values.ids import (
    HEX_DIGEST,
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
    from collections.abc import Iterator, Sequence

    from modelwarden.facts.kinds import Fact
    from modelwarden.safeguards.counters.fleet_signals import Loaded
    from modelwarden.safeguards.fleet.instance import Instance
    from modelwarden.store.change import Change, Telemetry, View

NAMED: Final = 100
OWNER: Final = "~fleet"
"""Whose alarms they are: no trigger's name begins so."""
MOST_LABELS: Final = 100


class Seen(NamedTuple):
    """Something about the guards of a model: what it is, whether it stands, and the fact that tells it."""

    kind: str
    about: str
    stands: bool
    fact: Fact | None = None
    severity: Severity | None = None


def seen(view: View) -> list[Seen]:
    """Return what is new about fleets, and what is over."""
    told = alarms.alarms_of(view, OWNER)
    firing = {key for key, alarm in told.items() if alarm.firing}
    found: list[Seen] = []
    heard: set[str] = set()
    for environment in Environment:
        for model, guards in _fleets(view, environment).items():
            heard.add(f"{environment.value}/{model}")
            found += _of(view, environment, model, guards, firing)
    first = {(each.kind, each.about): each for each in reversed(found)}
    new = [each for key, each in first.items() if key not in firing]
    over = [
        Seen(kind, about, stands=False)
        for kind, about in sorted(firing - set(first))
        if "/".join(about.split("/")[:2]) in heard  # of a fleet that is silent nothing is known
    ]
    return new + over


def tell(change: Change, *, found: Seen) -> None:
    """Tell something about a fleet, unless another process did."""
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("guards say this, not a person", reasons=("not_the_program",))
    one_by_one(change, "triggers")
    before = alarms.find_alarm(change, OWNER, found.kind, found.about)
    if before.firing is found.stands or found.fact is None:
        change.unchanged(
            "model", found.about.split("/")[1]
        )  # the entry that told it is about the model
        return
    keep(change, found=found)
    change.record(found.fact, severity=found.severity)


def keep(writing: Change | Telemetry, *, found: Seen) -> None:
    """Keep whether something stands."""
    alarm = Alarm(firing=found.stands, judged_until=writing.now)
    alarms.keep_alarms(writing, OWNER, {(found.kind, found.about): alarm})


def _fleets(view: View, environment: Environment) -> dict[str, list[Instance]]:
    found: dict[str, list[Instance]] = {}
    heard = fleet.instances_heard(view, view.now - LATE, environment.value)
    for each in signals.live(heard, view.now):
        if MODEL_NAME.fullmatch(each.model):
            found.setdefault(each.model, []).append(each)
    return found


def _of(
    view: View,
    environment: Environment,
    model: str,
    guards: Sequence[Instance],
    firing: set[tuple[str, str]],
) -> Iterator[Seen]:
    about = f"{environment.value}/{model}"
    yield from _breakers(view, environment, model, guards, firing=("breakers", about) in firing)
    refusing = signals.refusing(guards)
    if len(refusing) >= signals.FEWEST_REFUSING:
        fact = SnapshotsRefused(
            model=ModelName(model),
            environment=Code(environment.value),
            workers=len(refusing),
            instances=_named([each.instance for each in refusing]),
            severity=_severity(view, "bad_snapshots", model),
        )
        yield Seen("snapshots", about, stands=True, fact=fact)
    labels = sorted({version.label for each in guards for version in each.versions})
    known = queries.registered(view, model, labels[:MOST_LABELS]) if labels else {}
    routed = routed_labels(view, environment, ModelName(model))
    wrong, elsewhere = signals.mismatched(guards, known, environment.value, routed=routed)
    for loaded in wrong:
        yield from _mismatch(view, environment, model, loaded)
    for loaded in elsewhere:
        yield from _undeployed(environment, model, loaded)


def _breakers(
    view: View, environment: Environment, model: str, guards: Sequence[Instance], *, firing: bool
) -> Iterator[Seen]:
    workers, opened = len(guards), len(signals.with_open_breaker(guards))
    about = f"{environment.value}/{model}"
    if not signals.breaker_alarm(workers, opened, firing=firing):
        return
    metrics_only = signals.is_metrics_only(workers, opened)
    for kind, stands in (("breakers", True), ("metrics_only", metrics_only)):
        if stands:
            fact = BreakerFleetOpened(
                model=ModelName(model),
                environment=Code(environment.value),
                open=opened,
                workers=workers,
                metrics_only=kind == "metrics_only",
                severity=_severity(view, "breaker_fleet", model),
            )
            loud = Severity.CRITICAL if kind == "metrics_only" else None
            yield Seen(kind, about, stands=True, fact=fact, severity=loud)


def _mismatch(view: View, environment: Environment, model: str, loaded: Loaded) -> Iterator[Seen]:
    if loaded.registered is None or not HEX_DIGEST.fullmatch(loaded.found or ""):
        return
    fact = ArtifactMismatchSeen(
        model=ModelName(model),
        version=version_name(ModelName(model), Label(loaded.label)),
        environment=Code(environment.value),
        registered=Digest(loaded.registered),
        found=Digest(loaded.found or ""),
        workers=len(loaded.instances),
        instances=_named(loaded.instances),
        severity=_severity(view, "artifact_mismatch", model),
    )
    # One entry a version, whatever digests are claimed: a guard that lies can't fill the ledger.
    about = f"{environment.value}/{model}/{loaded.label}"
    yield Seen("artifact", about, stands=True, fact=fact)


def _undeployed(environment: Environment, model: str, loaded: Loaded) -> Iterator[Seen]:
    if not LABEL.fullmatch(loaded.label):
        return  # a guard may send any words: what is no label stands in no entry
    fact = UndeployedVersionSeen(
        model=ModelName(model),
        version=version_name(ModelName(model), Label(loaded.label)),
        environment=Code(environment.value),
        registered=loaded.is_registered,
        workers=len(loaded.instances),
    )
    name = (
        loaded.label if loaded.is_registered else "?"
    )  # of what nobody registered one entry a model
    yield Seen("undeployed", f"{environment.value}/{model}/{name}", stands=True, fact=fact)


def _severity(view: View, signal: str, model: str) -> Code:
    """Return how bad it is: whatever concerns a fleet may concern all that a model answers."""
    found = find_model(view, ModelName(model))
    tier = None if found is None else found.risk_tier
    return Code(classify(Concern(signal, None, WHOLE, tier), severity_rules()).severity.value)


def _named(instances: Sequence[str]) -> tuple[InstanceId, ...]:
    return tuple(InstanceId(each) for each in instances[:NAMED])
