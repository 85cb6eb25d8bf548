"""What every remote room is built from: read a thing, read a page, write; all with the embedded SDK's values."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from modelwarden.client.decode import decode, decode_all, decode_page
from modelwarden.client.transport import Call, body_of, new_idempotency_key, query_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.client.transport import Reply, Transport
    from modelwarden.values.pages import Listing, Page

A = TypeVar("A")


class Calls:
    """Typed calls over one transport."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def read(self, shape: type[A], path: str, query: Mapping[str, object] | None = None) -> A:
        """Read one thing."""
        return decode(shape, self.fetch(path, query).json())

    def page(
        self, shape: type[A], path: str, page: Page, filters: Mapping[str, object] | None = None
    ) -> Listing[A]:
        """Read one page of a list."""
        query = {**(filters or {}), "limit": page.limit, "cursor": page.cursor}
        return decode_page(shape, self.fetch(path, query).json())

    def read_all(
        self, shape: type[A], path: str, query: Mapping[str, object] | None = None
    ) -> tuple[A, ...]:
        """Read a list that has no pages."""
        return decode_all(shape, self.fetch(path, query).json())

    def fetch(self, path: str, query: Mapping[str, object] | None = None) -> Reply:
        """Read bytes as they are."""
        return self.transport.send(Call(method="GET", path=path, query=query_of(query or {})))

    def write(
        self,
        shape: type[A],
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        method: str = "POST",
        revision: int | None = None,
    ) -> A:
        """Write once, however often it has to be sent (AC-72); `revision` is the one that was read (AC-73)."""
        return decode(shape, self.tell(path, body, method=method, revision=revision).json())

    def write_all(self, shape: type[A], path: str) -> tuple[A, ...]:
        """Write where the answer is a list."""
        return decode_all(shape, self.tell(path).json())

    def tell(
        self,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        method: str = "POST",
        revision: int | None = None,
    ) -> Reply:
        """Write, and return the answer as it is."""
        headers = {"Idempotency-Key": new_idempotency_key()}
        if revision is not None:
            headers["If-Match"] = f'"{revision}"'
        return self._sent(method, path, body or {}, headers=headers)

    def ask(self, shape: type[A], path: str, body: Mapping[str, object]) -> A:
        """Read one thing whose question does not fit into an address; nothing is written."""
        return decode(shape, self._sent("POST", path, body, headers={}).json())

    def write_secret(self, shape: type[A], path: str, body: Mapping[str, object]) -> A:
        """Write where the answer holds a secret: it is shown once, so this is never sent twice."""
        return decode(shape, self._sent("POST", path, body, headers={}).json())

    def _sent(
        self, method: str, path: str, body: Mapping[str, object], *, headers: Mapping[str, str]
    ) -> Reply:
        content = body_of(body)
        call = Call(
            method=method,
            path=path,
            headers={"Content-Type": "application/json", **headers},
            content=lambda: content,
            repeatable=bool(headers),
        )
        return self.transport.send(call)
