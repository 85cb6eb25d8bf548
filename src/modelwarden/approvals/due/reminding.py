"""When an answer is due: reminders at half of that time and at its end, then the seat's group (RL-19).

Times are stored with the request, so a restart loses none; whoever was away for both tells of the later alone. What a
group may then do does not wait for this: deciding looks at the clock itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.approvals import queries
from modelwarden.approvals.due import queries as due_queries
from modelwarden.approvals.voiding import require_system
from modelwarden.facts.approvals import ApprovalEscalated, ApprovalReminded
from modelwarden.facts.kinds import Code
from modelwarden.values.ids import GroupName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from modelwarden.approvals.request import ApprovalRequest, Seat
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import RequestId


def requests_to_remind(view: View) -> list[RequestId]:
    """Return the open requests of which people are to be reminded now, at most 1,000."""
    found = due_queries.requests_to_remind(view)
    return [one for one in found if not view.is_frozen("approval", one)]


def remind(change: Change, request_id: str) -> ApprovalRequest | None:
    """Remind people of a request, or escalate it. Done already, or answered meanwhile: nothing is written."""
    require_system(change)
    found = queries.locked_request(change, request_id)
    due = None if found is None or found.remind_at is None else found.due_at
    if found is None or due is None or not found.is_open(at=change.now):
        change.unchanged("approval", request_id)
        return found
    if found.remind_at is not None and change.now < found.remind_at:
        change.unchanged("approval", request_id)
        return found
    kept = change.save(found.reminded(at=change.now))
    _tell(change, kept, kept.open_seats(queries.decisions_of(change, kept.id)), due=due)
    return kept


def _tell(
    change: Change, request: ApprovalRequest, seats: Sequence[Seat], *, due: datetime
) -> None:
    numbers = tuple(seat.index for seat in seats)
    environment = Code(request.environment)
    if change.now < due:
        change.record(
            ApprovalReminded(
                request=request.id,
                model=request.model,
                version=request.version,
                environment=environment,
                seats=numbers,
                due_at=due,
                use_case=request.use_case,
            )
        )
        return
    groups = sorted({group for seat in seats for group in seat.groups})
    change.record(
        ApprovalEscalated(
            request=request.id,
            model=request.model,
            version=request.version,
            environment=environment,
            seats=numbers,
            groups=tuple(GroupName(group) for group in groups),
            due_at=due,
            use_case=request.use_case,
        )
    )
