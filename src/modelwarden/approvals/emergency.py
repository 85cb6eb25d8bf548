"""The request of an emergency change: people answer it after the version went live, within 72 hours (RL-44, AC-22).

It asks for what a release's request asks, over the same bytes, by the same seats and duties. With a second person in
the policy it is opened first, and signed by one other human before anything goes live.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from modelwarden.approvals import case, checks, queries
from modelwarden.approvals import statement as statements
from modelwarden.approvals.request import RequestType, VoidCause
from modelwarden.approvals.requesting import drafted_request, ledger_of, policy_of, put
from modelwarden.approvals.voiding import expired, voided
from modelwarden.errors import ValueInvalid
from modelwarden.policies.check_run import Occasion
from modelwarden.registry import reads as registry
from modelwarden.registry.actions import confirmed_for_request
from modelwarden.registry.lifecycle import ApprovalState, Environment
from modelwarden.values.canonical import digest
from modelwarden.values.ids import REFERENCE, Digest

if TYPE_CHECKING:
    from modelwarden.approvals.request import ApprovalRequest, Json
    from modelwarden.policies.governing import Requirements
    from modelwarden.policies.result import Result
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change

DUE: Final = timedelta(hours=72)
PLACE: Final = Environment.PRODUCTION


def emergency_request(
    change: Change, version: Version, *, needs: Requirements, reason: str, ticket: str
) -> tuple[ApprovalRequest, tuple[Result, ...] | None]:
    """Return the request that people answer afterwards, opened now unless one stands, and what the checks come to.

    A release's request about the version ends with it: its signatures say nothing of an emergency.

    Raises:
        JustificationMissing: the reason has less than 20 characters.
        ValueInvalid: no ticket, or another than the standing request names.
        OwnerMissing, PurposeMissing, ModelIsRetired, VersionIsRetired.
    """
    if not REFERENCE.fullmatch(ticket):
        raise ValueInvalid("ticket", "1 to 128 printable characters without spaces")
    version.require_usable()
    model = confirmed_for_request(change, version.model)
    run = (
        checks.recorded(change, version, model=model, needs=needs, occasion=Occasion.REQUEST)
        if needs.checks
        else None
    )
    found = None if run is None else run.found
    standing = _standing(change, version, ticket=ticket)
    if standing is not None:
        return standing, found
    version = registry.version(change, version.model, version.label)
    draft = drafted_request(change, needs, kind=RequestType.EMERGENCY, justification=reason)
    documents: dict[str, Json] = {} if run is None else {statements.CHECK_RUN: run.digest}
    payload = {"ticket": ticket}
    question = replace(
        draft,
        model=version.model,
        label=version.label,
        version=version.name,
        strategy=needs.strategy,
        payload=payload,
        payload_digest=Digest(digest(payload)),
        expires_at=change.now + DUE,
        basis=statements.release_basis(
            version, policy=policy_of(draft), ledger=ledger_of(change), documents=documents
        ),
    )
    change.save(version.moved(PLACE, ApprovalState.PENDING))
    return put(change, question), found


def _standing(change: Change, version: Version, *, ticket: str) -> ApprovalRequest | None:
    """Return the emergency's request if one is in force; end whatever else stands about the version."""
    before = queries.standing_request(change, version.name, PLACE)
    if before is None:
        return None
    if before.expires_at <= change.now:
        expired(change, before)
        return None
    causes = statements.changes(before.basis, case.current_basis(change, before, version))
    if before.type is not RequestType.EMERGENCY or causes:
        voided(change, before, causes or (VoidCause.SUPERSEDED,))
        return None
    if before.ticket != ticket:
        raise ValueInvalid("ticket", f"{before.ticket}, which {before.id} names")
    return before
