"""Drills begin and end: who may run one where, what refuses it, and what ends it (SG-53).

In production a second person confirms. A switch of SEV1 or SEV2 goes before any drill: while one touches the model
none begins, and one that runs ends. Of several drills on one model nobody could tell what each did, so there is one at
a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modelwarden.access import duties
from modelwarden.access import queries as accounts
from modelwarden.access.allowed import acting_persons, authorize, readable, require_person
from modelwarden.errors import DrillRefused, NotFound, NotPermitted, SamePerson, ValueInvalid
from modelwarden.facts.kinds import Code
from modelwarden.facts.safeguards import DrillRequested, DrillStarted, DrillStopped
from modelwarden.guard.faults import parse_fault
from modelwarden.guard.scope import Form, parse_except, parse_scope
from modelwarden.permissions import Permission
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.drills import queries
from modelwarden.safeguards.drills.drill import Cause, Drill, DrillState, basis_points, seconds
from modelwarden.safeguards.fleet.reports import topic_resource
from modelwarden.safeguards.snapshots.body import Topic
from modelwarden.safeguards.targets import check_targets
from modelwarden.store.queueing import one_by_one
from modelwarden.values.ids import DrillId, ModelName
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.access.authorize import Resource
    from modelwarden.guard.scope import Scope
    from modelwarden.safeguards.drills.schedule import Plan
    from modelwarden.store.change import Change, View

MODEL: Final = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDrill:
    """What somebody wants to try.

    Attributes:
        fault: as `latency:200ms`.
        share: a part of the scope, as 0.01.
        ttl: how long at most, as `10m`.
        scope, exception: as those of a switch; the scope names one model.
        detect_within, activate_within, confirm_within: targets, as `5m`.
    """

    fault: str
    scope: Mapping[str, object] = field(default_factory=dict)
    exception: Mapping[str, object] = field(default_factory=dict)
    share: float | str = 0.01
    ttl: str = "10m"
    environment: Environment = Environment.STAGING
    detect_within: str | None = None
    activate_within: str | None = None
    confirm_within: str | None = None


def run_drill(change: Change, new: NewDrill) -> Drill:
    """Put a fault into a part of a model's traffic: at once in staging, in production once another person confirms.

    Raises:
        NotPermitted: no role gives `drill.run` on the model there.
        DrillRefused: drills are off there, another one runs on the model, or a switch of SEV1 or SEV2 touches it.
        ScopeEmpty, UnknownDimension, UnknownTarget, ValueInvalid.
    """
    one_by_one(change, "drills")
    drafted = _draft(change, new)
    _require_room(change, drafted)
    if drafted.needs_two:
        return _ask(change, drafted)
    return _begin(change, drafted)


def confirm_drill(change: Change, drill_id: str) -> Drill:
    """Let a drill begin that another person asked for. Raises NotFound, NotPermitted, SamePerson, DrillRefused."""
    one_by_one(change, "drills")
    drill = _locked(change, drill_id)
    authorize(change, Permission.DRILL_RUN, on=resource(change, drill))
    require_person(change)
    asked = accounts.current_persons(change, drill.requested_persons)
    duties.check(
        acting_persons(change),
        barred={"requester": asked},
        rule=SamePerson,
        about=(("drill", drill.id), (MODEL, drill.model)),
    )
    if drill.state is DrillState.REQUESTED and drill.is_over(change.now):
        raise DrillRefused(f"{drill.id} waited for more than an hour; run another")
    _require_room(change, drill)
    return _begin(change, drill)


def stop_drill(change: Change, drill_id: str) -> Drill:
    """End a drill, or take it back before it began; who may stop the model may do so too.

    Raises NotFound, NotPermitted, DrillRefused.
    """
    drill = _locked(change, drill_id)
    on = resource(change, drill)
    if not readable(change, Permission.DRILL_RUN, on=on):
        authorize(change, Permission.SWITCH_ACTIVATE, on=on)
    return end(change, drill, Cause.STOPPED)


def start_planned(change: Change, plan: Plan) -> Drill | None:
    """Run what a schedule names, in staging; None where it ran meanwhile, or may not run now. Raises NotPermitted."""
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("a schedule does this, not a person", reasons=("not_the_program",))
    one_by_one(change, "drills")
    if not plan.is_due(change.now, queries.last_planned(change, plan.text)):
        change.unchanged(MODEL, plan.model)
        return None
    new = NewDrill(fault=plan.fault, scope={MODEL: plan.model}, share=plan.share, ttl=plan.ttl)
    drafted = _draft(change, new, plan=plan.text)
    _require_room(change, drafted)
    return _begin(change, drafted)


def end(change: Change, drill: Drill, cause: Cause) -> Drill:
    """End a drill that is locked, for whoever was authorized. Raises DrillRefused."""
    ended = change.save(drill.stop(by=change.actor, at=change.now, cause=cause))
    change.record(
        DrillStopped(
            drill=ended.id,
            model=ended.model,
            environment=Code(ended.environment),
            cause=Code(cause),
            ran=drill.state is DrillState.RUNNING,
        )
    )
    return ended


def resource(view: View, drill: Drill) -> Resource:
    """Return what a drill acts on, as scopes of roles select it."""
    return topic_resource(view, Topic(drill.environment.value, drill.model))


def _draft(change: Change, new: NewDrill, *, plan: str | None = None) -> Drill:
    configured = change.settings.switch_dimensions
    scope = parse_scope(new.scope, configured=configured)
    exception = parse_except(new.exception, configured=configured)
    parse_fault(new.fault)
    drafted = Drill(
        id=DrillId(change.new_id("dri")),
        environment=new.environment,
        model=_one_model(scope),
        scope=scope.canonical.decode(),
        exception=exception.canonical.decode(),
        fault=new.fault,
        share=basis_points(new.share),
        ttl_s=seconds("ttl", new.ttl),
        detect_s=_target("detect_within", new.detect_within),
        activate_s=_target("activate_within", new.activate_within),
        confirm_s=_target("confirm_within", new.confirm_within),
        plan=plan,
        requested_by=change.actor,
        requested_persons=tuple(sorted(acting_persons(change))),
        requested_at=change.now,
    )
    authorize(change, Permission.DRILL_RUN, on=resource(change, drafted))
    check_targets(change, scope, exception)
    return drafted


def _target(field_name: str, text: str | None) -> int | None:
    return None if text is None else seconds(field_name, text)


def _one_model(scope: Scope) -> ModelName:
    for condition in scope.conditions:
        if condition.dimension == MODEL and condition.form is Form.ANY_OF:
            if len(condition.values) == 1:
                return ModelName(condition.values[0])
            break
    raise ValueInvalid("scope.model", "one model, by its name")


def _require_room(change: Change, drill: Drill) -> None:
    """Refuse a drill that may not begin here and now."""
    place = drill.environment
    if place.value not in change.settings.drills_environments:
        raise DrillRefused(
            f"drills are off in {place}: the setting drills.environments names others"
        )
    if queries.running_on(change, place, drill.model):
        raise DrillRefused(f"another drill runs on {drill.model} in {place}; wait, or stop it")
    grave = queries.grave_switch(change, place, drill.model)
    if grave is not None:
        raise DrillRefused(
            f"{grave.id} of {grave.severity} touches {drill.model}; release it first"
        )


def _ask(change: Change, drafted: Drill) -> Drill:
    asked = change.save(drafted)
    change.record(
        DrillRequested(
            drill=asked.id,
            model=asked.model,
            environment=Code(asked.environment),
            fault=Code(asked.fault),
            share_bp=asked.share,
            ttl_s=asked.ttl_s,
        )
    )
    return asked


def _begin(change: Change, drill: Drill) -> Drill:
    running = change.save(drill.start(by=change.actor, at=change.now))
    queries.keep_counts(
        change, running.id, queries.counts_now(change, running.environment, running.model)
    )
    change.record(
        DrillStarted(
            drill=running.id,
            model=running.model,
            environment=Code(running.environment),
            fault=Code(running.fault),
            share_bp=running.share,
            dimensions=tuple(Code(name) for name in running.dimensions),
            requester=running.requested_by,
            ends_at=running.ends_at or change.now,
            plan=None if running.plan is None else Code(running.plan),
        )
    )
    return running


def _locked(change: Change, drill_id: str) -> Drill:
    drill = queries.locked_drill(change, drill_id)
    if drill is None or not readable(change, Permission.SWITCH_READ, on=resource(change, drill)):
        raise NotFound("drill", drill_id)
    return drill
