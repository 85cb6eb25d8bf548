"""The SQL of what GitHub delivered and what was read there."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import bindparam, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from modelwarden.registry.lifecycle import Environment
from modelwarden.store.schema.approvals import approvals
from modelwarden.store.schema.deployments import deployments
from modelwarden.store.schema.github import comments, deliveries, pulls, rounds
from modelwarden.values.clock import maybe_moment, moment, timestamp
from modelwarden.values.ids import RequestId

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Table

    from modelwarden.deployments.github.comments import Comment
    from modelwarden.deployments.github.hook import Hint, Named
    from modelwarden.store.change import Change, Telemetry, View
    from modelwarden.values.ids import Commitment, ModelName, PersonId

MOST_DUE: Final = 1_000
"""Hints, and runs that wait, that may stand at once."""
AT_ONCE: Final = 100
DUE, DONE = "due", "done"
SUCCESS: Final = "success"
MOST_COMMENTS: Final = 500
"""That one request has copied from GitHub."""


def _putting(table: Table, key: str, *moved: str) -> MappingProxyType[str, Any]:
    """Return, by dialect, how a row is made, or moved where it stands."""
    found = {}
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql)):
        statement = dialect.insert(table)
        values = {column: statement.excluded[column] for column in moved}
        found[name] = statement.on_conflict_do_update(index_elements=[key], set_=values)
    return MappingProxyType(found)


_COUNT: Final = select(func.count()).select_from(deliveries).where(deliveries.c.state == DUE)
_HINTS: Final = _COUNT.where(deliveries.c.run.is_(None))
_RUNS: Final = _COUNT.where(deliveries.c.run.is_not(None))
_ADD: Final = MappingProxyType(
    {
        name: dialect.insert(deliveries).on_conflict_do_nothing()
        for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
    }
)
_DUE: Final = (
    select(
        deliveries.c.hook,
        deliveries.c.delivery,
        deliveries.c.request,
        deliveries.c.run,
        deliveries.c.environment,
        deliveries.c.at,
    )
    .where(deliveries.c.state == DUE)
    .order_by(deliveries.c.run.is_(None), deliveries.c.at, deliveries.c.delivery)  # runs first
    .limit(AT_ONCE)
)
_MOVE: Final = (
    update(deliveries)
    .where(deliveries.c.hook == bindparam("of"), deliveries.c.delivery == bindparam("which"))
    .values(state=DONE)
)
_UNDEPLOYED: Final = ~(
    select(deployments.c.id)
    .where(deployments.c.request == approvals.c.id, deployments.c.live_at.is_not(None))
    .exists()
)
_LOOKED_AT: Final = (
    select(approvals.c.id, approvals.c.model, approvals.c.environment)
    .outerjoin(pulls, pulls.c.request == approvals.c.id)
    .where(
        approvals.c.type == "release",
        _UNDEPLOYED,
        or_(approvals.c.state.in_(("open", "approved")), pulls.c.said == SUCCESS),
        approvals.c.id > bindparam("after"),
    )
    .order_by(approvals.c.id)
    .limit(AT_ONCE)
)
_PULL: Final = select(pulls.c.number, pulls.c.said).where(pulls.c.request == bindparam("request"))
_KEEP_PULL: Final = _putting(pulls, "request", "number")
_SAID: Final = (
    update(pulls).where(pulls.c.request == bindparam("of")).values(said=bindparam("now_said"))
)
_COPIED: Final = (
    select(comments.c.id)
    .where(comments.c.request == bindparam("request"))
    .order_by(comments.c.id)
    .limit(MOST_COMMENTS)
)
_COMMENTS: Final = (
    select(comments.c.id, comments.c.person, comments.c.words, comments.c.written_at)
    .where(comments.c.request == bindparam("request"))
    .order_by(comments.c.written_at, comments.c.id)
    .limit(MOST_COMMENTS)
)
_IS_COPIED: Final = select(comments.c.id).where(comments.c.id == bindparam("id"))
_COPY: Final = insert(comments)
_ROUND: Final = select(rounds.c.after, rounds.c.begun_at).where(
    rounds.c.repository == bindparam("repository")
)
_KEEP_ROUND: Final = _putting(rounds, "repository", "after", "begun_at")


class Waiting(NamedTuple):
    """A request whose pull request is to be looked at, unless its policy does not want one."""

    request: RequestId
    model: ModelName
    environment: Environment


class Pull(NamedTuple):
    """The pull request of a request, and which conclusion was reported there last."""

    number: int
    said: str | None


class Copied(NamedTuple):
    """A comment that was copied from GitHub."""

    id: str
    person: PersonId
    words: Commitment
    written_at: datetime


class Round(NamedTuple):
    """How far the round over all requests is: empty at its end."""

    after: str
    begun_at: datetime | None


class Due(NamedTuple):
    """A delivery that was not acted on yet."""

    hook: str
    delivery: str
    request: str | None
    run: int | None
    environment: str | None
    at: datetime


def keep_delivery(telemetry: Telemetry, named: Named, hint: Hint, *, body_sha256: str) -> bool:
    """Keep a delivery once; tell False where so many wait that there is no room for it."""
    waiting = telemetry.row(_HINTS if hint.run is None else _RUNS)
    if waiting is not None and waiting[0] >= MOST_DUE:
        return False
    row = {
        **named._asdict(),
        **hint._asdict(),
        "body_sha256": body_sha256,
        "state": DUE,
        "at": timestamp(telemetry.now),
    }
    telemetry.execute(_ADD[telemetry.connection.dialect.name], row)
    return True


def due(view: View) -> list[Due]:
    """Return the oldest deliveries that were not acted on, runs that wait before hints; at most 100."""
    return [
        Due(row.hook, row.delivery, row.request, row.run, row.environment, moment(row.at))
        for row in view.rows(_DUE)
    ]


def done(telemetry: Telemetry, ended: list[Due]) -> None:
    """Note that deliveries were acted on."""
    for each in ended:
        telemetry.execute(_MOVE, {"of": each.hook, "which": each.delivery})


def looked_at(view: View, *, after: str) -> list[Waiting]:
    """Return requests in their order, at most 100: open, approved and not live, or told of as if they could be."""
    return [
        Waiting(RequestId(row.id), row.model, Environment(row.environment))
        for row in view.rows(_LOOKED_AT, {"after": after})
    ]


def find_pull(view: View, request: str) -> Pull | None:
    """Return the pull request of a request, or None where none was found yet."""
    row = view.row(_PULL, {"request": request})
    return None if row is None else Pull(row.number, row.said)


def keep_pull(change: Change, request: RequestId, *, number: int) -> None:
    """Keep which pull request a request has."""
    row = {"request": request, "number": number, "said": None}
    change.execute(_KEEP_PULL[change.connection.dialect.name], row)


def keep_said(telemetry: Telemetry, request: str, *, said: str | None) -> None:
    """Keep which conclusion was reported last."""
    telemetry.execute(_SAID, {"of": request, "now_said": said})


def copied(view: View, request: RequestId) -> frozenset[str]:
    """Return which comments a request has already."""
    return frozenset(row.id for row in view.rows(_COPIED, {"request": request}))


def comments_of(view: View, request: str) -> list[Copied]:
    """Return the comments of a request, oldest first."""
    return [
        Copied(row.id, row.person, row.words, moment(row.written_at))
        for row in view.rows(_COMMENTS, {"request": request})
    ]


def is_copied(view: View, comment: str) -> bool:
    """Tell whether a comment was copied, to whichever request."""
    return view.row(_IS_COPIED, {"id": comment}) is not None


def copy(
    change: Change, request: RequestId, comment: Comment, *, person: PersonId, words: Commitment
) -> None:
    """Keep a comment."""
    row = {
        "id": comment.id,
        "request": request,
        "person": person,
        "words": words,
        "written_at": timestamp(comment.written_at),
    }
    change.execute(_COPY, row)


def find_round(view: View, repository: str) -> Round:
    """Return how far the round is; at its beginning where there was none."""
    row = view.row(_ROUND, {"repository": repository})
    return Round("", None) if row is None else Round(row.after, maybe_moment(row.begun_at))


def keep_round(telemetry: Telemetry, repository: str, *, after: str, begun_at: datetime) -> None:
    """Keep how far the round is."""
    row = {"repository": repository, "after": after, "begun_at": timestamp(begun_at)}
    telemetry.execute(_KEEP_ROUND[telemetry.connection.dialect.name], row)
