"""The gate: may this version go to that environment now? Allow, or every reason why not (RL-33).

Pure: `deployments.evidence` loads what is weighed here. What could not be loaded denies.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from modelwarden.approvals.agreed import MOST_SAID, Approval, Reason, against
from modelwarden.approvals.external import FRESH_EVIDENCE
from modelwarden.approvals.overriding import OVERRIDDEN, bars
from modelwarden.approvals.request import GOING_LIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from modelwarden.approvals.external import ExternalEvidence
    from modelwarden.approvals.overriding import Emergency
    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.policies.result import Result
    from modelwarden.registry.version import Version
    from modelwarden.values.ids import Digest, PersonId

__all__ = [
    "Approval", "ArtifactNow", "Case", "Deployer", "Reason", "Verdict", "has_same_bytes", "weigh", "weigh_approval",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says. It allows when there is no reason against.

    `overridden` are the conditions that do not hold and that an emergency passes over.
    """

    reasons: tuple[Reason, ...] = ()
    overridden: tuple[Reason, ...] = ()

    @property
    def allow(self) -> bool:
        """Tell whether the version may go."""
        return not self.reasons

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of all reasons, each once, in the order of the conditions."""
        return tuple(dict.fromkeys(reason.code for reason in self.reasons))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactNow:
    """What hashing the artifact anew gave, its cache off; nothing at all when it can't be read."""

    sha256: Digest | None = None
    fingerprints: tuple[str, ...] = ()
    unreadable: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployer:
    """Who wants to deploy, and whether the permission for this environment is held."""

    person: PersonId
    permitted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that the gate weighs.

    Attributes:
        humans: how many people the governing policy asks for here; 0 asks for the rest alone (RL-15).
        rolled_back_at: when this version was last rolled back here.
        separate_deployer: whether an approver may not be the one who deploys.
        staged: whether the staging time that the policy asks for was served.
        switches: those that stop this version by its label; ones that stop the model name no version (RL-33).
        freezes: windows in which nothing goes forward here.
        unreviewed: deployments of the model at which somebody should long have looked back (RL-41).
        checks: what the governing checks come to now, over stored evidence (EVAL-4).
        unapproved: use cases that the model serves, where none of them is approved (RL-33).
        systems: the systems of record that the policy wants an agreement in.
        external: what was read there just before.
        emergency: what an emergency change has to meet; None for any other.
        automatic: the policy that would fill a seat by itself now, as decisions name it.
    """

    at: datetime
    version: Version
    model_retired: bool
    humans: int
    separate_deployer: bool
    artifact: ArtifactNow
    deployer: Deployer
    approval: Approval | None = None
    rolled_back_at: datetime | None = None
    staged: bool = True
    switches: tuple[str, ...] = ()
    freezes: tuple[str, ...] = ()
    unreviewed: tuple[str, ...] = ()
    checks: tuple[Result, ...] = ()
    unapproved: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    external: tuple[ExternalEvidence, ...] = ()
    emergency: Emergency | None = None
    automatic: PersonId | None = None

    @property
    def barred(self) -> frozenset[PersonId]:
        """Return who may not be the one who agrees."""
        parts = () if self.approval is None else self.approval.barred.values()
        return frozenset(person for part in parts for person in part)


def weigh(case: Case) -> Verdict:
    """Return the verdict, with every reason and not the first alone."""
    found = tuple(_reasons(case))
    if case.emergency is None:
        return Verdict(found)
    passed = tuple(reason for reason in found if reason.code in OVERRIDDEN)
    left = tuple(reason for reason in found if reason.code not in OVERRIDDEN)
    approval = case.approval
    taking = case.barred | {case.deployer.person}
    others = frozenset() if approval is None else approval.persons_apart(taking)
    barring = bars(
        case.emergency,
        None if approval is None else approval.request,
        decisions=() if approval is None else approval.decisions,
        others=others,
        at=case.at,
    )
    return Verdict((*left, *(Reason(code, said[:MOST_SAID]) for code, said in barring)), passed)


def weigh_approval(
    approval: Approval, *, humans: int, deployer: Deployer, separate: bool, at: datetime
) -> Verdict:
    """Return whether an approval that is about no version holds now, with every reason against it (RL-9)."""
    found = [*against(approval, humans=humans, automatic=None, at=at)]
    if separate and deployer.person in approval.persons:
        found.append(Reason("approver_deploys", "whoever approved can't be the one who deploys"))
    return Verdict(tuple(found))


def has_same_bytes(version: Version, now: ArtifactNow) -> bool:
    """Tell whether what was hashed anew equals every registered fingerprint of the same kind."""
    computed = dict(text.split(":", 1) for text in now.fingerprints)
    registered = dict(text.split(":", 1) for text in version.fingerprints)
    equal = all(computed.get(kind, digits) == digits for kind, digits in registered.items())
    return equal and now.sha256 is not None and now.sha256 == version.subject_sha256


def _reasons(case: Case) -> Iterator[Reason]:
    yield from _usable(case)
    if case.humans > 0:
        yield from _approved(case)
    yield from _artifact(case.version, case.artifact)
    yield from _checks(case.checks)
    yield from _external(case)
    if not case.staged:
        yield Reason("staging_missing", "the policy wants it live in staging first, for its time")
    if case.unapproved:
        none = ", ".join(case.unapproved)
        yield Reason("use_case_missing", f"none of its use cases is approved: {none}"[:MOST_SAID])
    yield from _held_up(case)
    yield from _deployer(case)


def _held_up(case: Case) -> Iterator[Reason]:
    if case.switches:
        yield Reason("switch_active", f"stopped by {', '.join(case.switches)}")
    if case.freezes:
        yield Reason("frozen", f"nothing goes forward here now: {', '.join(case.freezes)}")
    if case.unreviewed:
        yield Reason("review_overdue", f"nobody looked back at {', '.join(case.unreviewed)}")


def _usable(case: Case) -> Iterator[Reason]:
    if case.model_retired:
        yield Reason("model_retired", f"{case.version.model} is retired")
    if case.version.retired_at is not None:
        yield Reason("version_retired", f"{case.version.name} is retired")


def _approved(case: Case) -> Iterator[Reason]:
    approval = case.approval
    if approval is None:
        yield Reason("not_approved", "nobody was asked, or not for this environment")
        return
    if approval.request.type not in GOING_LIVE:
        yield Reason("not_approved", f"{approval.request.id} asks for no release")
    yield from against(approval, humans=case.humans, automatic=case.automatic, at=case.at)
    yield from _since(case, approval.request)


def _since(case: Case, request: ApprovalRequest) -> Iterator[Reason]:
    approved_at, rolled_back_at = request.closed_at, case.rolled_back_at
    if rolled_back_at is not None and (approved_at is None or approved_at <= rolled_back_at):
        yield Reason("rolled_back_since", "it was rolled back here after it had been approved")


def _artifact(version: Version, now: ArtifactNow) -> Iterator[Reason]:
    if now.unreadable is not None or now.sha256 is None or version.subject_sha256 is None:
        yield Reason("artifact_unreadable", now.unreadable or "no bytes to compare")
    elif not has_same_bytes(version, now):
        yield Reason("artifact_mismatch", "the bytes are not those that were registered")


def _checks(results: Iterable[Result]) -> Iterator[Reason]:
    for result in results:
        if result.fails:
            seen = "; ".join(
                f"{a.subject} is {a.value}, {a.operator} {a.limit}" for a in result.atoms
            )
            yield Reason("checks_blocking", f"{result.name} fails: {seen}"[:MOST_SAID])
        elif result.blocks:
            said = f"{result.name} is {result.outcome}: {result.next}"
            code = "lineage_incomplete" if result.type == "lineage" else "checks_unknown"
            yield Reason(code, said[:MOST_SAID])


def _external(case: Case) -> Iterator[Reason]:
    found = {seen.system: seen for seen in case.external}
    approvers = frozenset() if case.approval is None else case.approval.persons
    for system in case.systems:
        seen = found.get(system)
        if seen is not None and seen.parties & approvers:
            yield Reason("self_approval", f"an approver made what {system} shows")
        if seen is None:
            yield Reason("external_missing", f"{system} was not read for this")
        elif not timedelta(0) <= case.at - seen.seen_at <= FRESH_EVIDENCE:
            yield Reason("external_missing", f"{system} was read more than 60 s ago; try again")
        elif seen.state == "changes_requested":
            yield Reason("external_changes_requested", f"{system}: {seen.why}"[:MOST_SAID])
        elif seen.state != "passed":
            yield Reason("external_missing", f"{system}: {seen.why}"[:MOST_SAID])
        elif not seen.persons - case.barred:
            yield Reason("external_missing", f"{system}: nobody agreed who may")


def _deployer(case: Case) -> Iterator[Reason]:
    if not case.deployer.permitted:
        yield Reason("not_permitted", "the deployer lacks the permission for this environment")
    approvers = case.approval.persons if case.approval is not None else frozenset()
    if case.separate_deployer and case.deployer.person in approvers:
        yield Reason("approver_deploys", "whoever approved can't be the one who deploys")
