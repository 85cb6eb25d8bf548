"""How an audit trail's batches reach a ledger: a server, or a warden in this process."""

from __future__ import annotations

import json
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, Protocol

from modelwarden.errors import CallerError, RecordFromFuture, Refusal, WardenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PERMANENT: Final = frozenset({400, 409, 413, 415, 422})
CONFLICTS_THAT_PASS: Final = frozenset({"conflict"})
"""Two processes that record the same ref at one moment: the second try is answered."""


class Appends(Protocol):
    """The room of the ledger, in this process or on a server."""

    def append(self, records: Sequence[Mapping[str, Any]], /) -> Any:  # noqa: ANN401  # an answer
        """Record a batch."""
        ...


class Fate(Enum):
    """What an error means for a batch."""

    WAIT = auto()  # it may be taken later
    SPLIT = auto()  # some record in it never will be


class Sender(Protocol):
    """Sends a batch of lines; returns when the ledger has them."""

    def send(self, lines: Sequence[bytes]) -> None:
        """Send. Raises WardenError."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class HereSender:
    """Hands batches to a room of this process."""

    def __init__(self, room: Appends) -> None:
        self._room = room

    def send(self, lines: Sequence[bytes]) -> None:
        """Record them."""
        self._room.append([json.loads(line) for line in lines])

    def close(self) -> None:
        """Leave the room: whoever opened it closes it."""


class ServerSender:
    """Posts batches to a server as they are."""

    def __init__(self, url: str, token: str | None, pause: Callable[[float], None]) -> None:
        from modelwarden.client.transport import Transport  # noqa: PLC0415  # httpx: only when used

        self._transport = Transport(url, token, pause=pause)

    def send(self, lines: Sequence[bytes]) -> None:
        """Post them; their refs make it harmless to send them again."""
        from modelwarden.client.transport import Call, path  # noqa: PLC0415

        content = b"\n".join(lines)
        call = Call(
            method="POST",
            path=path("audit-log"),
            headers={"Content-Type": "application/x-ndjson"},
            content=lambda: content,
            repeatable=False,  # the trail itself tries again
        )
        self._transport.send(call)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def fate_of(error: WardenError) -> Fate:
    """Return what an error means: wait for better times, or find the record that is never taken."""
    if isinstance(error, RecordFromFuture | Refusal) or error.code in CONFLICTS_THAT_PASS:
        return Fate.WAIT
    if isinstance(error, CallerError) and error.status in PERMANENT:
        return Fate.SPLIT
    return Fate.WAIT
