"""Taking a deployment a step on, live, or back where it came from: rows, routes and facts of one move (RL-35, RL-36).

Nothing is decided here: who calls has seen that the step may be taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.deployments import queries
from modelwarden.deployments.elsewhere import was_agreed
from modelwarden.deployments.rollout import REVIEW_DUE, DeploymentState
from modelwarden.deployments.targets.asking import ask, ask_back
from modelwarden.facts.deployments import DeploymentLive, StepAdvanced
from modelwarden.facts.kinds import Code
from modelwarden.guard.router import WHOLE, Strategy
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.queries import find_model, find_version
from modelwarden.registry.use_cases.reads import as_policies_see
from modelwarden.safeguards.routes.moving import move_route
from modelwarden.safeguards.routes.queries import find_route
from modelwarden.safeguards.routes.route import BY_KEY, BY_WORKER, RouteTable, route_id

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.deployments.rollout import Deployment
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change
    from modelwarden.values.ids import Label

NO_SALT: Final = "00" * 16
"""Parts nobody: of a deployment that one version answers all of."""
HIGH_TIER: Final = 2
BASIS_POINTS: Final = WHOLE // 100


def announce(change: Change, started: Deployment, before: Deployment) -> None:
    """Name the candidate to guards, with no traffic yet, so that workers load it."""
    move_route(change, _shared(started, _stable(change, before)))


def take_step(change: Change, deployment: Deployment, before: Deployment | None) -> Deployment:
    """Take the next step; the last one, if it needs neither time nor a target's word, is to be live."""
    number = deployment.next_step
    if number is None:
        return go_live(change, deployment, before)
    step, plan = deployment.steps[number], deployment.plan
    is_over = before is None or (number == len(deployment.steps) - 1 and not step.bake)
    if is_over and not (plan is not None and plan.targets):
        return go_live(change, deployment, before)
    mirrors = deployment.strategy is Strategy.SHADOW
    moved = deployment.at_step(number, at=change.now, has_traffic=step.traffic > 0 or mirrors)
    kept = change.save(moved)
    change.record(
        StepAdvanced(
            deployment=kept.id,
            model=kept.model,
            version=kept.version,
            environment=Code(kept.environment),
            step=number + 1,
            steps=len(kept.steps),
            traffic=step.traffic,
            artifact=kept.artifact_sha256,
        )
    )
    if before is not None:  # with nothing live before, guards get their route when this is
        move_route(change, _shared(kept, _stable(change, before)))
    ask(change, kept)
    return kept


def go_live(change: Change, deployment: Deployment, before: Deployment | None) -> Deployment:
    """Put all traffic on the version; the one before is superseded in the same change."""
    if before is not None:
        change.save(before.end(DeploymentState.SUPERSEDED, at=change.now))
    going = find_version(change, deployment.version, lock=True)
    if going is not None:
        move_versions(change, before, going, to=deployment.environment)
    live = change.save(_to_review(change, deployment).go_live(at=change.now))
    change.record(
        DeploymentLive(
            deployment=live.id,
            model=live.model,
            version=live.version,
            environment=Code(live.environment),
            replaces=live.replaces,
            replaced=None if before is None else before.version,
        )
    )
    give_all(change, live)
    return live


def give_all(change: Change, live: Deployment) -> None:
    """Let guards answer everything by the version of a deployment, and by no other."""
    move_route(change, _route(live, live.label))


def move_versions(
    change: Change,
    before: Deployment | None,
    going: Version,
    *,
    to: Environment,
    back: bool = False,
) -> None:
    """Say of both versions where they are live now; `back` when the one before was rolled back."""
    if before is not None and before.version != going.name:
        gone = find_version(change, before.version, lock=True)
        if gone is not None:
            change.save(gone.ended(to, rolled_back=back))
    if to not in going.live_in:
        change.save(going.went_live(to))


def restore_route(change: Change, ended: Deployment) -> Deployment | None:
    """Give all traffic to what was live before an unfinished deployment; return that."""
    before = queries.locked_live(change, ended.model, ended.environment)
    if before is not None:
        move_route(change, _route(before, _stable(change, before)))
        ask_back(change, ended, before, under=ended)
    return before


def review_due(change: Change, deployment: Deployment) -> datetime | None:
    """Return when somebody has to look back at a release: in production, at the two highest tiers (RL-41)."""
    if deployment.environment is not Environment.PRODUCTION:
        return None
    model = find_model(change, deployment.model)
    high = model is not None and as_policies_see(change, model).risk_tier <= HIGH_TIER
    return change.now + REVIEW_DUE if high else None


def _to_review(change: Change, deployment: Deployment) -> Deployment:
    if deployment.is_emergency:  # it is due since it began
        return deployment
    return deployment.to_be_reviewed(review_due(change, deployment))


def _stable(change: Change, before: Deployment) -> Label:
    """Return what guards answer by besides a candidate: what is live.

    What was made elsewhere moved no route (RL-36a), and what nobody agreed to moves none by a later deployment either.
    """
    if was_agreed(change, before):
        return before.label
    route = find_route(change, before.environment, before.model)
    return before.label if route is None else route.stable


def _shared(deployment: Deployment, stable: Label) -> RouteTable:
    """Return the route at the step that stands: the candidate's share, or its calls mirrored."""
    if deployment.strategy is Strategy.SHADOW:
        mirrored = deployment.label if deployment.step is not None else None
        return _route(deployment, stable, shadow=mirrored)
    share = deployment.traffic * BASIS_POINTS
    return _route(deployment, stable, candidate=deployment.label, share=share)


def _route(
    deployment: Deployment,
    stable: Label,
    *,
    candidate: Label | None = None,
    share: int = 0,
    shadow: Label | None = None,
) -> RouteTable:
    return RouteTable(
        id=route_id(deployment.environment, deployment.model),
        environment=deployment.environment,
        model=deployment.model,
        deployment=deployment.id,
        strategy=deployment.strategy.value,
        salt=deployment.salt or NO_SALT,
        by=BY_WORKER if deployment.strategy is Strategy.ROLLING else BY_KEY,
        stable=stable,
        candidate=candidate,
        share=share,
        shadow=shadow,
    )
