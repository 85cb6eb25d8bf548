"""Going back to an earlier version (RL-38). It never needs an approval, and never skips the bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize
from modelwarden.approvals import queries as requests
from modelwarden.approvals.gate import has_same_bytes
from modelwarden.approvals.request import RequestState
from modelwarden.deployments import evidence, queries
from modelwarden.deployments.rollout import Deployment, DeploymentKind, DeploymentState
from modelwarden.deployments.starting import check_free, drafted
from modelwarden.deployments.stepping import give_all, move_versions
from modelwarden.deployments.targets.asking import ask_back
from modelwarden.errors import (
    ArtifactMismatch,
    ArtifactUnreadable,
    NothingToRollBackTo,
    ValueInvalid,
)
from modelwarden.facts.deployments import DeploymentRolledBack
from modelwarden.facts.kinds import Code
from modelwarden.permissions import Permission
from modelwarden.policies.reads import requirements
from modelwarden.registry import reads as registry
from modelwarden.registry.lifecycle import Environment

if TYPE_CHECKING:
    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.deployments.evidence import Prepared
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change
    from modelwarden.values.ids import Digest

SHORTEST_REASON: Final = 3
LONGEST_REASON: Final = 4_000


def rollback(
    change: Change,
    model: str,
    *,
    reason: str,
    prepared: Prepared,
    environment: Environment = Environment.PRODUCTION,
) -> Deployment:
    """Make an earlier version live again; its approval may have expired since, which is recorded.

    Raises:
        ModelNotFound, NotPermitted, ValueInvalid, DeploymentInProgress.
        NothingToRollBackTo: the prepared version was not live there before.
        ArtifactMismatch, ArtifactUnreadable: its bytes are not what they were; an older one is named.
    """
    owner = registry.model(change, model, lock=True)
    on = registry.resource_of(owner, environment)
    authorize(change, Permission.DEPLOY_ROLLBACK, on=on)
    if not SHORTEST_REASON <= len(reason.strip()) <= LONGEST_REASON:
        raise ValueInvalid("reason", f"{SHORTEST_REASON} to {LONGEST_REASON:,} characters")
    check_free(change, owner, environment)
    before = queries.locked_live(change, owner.name, environment)
    older = evidence.versions_before(change, owner.name, environment)
    going = next((one for one in older if one.name == prepared.version), None)
    if before is None or going is None:
        raise NothingToRollBackTo(f"{prepared.version} was not live in {environment} before")
    sha256 = same_bytes(change, prepared, going, older)
    request = requests.covering_request(change, going.name, environment)
    planned = replace(
        drafted(change, going, environment),
        kind=DeploymentKind.ROLLBACK,
        request=None if request is None else request.id,
        artifact_sha256=sha256,
        replaces=before.id,
        notes=change.text(reason.strip()),
    )
    needs = requirements(change, owner.name, environment)
    expired = needs.humans > 0 and not _in_force(change, request)
    return gone_back(change, planned, going, before, expired=expired)


def gone_back(
    change: Change, planned: Deployment, going: Version, before: Deployment, *, expired: bool
) -> Deployment:
    """Make an earlier version live again in the place of what is live."""
    change.save(before.end(DeploymentState.ROLLED_BACK, at=change.now))
    move_versions(change, before, going, to=planned.environment, back=True)
    live = change.save(planned.go_live(at=change.now))
    change.record(
        DeploymentRolledBack(
            deployment=live.id,
            model=live.model,
            version=live.version,
            environment=Code(live.environment),
            replaces=before.id,
            replaced=before.version,
            artifact=live.artifact_sha256,
            expired=expired,
            reason=live.notes,
        )
    )
    give_all(change, live)
    ask_back(change, before, live, under=live)
    return live


def same_bytes(change: Change, prepared: Prepared, going: Version, older: list[Version]) -> Digest:
    """Return the digest of the bytes, which are those that were registered."""
    artifact = evidence.artifact_now(prepared, going, now=change.now)
    about = (("model", going.model), ("version", going.name))
    others = [one.label for one in older if one.name != going.name]
    hint = f"; try {others[0]}" if others else "; stop the model with a switch"
    if artifact.sha256 is None:
        raise ArtifactUnreadable(f"{going.name}: {artifact.unreadable}{hint}", about=about)
    if not has_same_bytes(going, artifact):
        raise ArtifactMismatch(f"{going.name} has other bytes than registered{hint}", about=about)
    return artifact.sha256


def _in_force(change: Change, request: ApprovalRequest | None) -> bool:
    return (
        request is not None
        and request.state is RequestState.APPROVED
        and change.now < request.expires_at
    )
