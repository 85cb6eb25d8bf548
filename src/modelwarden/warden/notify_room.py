"""The embedded SDK's room of endpoints that news goes to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelwarden.notify import actions, answers
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.values.endpoints import DeliveryAnswer, EndpointAnswer, EndpointTestAnswer
    from modelwarden.warden.bound import Bound


class Notify:
    """Webhook endpoints. The secret is in the answer that makes one, and nowhere else."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

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
        new = actions.NewEndpoint(
            name=name,
            url=url,
            types=tuple(types),
            severity=severity,
            subjects=tuple(subjects),
            include_text=include_text,
        )
        return self._bound.write(partial(actions.add, new=new), answers.secret_answer)

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[EndpointAnswer]:
        """Return a page of endpoints, oldest first, without secrets. Raises NotPermitted."""
        action = partial(actions.endpoints, page=Page(limit=limit, cursor=cursor))
        return self._bound.page(action, answers.endpoint_answer)

    def show(self, endpoint: str) -> EndpointAnswer:
        """Return an endpoint by name or id. Raises NotPermitted, NotFound."""
        return self._bound.read(partial(actions.endpoint, name=endpoint), answers.endpoint_answer)

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
        changes = actions.EndpointChanges(
            url=url,
            types=None if types is None else tuple(types),
            severity=severity,
            subjects=None if subjects is None else tuple(subjects),
            include_text=include_text,
        )
        action = partial(actions.update, name=endpoint, changes=changes)
        return self._bound.write(action, answers.endpoint_answer)

    def test(self, endpoint: str) -> EndpointTestAnswer:
        """Send a test message now, and tell what came back. Raises NotPermitted, NotFound."""
        find = partial(actions.target, name=endpoint)
        found = self._bound.read(find, lambda _view, target: target)
        result = actions.send_test(found, self._bound.settings)
        action = partial(actions.test, name=endpoint, result=result)
        return self._bound.write(
            action, lambda _view, done: answers.tested_answer(done, name=endpoint)
        )

    def rotate_secret(self, endpoint: str, *, overlap_minutes: int = 1_440) -> EndpointAnswer:
        """Replace the secret; the old one signs beside it for the overlap. Raises NotFound, ExpiryNeeded."""
        action = partial(actions.rotate_secret, name=endpoint, overlap_minutes=overlap_minutes)
        return self._bound.write(action, answers.secret_answer)

    def disable(self, endpoint: str) -> EndpointAnswer:
        """Stop telling an endpoint anything; its place is kept. Raises NotPermitted, NotFound."""
        return self._bound.write(partial(actions.disable, name=endpoint), answers.endpoint_answer)

    def enable(self, endpoint: str) -> EndpointAnswer:
        """Let a disabled endpoint go on; what waited for more than a day comes as one message. Raises IllegalMove."""
        return self._bound.write(partial(actions.enable, name=endpoint), answers.endpoint_answer)

    def replay(self, endpoint: str, *, first: int) -> EndpointAnswer:
        """Send again what it subscribed to, from this entry on, with the same ids. Raises ValueInvalid, IllegalMove."""
        action = partial(actions.replay, name=endpoint, first=first)
        return self._bound.write(action, answers.endpoint_answer)

    def deliveries(
        self,
        endpoint: str,
        *,
        abandoned: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Listing[DeliveryAnswer]:
        """Return a page of what was sent to an endpoint, newest first; of what was abandoned alone if asked."""
        page = Page(limit=limit, cursor=cursor)
        action = partial(actions.deliveries, name=endpoint, page=page, abandoned=abandoned)
        return self._bound.page(action, answers.delivery_answer)
