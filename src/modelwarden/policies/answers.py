"""Policies as callers get them, with handles filled in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modelwarden.access.accounts import handle_of
from modelwarden.errors import PolicyNotFound
from modelwarden.policies.document import BUILT_IN
from modelwarden.policies.queries import find_policy
from modelwarden.policies.reads import find_policy_version
from modelwarden.values.answers import AssignmentAnswer, PolicyAnswer
from modelwarden.values.checks import ImportAnswer

if TYPE_CHECKING:
    from modelwarden.policies.policy import Policy, PolicyAssignment, PolicyVersion
    from modelwarden.policies.reads import Imported, Lint
    from modelwarden.store.change import View


def policy_answer(view: View, version: PolicyVersion) -> PolicyAnswer:
    """Return a policy version as callers see it: `built_in`, `published` or `retired`."""
    if version.name.startswith(BUILT_IN):
        state, publisher, at = "built_in", None, None
    else:
        line = find_policy(view, version.name)
        state = "published" if line is None or line.retired_at is None else "retired"
        publisher, at = handle_of(view, version.published_by), version.published_at
    return PolicyAnswer(
        name=version.name,
        version=version.version,
        hash=version.hash,
        state=state,
        document=json.loads(version.document),
        published_by=publisher,
        published_at=at,
    )


def retired_answer(view: View, policy: Policy) -> PolicyAnswer:
    """Return a policy that was just retired, at its newest version."""
    newest = find_policy_version(view, policy.name)
    if newest is None:
        raise PolicyNotFound(policy.name)
    return policy_answer(view, newest)


def lint_answer(_view: View, found: Lint) -> PolicyAnswer:
    """Return a document that could be published; version 0, since it has no number yet."""
    return PolicyAnswer(
        name=found.name,
        version=0,
        hash=found.hash,
        state="draft",
        document=json.loads(found.document.text),
        published_by=None,
        published_at=None,
    )


def import_answer(_view: View, found: Imported) -> ImportAnswer:
    """Return a translated file as callers see it."""
    told = found.translated
    return ImportAnswer(
        name=told.name,
        document=told.text,
        hash=found.hash,
        settings=told.settings,
        notes=told.notes,
        beside=found.beside,
        diff=found.diff,
    )


def assignment_answer(view: View, assignment: PolicyAssignment) -> AssignmentAnswer:
    """Return an assignment as callers see it."""
    place = assignment.environment
    return AssignmentAnswer(
        policy=assignment.policy,
        model=assignment.model,
        environment=None if place is None else place.value,
        assigned_by=handle_of(view, assignment.assigned_by),
        assigned_at=assignment.assigned_at,
    )
