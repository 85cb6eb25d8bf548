"""The authorised reads of endpoints and of their log; and how they are, for the program itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modelwarden.access.allowed import authorize
from modelwarden.errors import NotFound
from modelwarden.notify import queries
from modelwarden.permissions import Permission
from modelwarden.store import entries

if TYPE_CHECKING:
    from modelwarden.notify.endpoint import Endpoint, EndpointState
    from modelwarden.store.change import View
    from modelwarden.store.running import Row
    from modelwarden.values.pages import Listing, Page


class Standing(NamedTuple):
    """How one endpoint is: its state, and how many entries it was not served yet."""

    id: str
    state: EndpointState
    waiting: int


def endpoint(view: View, name: str) -> Endpoint:
    """Return one endpoint, by name or id. Raises NotPermitted, NotFound."""
    authorize(view, Permission.ENDPOINT_MANAGE)
    found = queries.find_endpoint(view, name)
    if found is None:
        raise NotFound("endpoint", name)
    return found


def endpoints(view: View, page: Page) -> Listing[Endpoint]:
    """Return a page of endpoints, oldest first. Raises NotPermitted."""
    authorize(view, Permission.ENDPOINT_MANAGE)
    return queries.endpoints_page(view, page)


def deliveries(view: View, name: str, page: Page, *, abandoned: bool = False) -> Listing[Row]:
    """Return a page of what was sent to an endpoint, newest first; of what was abandoned alone if asked."""
    found = endpoint(view, name)
    return queries.deliveries_page(view, found.id, page, abandoned=abandoned)


def standings(view: View) -> tuple[Standing, ...]:
    """Return how each endpoint that is not disabled is. The caller asks for the right."""
    return tuple(
        Standing(each.id, each.state, waiting(view, each)) for each in queries.enabled(view)
    )


def counts(view: View) -> dict[str, int]:
    """Return how many endpoints are in each state, which tells nobody what they are."""
    return {state.value: n for state, n in queries.count_by_state(view).items()}


def waiting(view: View, found: Endpoint) -> int:
    """Return how many entries an endpoint was not served yet; saved every few seconds."""
    return entries.read_head(view.connection).size - (queries.next_seq(view, found.follower) or 0)
