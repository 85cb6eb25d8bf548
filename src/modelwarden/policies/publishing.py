"""Publishing, assigning and retiring policies. Each needs a permit outside bootstrap mode (POL-3, AC-40)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from modelwarden.access.actions import spend
from modelwarden.access.allowed import authorize
from modelwarden.access.authorize import ANYTHING
from modelwarden.errors import EnforcementTooWeak, PolicyInvalid, PolicyNotFound, ValueInvalid
from modelwarden.facts.kinds import Code
from modelwarden.facts.policies import PolicyAssigned, PolicyPublished, PolicyRetired
from modelwarden.permissions import Permission
from modelwarden.policies import queries
from modelwarden.policies.check import BLOCK
from modelwarden.policies.document import BUILT_IN
from modelwarden.policies.governing import ASSIGN, PUBLISH, assign_payload, publish_payload
from modelwarden.policies.policy import (
    Policy,
    PolicyAssignment,
    PolicyVersion,
    assignment_id,
    policy_version_id,
    split_reference,
)
from modelwarden.policies.reads import EXPOSED, MOST_SCOPED, resolved
from modelwarden.policies.reads import policy as readable_policy
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.reads import model as readable_model
from modelwarden.registry.reads import resource_of
from modelwarden.registry.use_cases.reads import as_policies_see
from modelwarden.values.ids import PolicyName

if TYPE_CHECKING:
    from modelwarden.policies.document import Draft, PolicyDocument
    from modelwarden.registry.model import Model
    from modelwarden.store.change import Change


def publish(change: Change, document: Draft) -> PolicyVersion:
    """Publish a document as the next version of its policy; the same again changes nothing (POL-2).

    Raises NotPermitted, PermitNeeded, PolicyInvalid (a name of the program's own), PolicyWeakensParent,
    PolicyIsRetired, ActorNotFound.
    """
    authorize(change, Permission.POLICY_PUBLISH)
    final = resolved(change, document)
    if final.name.startswith(BUILT_IN):
        raise PolicyInvalid((f"name: {BUILT_IN}… belongs to the program; choose another",))
    _check_scoped(change, final)
    name = PolicyName(final.name)
    known = queries.find_policy(change, name, lock=True)
    before = known or Policy(name=name, created_by=change.actor, created_at=change.now)
    before.require_usable()
    latest = queries.find_version(change, name, version=before.latest)
    if latest is not None and latest.hash == final.hash:
        change.unchanged("policy_version", latest.id)
        return latest
    permit = spend(change, PUBLISH, publish_payload(name, final.hash))
    number = change.save(before.next()).latest
    kept = change.save(
        PolicyVersion(
            id=policy_version_id(name, number),
            name=name,
            version=number,
            hash=final.hash,
            document=final.text,
            published_by=change.actor,
            published_person=change.person,
            published_at=change.now,
        )
    )
    change.record(
        PolicyPublished(
            policy=name,
            version=number,
            hash=kept.hash,
            permit=None if permit is None else permit.id,
        )
    )
    return kept


def assign(
    change: Change,
    name: str,
    *,
    model: str | None = None,
    environment: Environment | None = None,
) -> PolicyAssignment:
    """Let the latest version of a policy govern a model, an environment of it, or whatever has none (POL-6).

    Raises NotPermitted, PermitNeeded, PolicyNotFound, PolicyIsRetired, ModelNotFound, EnforcementTooWeak.
    ValueInvalid where a version is named: an assignment goes with the newest.
    """
    found = None if model is None else readable_model(change, model, lock=True)
    on = ANYTHING if found is None else resource_of(found, environment and environment.value)
    authorize(change, Permission.POLICY_ASSIGN, on=on)
    chosen = _usable(change, name)
    where = None if found is None else found.name
    before = queries.find_assignment(change, assignment_id(where, environment), lock=True)
    if before is not None and before.policy == chosen.name:
        change.unchanged("policy_assignment", before.id)
        return before
    if found is not None and environment is not Environment.STAGING:
        _check_enforcement(chosen, as_policies_see(change, found))
    permit = spend(
        change, ASSIGN, assign_payload(chosen.name, model=where, environment=environment)
    )
    kept = change.save(
        PolicyAssignment(
            id=assignment_id(where, environment),
            policy=chosen.name,
            assigned_by=change.actor,
            assigned_at=change.now,
            model=where,
            environment=environment,
            revision=0 if before is None else before.revision,
        )
    )
    if found is not None and environment is None:
        change.save(dataclasses.replace(found, policy=chosen.name))
    change.record(
        PolicyAssigned(
            policy=kept.policy,
            previous=None if before is None else before.policy,
            model=where,
            environment=None if environment is None else Code(environment.value),
            permit=None if permit is None else permit.id,
        )
    )
    return kept


def retire_policy(change: Change, name: str) -> Policy:
    """End a policy that governs nothing. Raises NotPermitted, PolicyNotFound, PolicyAssignedStill.

    One with `applies_to` governs: a version without it, which takes a permit, has to come first (POL-3).
    """
    authorize(change, Permission.POLICY_PUBLISH)
    found = queries.find_policy(change, name, lock=True)
    if found is None:
        raise PolicyNotFound(name)
    default, _ = split_reference(change.settings.default_policy)
    newest = queries.find_version(change, found.name, version=found.latest)
    scoped = newest is not None and newest.scope is not None
    assigned = scoped or default == found.name or queries.is_assigned(change, found.name)
    kept = change.save(found.retire(assigned=assigned, now=change.now))
    change.record(PolicyRetired(policy=kept.name))
    return kept


def _check_scoped(change: Change, document: PolicyDocument) -> None:
    """Raise PolicyInvalid where too many policies choose for themselves what they govern."""
    if document.applies_to is None:
        return
    others = queries.scoped_versions(change, limit=MOST_SCOPED)
    if len(others) == MOST_SCOPED and document.name not in {other.name for other in others}:
        raise PolicyInvalid((f"applies_to: {MOST_SCOPED} policies have one already; assign it",))


def _check_enforcement(chosen: PolicyVersion, model: Model) -> None:
    """Raise EnforcementTooWeak where a policy that lets things pass would govern what is exposed (RL-12, RL-42)."""
    enforcement, auto = chosen.parsed.enforcement, chosen.parsed.auto_approval
    if model.risk_tier <= EXPOSED and auto is not None and auto.enabled:
        raise EnforcementTooWeak(
            f"{chosen.name} fills a seat by itself; {model.name} is of tier {model.risk_tier}"
        )
    if model.risk_tier <= EXPOSED and enforcement != BLOCK:
        raise EnforcementTooWeak(
            f"{chosen.name} only says {enforcement}; {model.name} is of tier {model.risk_tier}"
        )


def _usable(change: Change, name: str) -> PolicyVersion:
    if "@" in name:
        raise ValueInvalid("policy", "the name alone; the newest version governs, whichever it is")
    chosen = readable_policy(change, name)
    known = queries.find_policy(change, chosen.name, lock=True)
    if known is not None:
        known.require_usable()
    return chosen
