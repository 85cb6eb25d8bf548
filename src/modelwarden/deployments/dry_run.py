"""Past releases held against a draft: had it been the policy, which would have been stopped (POL-7, RL-13).

Evidence, drills and verifications are read as they stood when each release began. Fields of the registry and the
figures that were registered with a version are as they are now: the registry keeps one state of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize, readable
from modelwarden.approvals.decision import Answer, Custody
from modelwarden.approvals.queries import decisions_of, find_request
from modelwarden.approvals.request import Signing
from modelwarden.deployments import queries
from modelwarden.errors import ValueInvalid
from modelwarden.permissions import Permission
from modelwarden.policies.checking import evaluated
from modelwarden.policies.document import draft
from modelwarden.policies.gathering import Past
from modelwarden.policies.governing import PolicyRef
from modelwarden.policies.reads import requirements, requirements_with, resolved
from modelwarden.registry import reads as registry
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.queries import find_model, find_version
from modelwarden.values.ids import PolicyName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.deployments.rollout import Deployment
    from modelwarden.policies.document import PolicyDocument
    from modelwarden.policies.governing import Requirements
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import View

MOST_DAYS: Final = 366
MOST_RELEASES: Final = 500
DRAFT: Final = 0
"""The version of a document that has no number yet."""


class Turn(StrEnum):
    """How a release would have fared."""

    NEWLY_BLOCKED = "newly_blocked"
    NEWLY_CLEAR = "newly_clear"
    STILL_BLOCKED = "still_blocked"
    STILL_CLEAR = "still_clear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One past release, under what governs now and under the draft.

    Attributes:
        now, drafted: what stands against it, each as `code: words`; nothing where it would have gone live.
    """

    deployment: Deployment
    now: tuple[str, ...]
    drafted: tuple[str, ...]

    @property
    def turn(self) -> Turn:
        """Return how it would have fared."""
        if self.drafted:
            return Turn.STILL_BLOCKED if self.now else Turn.NEWLY_BLOCKED
        return Turn.NEWLY_CLEAR if self.now else Turn.STILL_CLEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """A draft, and the past releases that were held against it, newest first."""

    document: PolicyDocument
    replays: tuple[Replay, ...]


def dry_run(
    view: View,
    text: str,
    *,
    days: int = 90,
    model: str | None = None,
    environment: Environment = Environment.PRODUCTION,
) -> DryRun:
    """Return the releases of the last days, newest first, held against a draft; at most 500 that the caller may read.

    Where the draft is a new version of a policy it takes that one's place; else it joins what governs.

    Raises NotPermitted, PolicyInvalid, PolicyWeakensParent, ModelNotFound, ValueInvalid.
    """
    authorize(view, Permission.POLICY_DRAFT)
    if not 1 <= days <= MOST_DAYS:
        raise ValueInvalid("days", f"1 to {MOST_DAYS}")
    document = resolved(view, draft(text))
    found = None if model is None else registry.model(view, model)
    past = queries.releases_since(
        view,
        view.now - timedelta(days=days),
        model=None if found is None else found.name,
        environment=environment,
        limit=MOST_RELEASES,
    )
    replays = tuple(replay for each in past for replay in _replayed(view, each, document))
    return DryRun(document=document, replays=replays)


def _replayed(view: View, deployment: Deployment, document: PolicyDocument) -> Iterator[Replay]:
    version, model = find_version(view, deployment.version), find_model(view, deployment.model)
    if version is None or model is None:
        return
    if not readable(view, Permission.DEPLOYMENT_READ, on=registry.resource_of(model)):
        return
    place = deployment.environment
    pinned = PolicyRef(PolicyName(document.name), DRAFT, document.hash)
    before = requirements(view, model.name, place)
    after = requirements_with(view, model, place, drafted=(pinned, document))
    yield Replay(
        deployment=deployment,
        now=tuple(_against(view, deployment, version, model, before)),
        drafted=tuple(_against(view, deployment, version, model, after)),
    )


def _against(
    view: View, deployment: Deployment, version: Version, model: Model, needs: Requirements
) -> Iterator[str]:
    """Yield what these requirements would have held against a release when it began."""
    yield from _people(view, deployment, needs)
    replaced = (
        None if deployment.replaces is None else queries.find_deployment(view, deployment.replaces)
    )
    live = None if replaced is None else find_version(view, replaced.version)
    then = evaluated(
        view, version, model=model, needs=needs, past=Past(deployment.started_at, live)
    )
    for result in then.results:
        if result.blocks:
            code = "checks_blocking" if result.fails else "checks_unknown"
            yield f"{code}: {result.name.partition('@')[0]}/{result.check} is {result.outcome}"


def _people(view: View, deployment: Deployment, needs: Requirements) -> Iterator[str]:
    if needs.humans == 0:
        return
    request = None if deployment.request is None else find_request(view, deployment.request)
    if request is None:
        yield f"not_approved: nobody agreed, {needs.humans} people are needed"
        return
    agreed = [d for d in decisions_of(view, request.id) if d.stands and d.verdict is Answer.APPROVE]
    people = len({d.person for d in agreed if d.is_human})
    if people < needs.humans:
        yield f"not_approved: {people} people agreed, {needs.humans} are needed"
    if needs.signature == Signing.PERSONAL and any(
        d.is_human and d.custody is not Custody.PERSONAL for d in agreed
    ):
        yield "signature_invalid: a decision was not signed with a key of one's own"
    if deployment.started_at >= request.opened_at + needs.expires_after:
        yield "approval_expired: the approval was older than it may be"
