"""The SQL of policies, their versions and their assignments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, or_, select

from modelwarden.policies.policy import Policy, PolicyAssignment, PolicyVersion
from modelwarden.registry.lifecycle import Environment
from modelwarden.store.schema.policies import assignments, policies, policy_versions
from modelwarden.values.clock import moment

if TYPE_CHECKING:
    from sqlalchemy import Row

    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName, PolicyName

_POLICY: Final = select(policies).where(policies.c.name == bindparam("name"))
_LOCKED_POLICY: Final = _POLICY.with_for_update()
_OF_LATEST: Final = and_(
    policy_versions.c.name == policies.c.name, policy_versions.c.version == policies.c.latest
)
_LATEST: Final = (
    select(policy_versions)
    .join(policies, _OF_LATEST)
    .where(policies.c.name.in_(bindparam("names", expanding=True)))
    .order_by(policies.c.name)
    .limit(1_000)
)
_PAGE: Final = (
    select(policy_versions)
    .join(policies, _OF_LATEST)
    .where(policies.c.name > bindparam("after"))
    .order_by(policies.c.name)
    .limit(bindparam("limit"))
)
_VERSION: Final = select(policy_versions).where(
    policy_versions.c.name == bindparam("name"), policy_versions.c.version == bindparam("version")
)
_VERSIONS: Final = (
    select(policy_versions)
    .where(
        policy_versions.c.name == bindparam("name"),
        policy_versions.c.version < bindparam("before"),
    )
    .order_by(policy_versions.c.version.desc())
    .limit(bindparam("limit"))
)
_ASSIGNMENT: Final = select(assignments).where(assignments.c.id == bindparam("id"))
_LOCKED_ASSIGNMENT: Final = _ASSIGNMENT.with_for_update()
_ASSIGNED: Final = (
    select(assignments)
    .where(
        or_(assignments.c.model.is_(None), assignments.c.model == bindparam("model")),
        or_(
            assignments.c.environment.is_(None),
            assignments.c.environment == bindparam("environment"),
        ),
    )
    .order_by(assignments.c.id)
    .limit(16)
)
_USE: Final = (
    select(assignments.c.id)
    .where(assignments.c.policy == bindparam("policy"))
    .order_by(assignments.c.id)
    .limit(1)
)


def find_policy(view: View, name: str, *, lock: bool = False) -> Policy | None:
    """Return a policy, or None; `lock` holds its row until the commit."""
    row = view.row(_LOCKED_POLICY if lock else _POLICY, {"name": name})
    if row is None:
        return None
    return Policy(
        name=row.name,
        created_by=row.created_by,
        created_at=moment(row.created_at),
        latest=row.latest,
        retired_at=None if row.retired_at is None else moment(row.retired_at),
        revision=row.revision,
    )


def latest_versions(view: View, names: list[str]) -> list[PolicyVersion]:
    """Return the latest version of each policy that exists."""
    return [as_version(row) for row in view.rows(_LATEST, {"names": names})]


def latest_after(view: View, after: str, *, limit: int) -> list[PolicyVersion]:
    """Return the latest version of each policy whose name follows, in order."""
    return [as_version(row) for row in view.rows(_PAGE, {"after": after, "limit": limit})]


def find_version(view: View, name: str, *, version: int) -> PolicyVersion | None:
    """Return one version of a policy, or None."""
    row = view.row(_VERSION, {"name": name, "version": version})
    return None if row is None else as_version(row)


def versions_before(view: View, name: str, *, before: int, limit: int) -> list[PolicyVersion]:
    """Return the versions of a policy below a number, newest first."""
    params = {"name": name, "before": before, "limit": limit}
    return [as_version(row) for row in view.rows(_VERSIONS, params)]


def find_assignment(
    view: View, assignment_id: str, *, lock: bool = False
) -> PolicyAssignment | None:
    """Return an assignment, or None; `lock` holds its row until the commit."""
    row = view.row(_LOCKED_ASSIGNMENT if lock else _ASSIGNMENT, {"id": assignment_id})
    return None if row is None else as_assignment(row)


def assignments_for(
    view: View, model: ModelName | None, environment: Environment
) -> list[PolicyAssignment]:
    """Return what is assigned to this model in this environment, and to whatever has nothing."""
    params = {"model": model, "environment": environment.value}
    return [as_assignment(row) for row in view.rows(_ASSIGNED, params)]


def is_assigned(view: View, policy: PolicyName) -> bool:
    """Tell whether a policy is assigned to anything."""
    return view.row(_USE, {"policy": policy}) is not None


def as_version(row: Row[Any]) -> PolicyVersion:
    """Return the policy version that a row holds."""
    return PolicyVersion(
        id=row.id,
        name=row.name,
        version=row.version,
        hash=row.hash,
        document=row.document,
        published_by=row.published_by,
        published_person=row.published_person,
        published_at=moment(row.published_at),
        revision=row.revision,
    )


def as_assignment(row: Row[Any]) -> PolicyAssignment:
    """Return the assignment that a row holds."""
    return PolicyAssignment(
        id=row.id,
        policy=row.policy,
        assigned_by=row.assigned_by,
        assigned_at=moment(row.assigned_at),
        model=row.model,
        environment=None if row.environment is None else Environment(row.environment),
        revision=row.revision,
    )
