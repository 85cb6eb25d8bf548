"""The remote SDK's room of the server's own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.client.transport import path
from modelwarden.values.answers import ServerKeyAnswer

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.client.calls import Calls


class ServerKeys:
    """The server's own keys; their private halves stay in its keys folder."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(self) -> tuple[ServerKeyAnswer, ...]:
        """Return all keys, by purpose, the current one last; how many texts an older one still protects."""
        return self._calls.read_all(ServerKeyAnswer, path("server-keys"))

    def rotate(self, purpose: str) -> ServerKeyAnswer:
        """Let a new key take over: of the ledger, of decisions, of encryption. Raises PermitNeeded, Conflict."""
        return self._calls.write(ServerKeyAnswer, path("server-keys", purpose, "rotate"))

    def revoke(self, purpose: str, key: str, *, since: datetime) -> ServerKeyAnswer:
        """Say that an older key is not to be believed since a time. Raises PermitNeeded, IllegalMove, NotFound."""
        body = {"key": key, "since": since}
        return self._calls.write(ServerKeyAnswer, path("server-keys", purpose, "revoke"), body)
