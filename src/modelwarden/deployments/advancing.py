"""The next step of a deployment, by a person or by time, and what ends one that is under way (RL-36, RL-37)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelwarden.access import queries as accounts
from modelwarden.access import rights
from modelwarden.access.allowed import authorize
from modelwarden.access.authorize import decide
from modelwarden.approvals import gate
from modelwarden.deployments import evidence, queries
from modelwarden.deployments.outlook import standing
from modelwarden.deployments.rollout import REVIEW_DUE, DeploymentState
from modelwarden.deployments.starting import gate_passed, permission_of
from modelwarden.deployments.stepping import restore_route, take_step
from modelwarden.errors import NotFound, NotInProgress, NotPermitted, StepHeld, ValueInvalid
from modelwarden.facts.deployments import DeploymentAborted, RolloutHeld, RolloutRolledBack
from modelwarden.facts.kinds import Code
from modelwarden.guard.router import Strategy
from modelwarden.permissions import Permission
from modelwarden.registry import reads as registry
from modelwarden.registry.queries import find_model, find_version
from modelwarden.safeguards.triggers.signal import figure
from modelwarden.values.principal import ActorKind, ActorStatus, Via

if TYPE_CHECKING:
    from decimal import Decimal

    from modelwarden.deployments.evidence import Prepared
    from modelwarden.deployments.outlook import Standing
    from modelwarden.deployments.rollout import Deployment
    from modelwarden.registry.model import Model
    from modelwarden.store.change import Change, View

SHORTEST_REASON: Final = 3
LONGEST_REASON: Final = 4_000
SHADOWED: Final = Code("shadow_served")
BY_A_PERSON: Final = Code("by_a_person")


def advance(change: Change, deployment_id: str, *, prepared: Prepared) -> Deployment:
    """Take the next step of a deployment, if its time has passed, its conditions hold and the gate allows.

    Raises:
        NotFound, NotPermitted, NotInProgress.
        StepHeld: `reasons` say what it waits for.
        GateRefused: `reasons` holds the code of every condition that does not hold (RL-33).
    """
    deployment, model = locked(change, deployment_id)
    on = registry.resource_of(model, deployment.environment)
    authorize(change, permission_of(deployment), on=on)
    _require_under_way(deployment)
    found = standing(change, deployment)
    if found.waits:
        said = "; ".join(f"{reason.code}: {reason.detail}" for reason in found.waits)
        raise StepHeld(said, about=(("deployment", deployment.id),), reasons=found.codes)
    if _has_served(deployment):
        return aborted(change, deployment, cause=SHADOWED, reason=None)
    case = case_of(change, deployment, model, prepared=prepared)
    return _moved_on(change, deployment, case)


def abort(change: Change, deployment_id: str, *, reason: str) -> Deployment:
    """End an unfinished deployment; what was live has all the traffic again.

    Raises NotFound, NotPermitted, NotInProgress, ValueInvalid.
    """
    deployment, model = locked(change, deployment_id)
    authorize(
        change,
        Permission.DEPLOY_ROLLBACK,
        on=registry.resource_of(model, deployment.environment),
    )
    if not SHORTEST_REASON <= len(reason.strip()) <= LONGEST_REASON:
        raise ValueInvalid("reason", f"{SHORTEST_REASON} to {LONGEST_REASON:,} characters")
    _require_under_way(deployment)
    return aborted(change, deployment, cause=BY_A_PERSON, reason=reason.strip())


def under_way(view: View) -> list[Deployment]:
    """Return the deployments that time may move, oldest first; what a restore left behind waits for a person."""
    return [one for one in queries.under_way(view) if not view.is_frozen("deployment", one.id)]


def case_of(
    view: View, deployment: Deployment, model: Model, *, prepared: Prepared | None = None
) -> gate.Case:
    """Load what the gate weighs of a step; the deployer is who acts, or who started it where time does."""
    going = registry.version(view, deployment.model, deployment.label)
    artifact = (
        evidence.artifact_registered(going)
        if prepared is None
        else evidence.artifact_now(prepared, going, now=view.now)
    )
    case = evidence.gate_case(
        view,
        going,
        model=model,
        environment=deployment.environment,
        artifact=artifact,
        permitted=True,
        prepared=prepared,
        emergency=deployment.is_emergency,
    )
    if view.principal.kind is not ActorKind.SYSTEM:
        return case
    permitted = _starter_may(view, deployment, model)
    return replace(
        case, deployer=gate.Deployer(person=deployment.started_person, permitted=permitted)
    )


def waits_for(view: View, deployment: Deployment, *, prepared: Prepared | None) -> tuple[str, ...]:
    """Return the codes of all that the next step waits for, the gate's reasons among them.

    Before anything is prepared, no other system was read: what it says holds a step up only once it is (RL-34).
    """
    found = standing(view, deployment)
    model = find_model(view, deployment.model)
    if found.waits or model is None or _has_served(deployment):
        return found.codes
    case = case_of(view, deployment, model, prepared=prepared)
    return gate.weigh(case if prepared is not None else replace(case, systems=())).codes


def keep_rollout(change: Change, deployment_id: str, *, prepared: Prepared) -> Deployment | None:
    """Take the step that time has brought, as the program itself; None where there is none any more.

    Raises GateRefused, NotPermitted.
    """
    require_program(change)
    deployment, model = locked(change, deployment_id)
    if deployment.state is not DeploymentState.IN_PROGRESS or standing(change, deployment).waits:
        change.unchanged("deployment", deployment.id)
        return None
    if _has_served(deployment):
        return aborted(change, deployment, cause=SHADOWED, reason=None)
    return _moved_on(change, deployment, case_of(change, deployment, model, prepared=prepared))


def hold_rollout(
    change: Change, deployment_id: str, *, waits: tuple[str, ...]
) -> Deployment | None:
    """Tell that a deployment does not go on though its time has passed, and why; with nothing, that it can again."""
    require_program(change)
    deployment, _ = locked(change, deployment_id)
    said = json.dumps(sorted(waits)) if waits else None
    if deployment.state is not DeploymentState.IN_PROGRESS or deployment.waits == said:
        change.unchanged("deployment", deployment.id)
        return None
    kept = change.save(replace(deployment, waits=said))
    change.record(
        RolloutHeld(
            deployment=kept.id,
            model=kept.model,
            version=kept.version,
            environment=Code(kept.environment),
            traffic=kept.traffic,
            reasons=tuple(Code(code) for code in sorted(waits)),
        )
    )
    return kept


def take_back(change: Change, deployment_id: str) -> Deployment | None:
    """End an unfinished deployment that the policy's conditions take back; None where they do not any more (RL-37).

    It never needs an approval. Somebody has to look back at it (RL-41).
    """
    require_program(change)
    deployment, _ = locked(change, deployment_id)
    found = standing(change, deployment)
    before = restorable(change, deployment)
    if found.ends_by is None or before is None:
        change.unchanged("deployment", deployment.id)
        return None
    going = find_version(change, deployment.version, lock=True)
    if going is not None:
        change.save(going.ended(deployment.environment, rolled_back=True))
    ended = change.save(
        deployment.end(DeploymentState.ROLLED_BACK, at=change.now).to_be_reviewed(
            change.now + REVIEW_DUE
        )
    )
    _tell_back(change, deployment, before, found)
    restore_route(change, ended)
    return ended


def restorable(view: View, deployment: Deployment) -> Deployment | None:
    """Return what was live before an unfinished deployment, and is."""
    if deployment.state is not DeploymentState.IN_PROGRESS:
        return None
    return queries.live(view, deployment.model, deployment.environment)


def _tell_back(change: Change, deployment: Deployment, before: Deployment, found: Standing) -> None:
    seen = found.ends_by
    if seen is None:
        return
    change.record(
        RolloutRolledBack(
            deployment=deployment.id,
            model=deployment.model,
            version=deployment.version,
            environment=Code(deployment.environment),
            restored=before.version,
            traffic=deployment.traffic,
            metric=Code(seen.condition.metric),
            against=Code(seen.condition.against),
            limit=figure(seen.condition.limit),
            value=_decimal(seen.value),
            calls=seen.candidate.calls,
            baseline=_decimal(seen.reference),
            baseline_calls=seen.baseline.calls,
            since=seen.since,
            until=seen.until,
        )
    )


def _moved_on(change: Change, deployment: Deployment, case: gate.Case) -> Deployment:
    passed = gate_passed(change, case, deployment.environment)
    before = queries.locked_live(change, deployment.model, deployment.environment)
    verdict = passed.to_line().decode().removesuffix("\n")
    return take_step(change, replace(deployment, verdict=verdict), before)


def aborted(
    change: Change, deployment: Deployment, *, cause: Code, reason: str | None
) -> Deployment:
    """End a deployment that is under way; what was live has all the traffic again."""
    traffic = deployment.traffic
    ended = change.save(deployment.end(DeploymentState.ABORTED, at=change.now))
    change.record(
        DeploymentAborted(
            deployment=ended.id,
            model=ended.model,
            version=ended.version,
            environment=Code(ended.environment),
            traffic=traffic,
            cause=cause,
            reason=None if reason is None else change.text(reason),
        )
    )
    restore_route(change, ended)
    return ended


def _has_served(deployment: Deployment) -> bool:
    """Tell whether it is a shadow behind its last step: it ends then, and never answers anybody."""
    return deployment.strategy is Strategy.SHADOW and deployment.next_step is None


def _starter_may(view: View, deployment: Deployment, model: Model) -> bool:
    """Tell whether who started a deployment could still: time goes on with nobody's rights but theirs."""
    actor = accounts.actor_by_id(view, deployment.started_by)
    if actor is None or actor.status is not ActorStatus.ACTIVE:
        return False
    principal = rights.principal_of(view, actor, via=Via.PROCESS)
    on = registry.resource_of(model, deployment.environment)
    return decide(principal, permission_of(deployment), on, view.now).allow


def locked(change: Change, deployment_id: str) -> tuple[Deployment, Model]:
    """Return a deployment and its model, locked in the order of a start. Raises NotFound."""
    found = queries.find_deployment(change, deployment_id)
    if found is None:
        raise NotFound("deployment", deployment_id)
    registry.version(change, found.model, found.label, lock=True)  # in the order of a start
    model = registry.model(change, found.model, lock=True)
    return queries.locked_deployment(change, deployment_id) or found, model


def _require_under_way(deployment: Deployment) -> None:
    if deployment.state is not DeploymentState.IN_PROGRESS:
        raise NotInProgress(f"{deployment.id} is {deployment.state}")


def require_program(change: Change) -> None:
    """Raise NotPermitted unless the program itself acts."""
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("time does this, not a person", reasons=("not_the_program",))


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else figure(value)
