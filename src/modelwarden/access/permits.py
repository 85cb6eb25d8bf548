"""Spending permits, and bootstrap mode, in which a fresh warden does without them (AC-40, AC-41)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from modelwarden.access import queries, rights
from modelwarden.access.permit import APPROVERS_NEEDED, BOOTSTRAP_DAYS, Permit
from modelwarden.errors import PayloadChanged, PermitNeeded
from modelwarden.facts.access import PermitUsed, PermitWritten
from modelwarden.facts.kinds import Code
from modelwarden.permissions import Permission
from modelwarden.store import first_run
from modelwarden.values.ids import PermitId

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ActorId, Digest, RequestId


def write_permit(  # the fields of a permit
    change: Change,
    *,
    action: str,
    payload_digest: Digest,
    requester: ActorId,
    request: RequestId,
    expires_at: datetime,
) -> Permit:
    """Leave a permit behind an approved request, for whoever asked. Called with the last seat, in its transaction."""
    permit = change.save(
        Permit(
            id=PermitId(change.new_id("pmt")),
            action=action,
            payload=payload_digest,
            requester=requester,
            request=request,
            expires_at=expires_at,
        )
    )
    change.record(
        PermitWritten(
            permit=permit.id,
            action=Code(action),
            payload=payload_digest,
            requester=requester,
            request=request,
            expires_at=expires_at,
        )
    )
    return permit


def spend(change: Change, action: str, payload_digest: Digest) -> Permit | None:
    """Use up the permit for exactly this payload, in the acting transaction; None while bootstrap mode lasts.

    Raises:
        PermitNeeded: nobody approved such a request of this actor.
        PayloadChanged: one was approved, but for something else.
        PermitSpent, PermitExpired: it was used, or is over its day.
    """
    end_bootstrap_when_ready(
        change
    )  # people may have become active, or roles grown, since the last grant
    if in_bootstrap(change):
        change.flags.add("bootstrap")
        return None
    found = queries.permits_for(change, change.actor, action)
    if not found:
        raise PermitNeeded(
            f"{action} is sensitive: ask for it with `approvals request --type access --action {action}`;"
            " once it is approved, repeat this within a day",
            reasons=(action,),
        )
    fitting = [permit for permit in found if permit.payload == payload_digest]
    if not fitting:
        raise PayloadChanged(
            "this is not exactly what was approved; ask for it as it is now", reasons=(action,)
        )
    unspent = [permit for permit in fitting if permit.spent_at is None]
    permit = change.save((unspent or fitting)[0].spend(change.now))
    change.record(PermitUsed(permit=permit.id, action=Code(action), payload=payload_digest))
    return permit


def in_bootstrap(view: View) -> bool:
    """Tell whether this warden is so fresh that sensitive actions do without a permit; duties always hold."""
    until = first_run.bootstrap_until(view)
    return until is not None and view.now < until


def begin_bootstrap(change: Change) -> None:
    """Begin bootstrap mode with the first account; later calls change nothing."""
    if not queries.has_actors(change):
        first_run.begin_bootstrap(change, change.now + timedelta(days=BOOTSTRAP_DAYS))


def end_bootstrap_when_ready(change: Change) -> None:
    """End bootstrap mode for good once enough active people may approve."""
    if not in_bootstrap(change):
        return
    defined = queries.custom_roles(change)
    deciding = tuple(
        role
        for role in (*defined, "approver")
        if Permission.APPROVAL_DECIDE in rights.permissions_of(role, defined)
    )
    persons = {person for _, person in queries.holders(change, deciding)}
    if len(persons) >= APPROVERS_NEEDED:
        first_run.end_bootstrap(change)
