"""Asking, and taking the question back: a release, or leave for one sensitive action (RL-15, AC-41)."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize, require_person
from modelwarden.access.persons.queries import person_of
from modelwarden.approvals import automatic, case, checks, queries
from modelwarden.approvals import statement as statements
from modelwarden.approvals.payload import exact_payload
from modelwarden.approvals.request import (
    ApprovalRequest,
    OnTimeout,
    Order,
    Rejection,
    RequestState,
    RequestType,
    Signing,
    VoidCause,
)
from modelwarden.approvals.voiding import expired, kept, voided
from modelwarden.errors import (
    ApprovalNotNeeded,
    ChecksBlocking,
    JustificationMissing,
    NotPermitted,
    RequestExists,
    StrategyUnknown,
    ValueInvalid,
)
from modelwarden.facts.approvals import ApprovalRequested, ApprovalWithdrawn
from modelwarden.facts.kinds import Code
from modelwarden.permissions import Permission
from modelwarden.policies.check_run import Occasion
from modelwarden.policies.reads import requirements
from modelwarden.privacy import actions as privacy
from modelwarden.registry import reads as registry
from modelwarden.registry.actions import confirmed_for_request
from modelwarden.registry.lifecycle import ROLLED_BACK, ApprovalState, Environment
from modelwarden.values.canonical import digest
from modelwarden.values.ids import Digest, PolicyName, RequestId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.approvals.request import Json
    from modelwarden.policies.check_run import CheckRun
    from modelwarden.policies.governing import Requirements
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change
    from modelwarden.values.ids import Commitment

SHORTEST: Final = 20
LONGEST: Final = 4_000

ACTIONS: Final[Mapping[str, Permission]] = MappingProxyType(
    {
        "role.grant": Permission.ROLE_ASSIGN,
        "identity.map": Permission.USER_MANAGE,
        "role.define": Permission.ROLE_MANAGE,
        "policy.publish": Permission.POLICY_PUBLISH,
        "policy.assign": Permission.POLICY_ASSIGN,
        privacy.ERASE: Permission.ERASURE_REQUEST,
        privacy.RELEASE: Permission.HOLD_MANAGE,
        privacy.CHANGE: Permission.RETENTION_MANAGE,
        privacy.UNLOCK: Permission.ERASURE_REQUEST,
        "server_key.rotate": Permission.SERVER_KEY_ROTATE,
        "server_key.revoke": Permission.SERVER_KEY_ROTATE,
    }
)
"""What can be asked for by type `access`, and the permission that asking takes (AC-6, AC-40)."""


def request(  # the fields of a question
    change: Change,
    model: str,
    version: str,
    *,
    justification: str,
    environment: Environment = Environment.PRODUCTION,
    strategy: str | None = None,
) -> ApprovalRequest:
    """Ask for the release of a version to an environment; the strategy is the policy's.

    Raises:
        OwnerMissing, PurposeMissing, JustificationMissing, ModelIsRetired, VersionIsRetired.
        StrategyUnknown: another strategy than the policy's.
        RequestExists: it is being asked already, or an approval still holds.
        ApprovalNotNeeded: the policy asks no human there.
        ChecksBlocking: a blocking check fails, unless the policy lets ask all the same.
    """
    asked = registry.version(change, model, version, lock=True)
    found = registry.model(change, model)
    authorize(change, Permission.MODEL_SUBMIT, on=registry.resource_of(found, environment))
    asked.require_usable()
    found = confirmed_for_request(change, found.name)
    needs = requirements(change, found.name, environment, registered=found)
    if needs.humans == 0:
        raise ApprovalNotNeeded(f"the policy asks no human for {environment}: deploy it")
    if strategy not in {None, needs.strategy}:
        raise StrategyUnknown(f"the policy releases by {needs.strategy}, not by {strategy}")
    asked = _cleared(change, asked, environment)
    run = _checked(change, asked, found, needs)
    question = drafted_request(change, needs, kind=RequestType.RELEASE, justification=justification)
    question = replace(
        question,
        model=found.name,
        label=asked.label,
        version=asked.name,
        strategy=needs.strategy,
    )
    change.save(asked.moved(environment, ApprovalState.PENDING))
    return _opened(change, question, asked, model=found, needs=needs, run=run)


def _opened(
    change: Change,
    question: ApprovalRequest,
    version: Version,
    *,
    model: Model,
    needs: Requirements,
    run: CheckRun | None,
) -> ApprovalRequest:
    """Put the question of a release, and let the policy fill its seat where it does (RL-42)."""
    auto = automatic.filling(
        change,
        question,
        model=model,
        version=version,
        needs=needs,
        results=() if run is None else run.found,
    )
    if auto is not None:
        question = automatic.with_seat(question, auto)
    basis = statements.release_basis(
        version,
        policy=policy_of(question),
        ledger=ledger_of(change),
        documents={} if run is None else {statements.CHECK_RUN: run.digest},
    )
    opened = put(change, replace(question, basis=basis))
    seat = None if auto is None else automatic.place(opened, auto)
    if auto is not None and seat is not None:
        automatic.filled(change, opened, auto, seat=seat)
    return opened


def request_access(
    change: Change, action: str, *, payload: Mapping[str, Json], justification: str
) -> ApprovalRequest:
    """Ask for leave to do one sensitive action, once, with exactly these arguments (AC-40, AC-41).

    Whom a `user` in the payload names is kept by id. Raises ValueInvalid, JustificationMissing.
    """
    if action not in ACTIONS:
        raise ValueInvalid("action", f"one of {', '.join(sorted(ACTIONS))}")
    authorize(change, ACTIONS[action])
    require_person(change)
    exact = exact_payload(change, action, payload)
    needs = requirements(change, None, Environment.PRODUCTION)
    question = drafted_request(change, needs, kind=RequestType.ACCESS, justification=justification)
    payload_digest = Digest(digest(exact))
    basis = statements.access_basis(
        question.id, payload_digest, policy=policy_of(question), ledger=ledger_of(change)
    )
    return put(
        change,
        replace(question, action=action, payload=exact, payload_digest=payload_digest, basis=basis),
    )


def withdraw(change: Change, request_id: str) -> ApprovalRequest:
    """Take a question back, as whoever asked it. Raises RequestClosed, NotPermitted."""
    found = case.locked(change, request_id).request
    if person_of(change, found.requester, found.requester_person) != change.person:
        raise NotPermitted("only whoever asked can take it back", about=found.about)
    return taken_back(change, found)


def taken_back(change: Change, found: ApprovalRequest) -> ApprovalRequest:
    """Take a question back, whoever may. Raises RequestClosed."""
    found.require_open(at=change.now)
    ended = kept(change, found.withdraw(at=change.now))
    change.record(
        ApprovalWithdrawn(
            request=found.id,
            model=found.model,
            version=found.version,
            environment=Code(found.environment),
            use_case=found.use_case,
        )
    )
    return ended


def _checked(
    change: Change, version: Version, model: Model, needs: Requirements
) -> CheckRun | None:
    """Evaluate the governing checks; approvers sign the run's digest with the rest (RL-15). Raises ChecksBlocking."""
    if not needs.checks:
        return None
    run = checks.recorded(change, version, model=model, needs=needs, occasion=Occasion.REQUEST)
    failing = [result for result in run.found if result.fails]
    if failing and needs.request_when != "any":
        raise ChecksBlocking(
            "; ".join(f"{result.name}: {result.next}" for result in failing),
            about=(("model", model.name), ("version", version.name)),
            reasons=tuple(result.name for result in failing),
        )
    return run


