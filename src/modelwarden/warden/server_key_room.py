"""The embedded SDK's room of the server's own keys."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelwarden.access import actions
from modelwarden.access.answers import server_key_answer, server_keys_answer

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.answers import ServerKeyAnswer
    from modelwarden.warden.bound import Bound


class ServerKeys:
    """The server's own keys; their private halves stay in its keys folder."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def list(self) -> tuple[ServerKeyAnswer, ...]:
        """Return all keys, by purpose, the current one last; how many texts an older one still protects."""
        return self._bound.read(actions.server_keys, server_keys_answer)

    def rotate(self, purpose: str) -> ServerKeyAnswer:
        """Let a new key take over: of the ledger, of decisions, of encryption. Raises PermitNeeded, Conflict."""
        action = partial(actions.rotate_server_key, purpose=purpose)
        return self._bound.write(action, server_key_answer)

    def revoke(self, purpose: str, key: str, *, since: datetime) -> ServerKeyAnswer:
        """Say that an older key is not to be believed since a time. Raises PermitNeeded, IllegalMove, NotFound."""
        action = partial(actions.revoke_server_key, purpose=purpose, key=key, since=since)
        return self._bound.write(action, server_key_answer)
