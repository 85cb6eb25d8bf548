"""The SQL of policies, their versions and their assignments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import and_, bindparam, or_, select

from modelwarden.policies.check_run import CheckRun, Occasion
from modelwarden.policies.evidence import Assurance, Evidence, EvidenceKind
from modelwarden.policies.policy import Policy, PolicyAssignment, PolicyVersion
from modelwarden.registry.lifecycle import Environment
from modelwarden.store.schema.ledger import entries, index
from modelwarden.store.schema.policies import (
    assignments,
    check_runs,
    evidence,
    policies,
    policy_versions,
)
from modelwarden.values.clock import moment

if TYPE_CHECKING:
    from sqlalchemy import Row

    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName, PolicyName, VersionName

NEWEST: Final = "~"
"""After every id, where a list begins."""
FIRST_ENTRY: Final = 0

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
_SCOPED: Final = (
    select(policy_versions)
    .join(policies, _OF_LATEST)
    # Canonical JSON writes a key so; words that look alike cost one more document read, and no more.
    .where(policies.c.retired_at.is_(None), policy_versions.c.document.contains('"applies_to":'))
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


_EVIDENCE_OF: Final = (
    select(evidence)
    .where(
        evidence.c.version == bindparam("version"),
        evidence.c.kind == bindparam("kind"),
        evidence.c.recorded_at <= bindparam("by"),
    )
    .order_by(evidence.c.produced_at.desc(), evidence.c.id.desc())
    .limit(bindparam("limit"))
)
_EVIDENCE: Final = select(evidence).where(evidence.c.id == bindparam("id"))
_EVIDENCE_BEFORE: Final = (
    select(evidence)
    .where(evidence.c.version == bindparam("version"), evidence.c.id < bindparam("before"))
    .order_by(evidence.c.id.desc())
    .limit(bindparam("limit"))
)
_RUN: Final = select(check_runs).where(check_runs.c.id == bindparam("id"))
_RUN_OF_DIGEST: Final = (
    select(check_runs)
    .where(check_runs.c.digest == bindparam("digest"))
    .order_by(check_runs.c.id)
    .limit(1)
)
_RUNS_BEFORE: Final = (
    select(check_runs)
    .where(check_runs.c.version == bindparam("version"), check_runs.c.id < bindparam("before"))
    .order_by(check_runs.c.id.desc())
    .limit(bindparam("limit"))
)
_VERIFICATIONS: Final = (
    select(index.c.seq, index.c.at, index.c.type, entries.c.body)
    .join(entries, entries.c.seq == index.c.seq)
    .where(
        index.c.type.in_(["ledger.verified", "ledger.verification_failed"]),
        index.c.at <= bindparam("by"),
    )
    .order_by(index.c.seq.desc())
    .limit(20)
)
_ENTRY_TIME: Final = select(index.c.at).where(index.c.seq == bindparam("seq"))


class Verification(NamedTuple):
    """An entry that tells of a verification of the ledger."""

    seq: int
    at: str
    type: str
    body: bytes


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


def scoped_versions(view: View, *, limit: int) -> list[PolicyVersion]:
    """Return the latest version of each policy in use that says itself what it governs, by name."""
    return [as_version(row) for row in view.rows(_SCOPED, {"limit": limit})]


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


def evidence_of(
    view: View, version: VersionName, *, kind: str, by: str, limit: int
) -> list[Evidence]:
    """Return the evidence of a kind about a version that was recorded by then, the last produced first."""
    params = {"version": version, "kind": kind, "by": by, "limit": limit}
    return [as_evidence(row) for row in view.rows(_EVIDENCE_OF, params)]


def evidence_before(view: View, version: VersionName, *, before: str, limit: int) -> list[Evidence]:
    """Return the evidence about a version that is older than an id, the last recorded first."""
    params = {"version": version, "before": before, "limit": limit}
    return [as_evidence(row) for row in view.rows(_EVIDENCE_BEFORE, params)]


def find_evidence(view: View, evidence_id: str) -> Evidence | None:
    """Return a piece of evidence, or None."""
    row = view.row(_EVIDENCE, {"id": evidence_id})
    return None if row is None else as_evidence(row)


def find_run(view: View, run_id: str) -> CheckRun | None:
    """Return a check run, or None."""
    row = view.row(_RUN, {"id": run_id})
    return None if row is None else as_run(row)


def run_of_digest(view: View, digest: str) -> CheckRun | None:
    """Return the check run of a digest, or None."""
    row = view.row(_RUN_OF_DIGEST, {"digest": digest})
    return None if row is None else as_run(row)


def runs_before(view: View, version: VersionName, *, before: str, limit: int) -> list[CheckRun]:
    """Return the check runs of a version that are older than an id, newest first."""
    params = {"version": version, "before": before, "limit": limit}
    return [as_run(row) for row in view.rows(_RUNS_BEFORE, params)]


def verifications(view: View, *, by: str) -> list[Verification]:
    """Return the last verifications of the ledger by then, whole or in part, newest first."""
    return [
        Verification(row.seq, row.at, row.type, row.body)
        for row in view.rows(_VERIFICATIONS, {"by": by})
    ]


def entry_time(view: View, seq: int) -> str | None:
    """Return when an entry was made, or None where there is none."""
    row = view.row(_ENTRY_TIME, {"seq": seq})
    return None if row is None else str(row.at)


def as_evidence(row: Row[Any]) -> Evidence:
    """Return the evidence that a row holds."""
    return Evidence(
        id=row.id,
        kind=EvidenceKind(row.kind),
        model=row.model,
        version=row.version,
        subject=row.subject,
        value=json.loads(row.value),
        value_sha256=row.value_sha256,
        produced_at=moment(row.produced_at),
        tool=row.tool,
        inputs=tuple(json.loads(row.inputs)),
        assurance=Assurance(row.assurance),
        recorded_by=row.recorded_by,
        recorded_person=row.recorded_person,
        recorded_at=moment(row.recorded_at),
        revision=row.revision,
    )


def as_run(row: Row[Any]) -> CheckRun:
    """Return the check run that a row holds."""
    return CheckRun(
        id=row.id,
        occasion=Occasion(row.occasion),
        model=row.model,
        version=row.version,
        environment=Environment(row.environment),
        policies=tuple(json.loads(row.policies)),
        enforced=row.enforced,
        types=row.types,
        digests=json.loads(row.digests),
        evidence=tuple(json.loads(row.evidence)),
        ledger_size=row.ledger_size,
        situation=row.situation,
        results=row.results,
        digest=row.digest,
        evaluated_by=row.evaluated_by,
        evaluated_at=moment(row.evaluated_at),
        revision=row.revision,
    )
