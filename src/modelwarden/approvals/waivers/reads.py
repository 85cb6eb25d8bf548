"""The authorised reads of waivers. What the caller may not read looks absent (AC-13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.approvals import case
from modelwarden.approvals.reads import approval
from modelwarden.approvals.request import RequestType
from modelwarden.approvals.waivers import queries
from modelwarden.errors import FilterInvalid, NotFound
from modelwarden.registry import reads as registry
from modelwarden.registry.queries import find_model
from modelwarden.values.pages import Listing, Page, cursor_for

if TYPE_CHECKING:
    from modelwarden.approvals.case import Dossier
    from modelwarden.approvals.request import ApprovalRequest, RequestState
    from modelwarden.store.change import View

MOST_BATCHES: Final = 20
"""How often a list reads on to fill a page; then it answers with what it found, and a cursor."""


def waiver(view: View, request_id: str) -> Dossier:
    """Return a waiver with who signed it. Raises NotFound."""
    found = approval(view, request_id)
    if found.request.type is not RequestType.WAIVER:
        raise NotFound("waiver", request_id)
    return found


def waivers(
    view: View,
    page: Page,
    *,
    model: str | None = None,
    version: str | None = None,
    state: RequestState | None = None,
) -> Listing[ApprovalRequest]:
    """Return a page of waivers, newest first; of one version where model and version are named.

    A short page with a cursor is possible where little of a long list is readable.

    Raises ModelNotFound, VersionNotFound, FilterInvalid.
    """
    if (model is None) != (version is None):
        raise FilterInvalid("version", "model and version together, or neither")
    named = None
    if model is not None and version is not None:
        named = registry.version(view, model, version).name
    found: list[ApprovalRequest] = []
    rest = page
    for _ in range(MOST_BATCHES):
        batch = queries.waivers_page(view, rest, version=named, state=state)
        for one in batch.items:
            if case.may_read(view, one, find_model(view, one.model) if one.model else None):
                found.append(one)
            if len(found) == page.limit:
                return Listing(tuple(found), cursor_for(one.id))
        if batch.next_cursor is None:
            return Listing(tuple(found))
        rest = Page(limit=page.limit, cursor=batch.next_cursor)
    return Listing(tuple(found), rest.cursor)
