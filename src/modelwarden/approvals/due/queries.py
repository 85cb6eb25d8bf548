"""The SQL of what is due and how long answers took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import bindparam, func, select

from modelwarden.store.schema.approvals import approvals
from modelwarden.values.clock import moment, timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.store.change import View
    from modelwarden.values.ids import RequestId

MOST: Final = 1_000
MOST_TIMED: Final = 10_000

_OPEN: Final = (approvals.c.state == "open", approvals.c.expires_at > bindparam("now"))
_TO_REMIND: Final = (
    select(approvals.c.id)
    .where(*_OPEN, approvals.c.remind_at <= bindparam("now"))
    .order_by(approvals.c.remind_at, approvals.c.id)
    .limit(MOST)
)
_TIMED: Final = (
    select(approvals.c.opened_at, approvals.c.decided_at)
    .where(approvals.c.decided_at >= bindparam("since"))
    .order_by(approvals.c.id.desc())
    .limit(MOST_TIMED)
)
_COUNT: Final = select(func.count()).select_from(approvals).where(*_OPEN)
_OVERDUE: Final = _COUNT.where(approvals.c.due_at <= bindparam("now"))


class Timed(NamedTuple):
    """When a request was opened, and when people's answers closed it."""

    opened_at: datetime
    decided_at: datetime


def requests_to_remind(view: View) -> list[RequestId]:
    """Return the open requests whose next reminder is due, the longest waiting first."""
    return [row.id for row in view.rows(_TO_REMIND, {"now": timestamp(view.now)})]


def decided_since(view: View, since: datetime) -> list[Timed]:
    """Return the times of what was decided since then, newest first, at most 10,000."""
    rows = view.rows(_TIMED, {"since": timestamp(since)})
    return [Timed(moment(row.opened_at), moment(row.decided_at)) for row in rows]


def count_open(view: View) -> int:
    """Return how many questions wait."""
    row = view.row(_COUNT, {"now": timestamp(view.now)})
    return 0 if row is None else int(row[0])


def count_overdue(view: View) -> int:
    """Return how many questions wait for longer than they should."""
    row = view.row(_OVERDUE, {"now": timestamp(view.now)})
    return 0 if row is None else int(row[0])
