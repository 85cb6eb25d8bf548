"""The remote SDK's room of endpoints that news goes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.client.transport import path
from modelwarden.values.endpoints import DeliveryAnswer, EndpointAnswer, EndpointTestAnswer
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.client.calls import Calls


class Notify:
    """Webhook endpoints. The secret is in the answer that makes one, and nowhere else."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def add(  # the fields of an endpoint
        self,
        name: str,
        url: str,
        *,
        types: Sequence[str] = (),
        severity: str = "INFO",
        subjects: Sequence[str] = (),
        include_text: bool = False,
    ) -> EndpointAnswer:
        """Add an endpoint: what it subscribes to goes there from now on, as far as you may read it.

        Raises:
            NotPermitted, EndpointAddressRefused, EndpointExists, EndpointLimit, ValueInvalid.
        """
        body = {
            "name": name,
            "url": url,
            "types": list(types),
            "severity": severity,
            "subjects": list(subjects),
            "include_text": include_text,
        }
        return self._calls.write_secret(EndpointAnswer, path("endpoints"), body)

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[EndpointAnswer]:
        """Return a page of endpoints, oldest first, without secrets. Raises NotPermitted."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(EndpointAnswer, path("endpoints"), page)

    def show(self, endpoint: str) -> EndpointAnswer:
        """Return an endpoint by name or id. Raises NotPermitted, NotFound."""
        return self._calls.read(EndpointAnswer, path("endpoints", endpoint))

    def update(  # the fields of an endpoint
        self,
        endpoint: str,
        *,
        url: str | None = None,
        types: Sequence[str] | None = None,
        severity: str | None = None,
        subjects: Sequence[str] | None = None,
        include_text: bool | None = None,
    ) -> EndpointAnswer:
        """Change where an endpoint lies or what it is told; you stand behind it from now on.

        Raises:
            NotPermitted, NotFound, EndpointAddressRefused, ValueInvalid.
        """
        body = {
            "url": url,
            "types": None if types is None else list(types),
            "severity": severity,
            "subjects": None if subjects is None else list(subjects),
            "include_text": include_text,
        }
        return self._calls.write(EndpointAnswer, path("endpoints", endpoint), body, method="PATCH")

    def test(self, endpoint: str) -> EndpointTestAnswer:
        """Send a test message now, and tell what came back. Raises NotPermitted, NotFound."""
        return self._calls.write(EndpointTestAnswer, path("endpoints", endpoint, "test"))

    def rotate_secret(self, endpoint: str, *, overlap_minutes: int = 1_440) -> EndpointAnswer:
        """Replace the secret; the old one signs beside it for the overlap. Raises NotFound, ExpiryNeeded."""
        body = {"overlap_minutes": overlap_minutes}
        where = path("endpoints", endpoint, "rotate-secret")
        return self._calls.write_secret(EndpointAnswer, where, body)

    def disable(self, endpoint: str) -> EndpointAnswer:
        """Stop telling an endpoint anything; its place is kept. Raises NotPermitted, NotFound."""
        return self._calls.write(EndpointAnswer, path("endpoints", endpoint, "disable"))

    def enable(self, endpoint: str) -> EndpointAnswer:
        """Let a disabled endpoint go on; what waited for more than a day comes as one message. Raises IllegalMove."""
        return self._calls.write(EndpointAnswer, path("endpoints", endpoint, "enable"))

    def replay(self, endpoint: str, *, first: int) -> EndpointAnswer:
        """Send again what it subscribed to, from this entry on, with the same ids. Raises ValueInvalid, IllegalMove."""
        where = path("endpoints", endpoint, "replay")
        return self._calls.write(EndpointAnswer, where, {"first": first})

    def deliveries(
        self,
        endpoint: str,
        *,
        abandoned: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Listing[DeliveryAnswer]:
        """Return a page of what was sent to an endpoint, newest first; of what was abandoned alone if asked."""
        where = path("endpoints", endpoint, "deliveries")
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(DeliveryAnswer, where, page, {"abandoned": abandoned})
