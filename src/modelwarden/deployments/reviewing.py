"""Looking back at a deployment, by somebody who had no part in it (RL-41)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.access import queries as accounts
from modelwarden.access.allowed import acting_persons, authorize, require_person
from modelwarden.approvals import queries as requests
from modelwarden.deployments import queries
from modelwarden.errors import NotFound, ReviewNotDue, SelfReview, ValueInvalid
from modelwarden.facts.deployments import ReviewRecorded
from modelwarden.facts.kinds import Code
from modelwarden.permissions import Permission
from modelwarden.registry import reads as registry

if TYPE_CHECKING:
    from modelwarden.deployments.rollout import Deployment, ReviewOutcome
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import PersonId

SHORTEST: Final = 20
LONGEST: Final = 4_000


def review(
    change: Change, deployment_id: str, *, outcome: ReviewOutcome, findings: str
) -> Deployment:
    """Say what a look back at a deployment found.

    Raises:
        NotFound, NotPermitted, ValueInvalid.
        SelfReview: whoever asked for, approved or made it looks back at their own work.
        ReviewNotDue: nobody has to, or somebody has.
    """
    found = queries.locked_deployment(change, deployment_id)
    if found is None:
        raise NotFound("deployment", deployment_id)
    model = registry.model(change, found.model)
    authorize(change, Permission.DEPLOY_REVIEW, on=registry.resource_of(model, found.environment))
    require_person(change)
    if not SHORTEST <= len(findings.strip()) <= LONGEST:
        raise ValueInvalid("findings", f"{SHORTEST} to {LONGEST:,} characters")
    if found.review_due_at is None or found.reviewed_at is not None:
        raise ReviewNotDue(f"nobody has to look back at {found.id}, or somebody has")
    if acting_persons(change) & _had_part(change, found):
        raise SelfReview(
            f"you had a part in {found.id}; somebody else looks back at it",
            about=(("deployment", found.id),),
        )
    kept = change.save(
        found.review(
            outcome, by=change.actor, findings=change.text(findings.strip()), at=change.now
        )
    )
    change.record(
        ReviewRecorded(
            deployment=kept.id,
            model=kept.model,
            version=kept.version,
            environment=Code(kept.environment),
            outcome=Code(outcome),
            due=found.review_due_at,
            findings=kept.findings or change.text(findings),
        )
    )
    return kept


def _had_part(view: View, found: Deployment) -> frozenset[PersonId]:
    """Return who started it, asked for it and answered, as the persons that they are today."""
    own = None if found.request is None else requests.find_request(view, found.request)
    other = (  # it may have been approved by another request than the one that it went live on
        requests.covering_request(view, found.version, found.environment)
        if found.is_emergency
        else None
    )
    persons = {found.started_person}
    for request in filter(None, (own, other)):
        answers = requests.decisions_of(view, request.id)
        persons |= {request.requester_person, *(each.person for each in answers)}
        persons |= {each.delegator_person for each in answers if each.delegator_person}
    return accounts.current_persons(view, persons) | persons
