"""The SQL of waivers: the approval requests that ask for leave from a check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, select

from modelwarden.approvals.queries import NEWEST, as_request
from modelwarden.approvals.request import RequestState, RequestType
from modelwarden.store.schema.approvals import approvals
from modelwarden.values.pages import Listing, Page, listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.store.change import View
    from modelwarden.values.ids import VersionName

MOST: Final = 200
"""Waivers of one version in force at once: as many as a policy has checks, for two environments."""

_OF_VERSION: Final = (
    select(approvals)
    .where(
        approvals.c.version == bindparam("version"),
        approvals.c.environment.in_(bindparam("environments", expanding=True)),
        approvals.c.type == RequestType.WAIVER.value,
        approvals.c.state.in_(bindparam("states", expanding=True)),
    )
    .order_by(approvals.c.id.desc())
    .limit(MOST)
)
_PAGE: Final = (
    select(approvals)
    .where(
        approvals.c.type == RequestType.WAIVER.value,
        approvals.c.state.in_(bindparam("states", expanding=True)),
        approvals.c.id < bindparam("before"),
    )
    .order_by(approvals.c.id.desc())
    .limit(bindparam("limit"))
)
_PAGE_OF_VERSION: Final = (
    select(approvals)
    .where(
        approvals.c.version == bindparam("version"),
        approvals.c.type == RequestType.WAIVER.value,
        approvals.c.state.in_(bindparam("states", expanding=True)),
        approvals.c.id < bindparam("before"),
    )
    .order_by(approvals.c.id.desc())
    .limit(bindparam("limit"))
)


def waivers_of(
    view: View,
    version: VersionName,
    *,
    environments: Sequence[Environment],
    states: Sequence[RequestState],
) -> list[ApprovalRequest]:
    """Return the waivers of a version there in these states, newest first."""
    params = {
        "version": version,
        "environments": [place.value for place in environments],
        "states": [state.value for state in states],
    }
    return [as_request(row) for row in view.rows(_OF_VERSION, params)]


def waivers_page(
    view: View, page: Page, *, version: VersionName | None, state: RequestState | None
) -> Listing[ApprovalRequest]:
    """Return a page of waivers, newest first; of one version where it is named."""
    params = {
        "states": [each.value for each in RequestState if state in {None, each}],
        "before": page.after or NEWEST,
        "limit": page.limit,
    }
    rows = (
        view.rows(_PAGE, params)
        if version is None
        else view.rows(_PAGE_OF_VERSION, {**params, "version": version})
    )
    found = [as_request(row) for row in rows]
    return listing(found, page, key=found[-1].id if found else None)
