"""The gate: may this version go to that environment now? Allow, or every reason why not (RL-33).

Pure: `deployments.evidence` loads what is weighed here. What could not be loaded denies.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.approvals import statement as statements
from modelwarden.approvals.decision import Answer, Custody
from modelwarden.approvals.external import FRESH_EVIDENCE
from modelwarden.approvals.request import RequestState, Signing, VoidCause
from modelwarden.approvals.signatures import standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from modelwarden.approvals.decision import Decision
    from modelwarden.approvals.external import ExternalEvidence
    from modelwarden.approvals.request import ApprovalRequest, Json
    from modelwarden.approvals.signatures import KnownKey
    from modelwarden.policies.result import Result
    from modelwarden.registry.version import Version
    from modelwarden.values.ids import ActorId, Digest, PersonId


MOST_SAID: Final = 300


class Reason(NamedTuple):
    """One condition that does not hold: a stable code, and what was found."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says. It allows when there is no reason against."""

    reasons: tuple[Reason, ...] = ()

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
class Approval:
    """The newest request that covers the environment, with all that its force depends on.

    Attributes:
        decisions: those that were not withdrawn.
        basis: what the statements would rest on if they were built now.
        keys: by keyid, the server's own among them.
        people: actor → the person behind it today, delegators too: accounts may have been linked since (RL-17).
        barred: why → the persons who may not fill a seat (RL-23).
        granters: actor → who granted the role by which the seat is filled, or let into its group (AC-17).
    """

    request: ApprovalRequest
    decisions: tuple[Decision, ...]
    basis: Mapping[str, Json]
    keys: Mapping[str, KnownKey]
    people: Mapping[ActorId, PersonId]
    barred: Mapping[str, frozenset[PersonId]]
    granters: Mapping[ActorId, frozenset[PersonId]]

    def who(self, decision: Decision) -> PersonId:
        """Return the person who stands behind a decision today."""
        return self.people.get(decision.actor, decision.person)

    def behind(self, decision: Decision) -> frozenset[PersonId]:
        """Return all who stand behind a decision today: whoever gave it, and in whose stead (RL-18)."""
        if decision.delegator is None or decision.delegator_person is None:
            return frozenset({self.who(decision)})
        other = self.people.get(decision.delegator, decision.delegator_person)
        return frozenset({self.who(decision), other})

    @property
    def persons(self) -> frozenset[PersonId]:
        """Return who answered, and in whose stead."""
        return frozenset(person for d in self.decisions for person in self.behind(d))


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

    @property
    def barred(self) -> frozenset[PersonId]:
        """Return who may not be the one who agrees."""
        parts = () if self.approval is None else self.approval.barred.values()
        return frozenset(person for part in parts for person in part)


def weigh(case: Case) -> Verdict:
    """Return the verdict, with every reason and not the first alone."""
    return Verdict(tuple(_reasons(case)))


def weigh_approval(
    approval: Approval, *, humans: int, deployer: Deployer, separate: bool, at: datetime
) -> Verdict:
    """Return whether an approval that is about no version holds now, with every reason against it (RL-9)."""
    found = [
        *_in_force(approval.request, at=at),
        *_seats(approval, humans=humans),
        *_duties(approval),
        *_unchanged(approval),
        *_signatures(approval),
    ]
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
    yield from _in_force(approval.request, at=case.at)
    yield from _seats(approval, humans=case.humans)
    yield from _duties(approval)
    yield from _since(case, approval.request)
    yield from _unchanged(approval)
    yield from _signatures(approval)


def _in_force(request: ApprovalRequest, *, at: datetime) -> Iterator[Reason]:
    if request.state is RequestState.VOID and request.cause is not VoidCause.EXPIRED:
        yield Reason("approval_void", f"{request.id} is void: {request.cause}")
    elif request.state is RequestState.VOID or (
        request.state is RequestState.APPROVED and at >= request.expires_at
    ):
        yield Reason("approval_expired", f"{request.id} has expired")
    elif request.state is not RequestState.APPROVED:
        yield Reason("not_approved", f"{request.id} is {request.state}")


def _seats(approval: Approval, *, humans: int) -> Iterator[Reason]:
    request = approval.request
    agreeing = [d for d in approval.decisions if d.verdict is Answer.APPROVE and d.stands]
    missing = set(range(len(request.seats))) - {d.seat for d in agreeing}
    if missing or len(agreeing) != len(approval.decisions):
        yield Reason("not_approved", f"{len(missing)} seats of {request.id} lack an approval")
    persons, needed = {approval.who(d) for d in agreeing}, max(request.humans, humans)
    behind = [approval.behind(d) for d in agreeing]
    if len(frozenset[str]().union(*behind)) < sum(map(len, behind)):
        yield Reason("same_person", "one person stands behind two seats")
    elif len(persons) < needed:
        yield Reason("not_approved", f"{len(persons)} people agreed, {needed} are needed")


def _duties(approval: Approval) -> Iterator[Reason]:
    for part, persons in approval.barred.items():
        if persons & approval.persons:
            yield Reason("self_approval", f"an approver takes part in the case as {part}")
    parties = frozenset[str]().union(*approval.barred.values())
    for decision in approval.decisions:
        others = parties | (approval.persons - approval.behind(decision))
        if approval.granters.get(decision.actor, frozenset()) & others:
            yield Reason("grant_from_participant", "an approver's role came from a participant")


def _since(case: Case, request: ApprovalRequest) -> Iterator[Reason]:
    approved_at, rolled_back_at = request.closed_at, case.rolled_back_at
    if rolled_back_at is not None and (approved_at is None or approved_at <= rolled_back_at):
        yield Reason("rolled_back_since", "it was rolled back here after it had been approved")


def _unchanged(approval: Approval) -> Iterator[Reason]:
    for cause in statements.changes(approval.request.basis, approval.basis):
        code = "policy_changed" if cause is VoidCause.POLICY else "approval_void"
        yield Reason(code, f"what was signed has changed: {cause}")


def _signatures(approval: Approval) -> Iterator[Reason]:
    request = approval.request
    for decision in approval.decisions:
        code = standing(
            decision,
            key=approval.keys.get(decision.keyid),
            person=approval.who(decision),
            expected=statements.repeated(request, decision),
        )
        if code is not None:
            yield Reason(code, f"the signature for seat {decision.seat} does not hold")
        elif request.signature is Signing.PERSONAL and decision.custody is not Custody.PERSONAL:
            yield Reason("signature_invalid", "the policy wants the person's own key")


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
            yield Reason("checks_unknown", said[:MOST_SAID])


def _external(case: Case) -> Iterator[Reason]:
    found = {seen.system: seen for seen in case.external}
    for system in case.systems:
        seen = found.get(system)
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
