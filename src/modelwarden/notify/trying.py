"""Trying an endpoint: what a message to it needs, and a test message sent now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelwarden.errors import NotFound
from modelwarden.notify.address import Address, Egress, parse_url
from modelwarden.notify.message import Message, ping
from modelwarden.notify.post import Line
from modelwarden.notify.reads import endpoint as endpoint_of
from modelwarden.notify.webhook import signed_headers

if TYPE_CHECKING:
    from modelwarden.config import Settings
    from modelwarden.notify.delivery import Result
    from modelwarden.notify.endpoint import Endpoint
    from modelwarden.store.change import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A test message, ready to go."""

    address: Address
    headers: dict[str, str]
    message: Message

    def __repr__(self) -> str:
        return f"Target({self.address.shown}, signature hidden)"


def target(view: View, name: str) -> Target:
    """Return a signed test message and where it goes. Raises NotPermitted, NotFound, EndpointAddressRefused."""
    endpoint = endpoint_of(view, name)
    message = ping(endpoint.id, origin=view.keyring.origin, now=view.now)
    headers = signed_headers(secrets_of(view, endpoint), message.id, message.body, now=view.now)
    return Target(address=address_of(view, endpoint), headers=headers, message=message)


def send_test(found: Target, settings: Settings) -> Result:
    """Send a test message, now and once. It takes seconds where nobody answers."""
    line = Line(Egress(settings.endpoint_allow))
    return line.post(found.address, found.headers, found.message.body)


def address_of(view: View, endpoint: Endpoint) -> Address:
    """Return where an endpoint lies. Raises NotFound where its address was erased."""
    url = view.words(endpoint.url)
    if url is None:
        raise NotFound("address of endpoint", endpoint.id)
    return parse_url(url)


def secrets_of(view: View, endpoint: Endpoint) -> list[str]:
    """Return the secrets that sign now, the newest first. Raises NotFound where it was erased."""
    found = [view.words(endpoint.secret)]
    ends = endpoint.previous_until
    if ends is not None and view.now < ends:
        found.append(view.words(endpoint.previous_secret))
    known = [secret for secret in found if secret is not None]
    if not known or found[0] is None:
        raise NotFound("secret of endpoint", endpoint.id)
    return known