def drafted_request(
    change: Change, needs: Requirements, *, kind: RequestType, justification: str
) -> ApprovalRequest:
    """Return the part of a request that does not depend on what is asked for."""
    return ApprovalRequest(
        id=RequestId(change.new_id("req")),
        type=kind,
        environment=needs.environment,
        requester=change.actor,
        requester_person=change.person,
        justification=_justified(change, justification),
        seats=needs.places,
        humans=needs.humans,
        signature=Signing(needs.signature),
        rejection=Rejection(needs.rejection),
        order=Order(needs.order),
        separate_deployer=needs.separate_deployer,
        void_on=tuple(sorted(needs.void_on)),
        policies=needs.pins,
        basis={},
        opened_at=change.now,
        expires_at=change.now + needs.expires_after,
        due_at=None if needs.due is None else change.now + needs.due,
        remind_at=None if needs.due is None else change.now + needs.due / 2,
        on_timeout=OnTimeout(needs.on_timeout),
    )


def put(change: Change, question: ApprovalRequest) -> ApprovalRequest:
    """Put a question to people, and tell of it."""
    opened = change.save(question)
    change.record(
        ApprovalRequested(
            request=opened.id,
            kind=Code(opened.type),
            model=opened.model,
            version=opened.version,
            environment=Code(opened.environment),
            strategy=None if opened.strategy is None else Code(opened.strategy),
            action=None if opened.action is None else Code(opened.action),
            payload=opened.payload_digest,
            requester=opened.requester_person,
            justification=opened.justification,
            seats=len(opened.seats),
            humans=opened.humans,
            policies=tuple(PolicyName(str(policy["name"])) for policy in opened.policies),
            basis=statements.basis_digest(opened.basis),
            expires_at=opened.expires_at,
            use_case=opened.use_case,
        )
    )
    return opened


def _cleared(change: Change, version: Version, environment: Environment) -> Version:
    """Return the version with nothing in the way of a new question; end what no longer holds."""
    state = version.approval(environment)
    if state not in {ApprovalState.PENDING, ApprovalState.APPROVED}:
        return version
    before = queries.standing_request(change, version.name, environment)
    if before is None:
        raise RequestExists(f"{version.name} is {state} for {environment}")
    if before.expires_at <= change.now:
        expired(change, before)
    else:
        causes = statements.changes(
            before.basis, case.current_basis(change, before, version)
        ) or _superseded(before, version)
        if not causes:
            raise RequestExists(
                f"{before.id} about {version.name} is {before.state} for {environment}"
            )
        voided(change, before, causes)
    return registry.version(change, version.model, version.label)


def _superseded(before: ApprovalRequest, version: Version) -> tuple[VoidCause, ...]:
    """Return the cause that lets an approval be asked for anew: its version was rolled back."""
    spent = before.state is RequestState.APPROVED and version.last_ended == ROLLED_BACK
    return (VoidCause.SUPERSEDED,) if spent else ()


def _justified(change: Change, words: str) -> Commitment:
    if not SHORTEST <= len(words.strip()) <= LONGEST:
        raise JustificationMissing(f"say why in {SHORTEST} to {LONGEST:,} characters")
    return change.text(words.strip())


def policy_of(question: ApprovalRequest) -> dict[str, Json]:
    """Return the governing policies and seats as approvers sign them."""
    return statements.policy_member(question.policies, question.seats)


def ledger_of(change: Change) -> dict[str, Json]:
    """Return the ledger's head as approvers sign it."""
    size, root = change.head()
    return {"size": size, "root": root.hex()}
