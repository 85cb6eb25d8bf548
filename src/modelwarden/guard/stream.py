"""Asks a server for snapshots: a stream of events, else long polls, else polls (SG-20).

A way that the server or a proxy before it does not do, or on which nothing at all is heard, is left for the next; after
a while streaming is tried again. Every answer goes through the intake, which decides what is taken.
"""

from __future__ import annotations

import time
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from modelwarden.errors import NoPinnedKey, SnapshotRejected
from modelwarden.guard.link import Link
from modelwarden.guard.sse import EventReader
from modelwarden.guard.wire import Reason

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from http.client import HTTPResponse

    from modelwarden.guard.feed import Pace
    from modelwarden.guard.intake import Intake
    from modelwarden.guard.link import Server

    Take = Callable[[bytes, str], str | None]

_PIECE: Final = 64 * 1024
_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_UNFIT: Final = frozenset(
    {
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
_KINDS: Final = frozenset({"snapshot", "head"})
NO_PINNED_KEY: Final = "no_pinned_key"

BURST_S: Final = 0.5
SHARE: Final = 0.25
"""Of one core, that reading a stream may take for long; before, it may take `BURST_S` seconds of one at once."""


class Way(StrEnum):
    """How snapshots come, best first."""

    STREAM = "stream"
    LONG_POLL = "long_poll"
    POLL = "poll"


_LESSER: Final = {Way.STREAM: Way.LONG_POLL, Way.LONG_POLL: Way.POLL, Way.POLL: Way.POLL}


class Refused(Exception):
    """The server refuses the token: 401 or 403."""


class Unfit(Exception):
    """The server, or what stands before it, does not do this way of asking."""


class Effort:
    """What reading a stream may cost the host: whoever sends without end is read at the pace that this leaves.

    A server of ours sends the newest snapshot alone, and again to whoever fell behind, so a stop is late by one pause.
    """

    def __init__(self) -> None:
        self._spent = 0.0
        self._moment, self._cpu = time.monotonic(), time.thread_time()

    def pause_s(self) -> float:
        """Take in what this thread spent since the last time; return for how long it should rest, in seconds."""
        moment, cpu = time.monotonic(), time.thread_time()
        earned = SHARE * (moment - self._moment)
        self._spent = max(0.0, self._spent + cpu - self._cpu - earned)
        self._moment, self._cpu = moment, cpu
        return max(0.0, self._spent - BURST_S) / SHARE


class ServerSource:
    """Asks one server in the best way that works.

    Attributes:
        way: how it asks now.
        spread_s: what the stream said last of how long a fleet takes to answer.
    """

    def __init__(
        self, server: Server, intake: Intake, *, pace: Pace, chance: Callable[[], float]
    ) -> None:
        self._server = server
        self._intake = intake
        self._pace = pace
        self._chance = chance
        self._link = Link(server)
        self._keys_link = Link(server)
        self._lowered_at = 0.0
        self.spread_s = 0.0
        self.way = Way.STREAM

    def once(self, closed: threading.Event, take: Take) -> float:
        """Ask once, in the present way. Raises Refused, Unfit, OSError, HTTPException, SnapshotRejected, KeyInvalid."""
        if (
            self.way is not Way.STREAM
            and time.monotonic() - self._lowered_at >= self._pace.lowered_s
        ):
            self.way = Way.STREAM
        if not self._intake.is_pinned:
            self._ask_keys()
        if self.way is Way.STREAM:
            self._stream(closed, take)
            return 0.0
        if self.way is Way.LONG_POLL:
            began = time.monotonic()
            self._ask(take, wait_s=self._pace.long_poll_s)
            quick = time.monotonic() - began < self._pace.first_back_off_s
            return self._pace.first_back_off_s if quick else 0.0
        self._ask(take, wait_s=0.0)
        return self._pace.poll_s * (1 + self._pace.spread * (2 * self._chance() - 1))

    def failed(self, error: Exception, *, was_heard: bool) -> None:
        """Drop the connection, and leave a way that is not done here or on which nothing was heard."""
        self.close()
        if isinstance(error, Unfit) or (isinstance(error, TimeoutError) and not was_heard):
            self.way = _LESSER[self.way]
            self._lowered_at = time.monotonic()

    def abort(self) -> None:
        """End what `once` waits for."""
        self._link.abort()
        self._keys_link.abort()

    def close(self) -> None:
        """Close the connections."""
        self._link.drop()
        self._keys_link.drop()

    def after_fork(self) -> None:
        """Leave the sockets to the parent."""
        self._link.after_fork()
        self._keys_link.after_fork()

    def _opened(self) -> HTTPResponse:
        held = self._intake.snapshot
        last_id = None if held is None else f"{held.head.at.epoch}.{held.head.at.generation}"
        response = self._link.stream(
            "snapshot/stream", self._named(), last_id=last_id, timeout_s=self._pace.silence_s
        )
        _check(response.status)
        if response.headers.get_content_type() != "text/event-stream":
            raise Unfit("a stream is answered by something else")
        return response

    def _stream(self, closed: threading.Event, take: Take) -> None:
        response = self._opened()
        reader, effort = EventReader(), Effort()
        lines, heard_at = 0, time.monotonic()
        while not closed.is_set():
            piece = response.read1(_PIECE)
            if not piece:
                raise ConnectionError("the stream ended")
            self._events(reader, piece, take)
            now = time.monotonic()
            if reader.lines > lines:
                lines, heard_at = reader.lines, now
            elif now - heard_at > self._pace.silence_s:  # bytes that never end a line are no beat
                raise TimeoutError("the stream says nothing")
            closed.wait(effort.pause_s())

    def _events(self, reader: EventReader, piece: bytes, take: Take) -> None:
        events = reader.feed(piece)
        self.spread_s = reader.spread_s
        for event in events:
            if event.kind in _KINDS:
                self._event(event.data, take)

    def _event(self, wire: bytes, take: Take) -> None:
        """Hand an event over. One that is refused ends nothing: the next may be good."""
        if self._taken(wire, take, "stream") == Reason.BODY_MISSING:
            self._ask(take, wait_s=0.0, link=self._keys_link)

    def _ask(self, take: Take, *, wait_s: float, link: Link | None = None) -> None:
        query = self._named()
        held = self._intake.snapshot
        if held is not None:
            query["have"] = held.head.body_sha256
            query["wait"] = f"{wait_s:g}"
        answer = (link or self._link).get("snapshot", query, timeout_s=wait_s + self._pace.answer_s)
        _check(answer.status)
        reason = self._taken(answer.body, take, "poll")
        if reason is not None:
            raise SnapshotRejected(reason, "what was asked for is refused")

    def _taken(self, wire: bytes, take: Take, source: str) -> str | None:
        """Hand a snapshot over; one that a new key signed once more, when the server has said how it came to be."""
        reason = take(wire, source)
        if reason == NO_PINNED_KEY and self._intake.is_pinned:
            known = len(self._intake.pins.keys.keys)
            self._ask_keys()
            if len(self._intake.pins.keys.keys) > known:
                reason = take(wire, source)
        return reason

    def _ask_keys(self) -> None:
        if not self._intake.is_pinned and not self._server.keeps_secrets:
            raise NoPinnedKey("keys are fetched over https, or from this machine alone")
        answer = self._keys_link.get("snapshot/keys", {}, timeout_s=self._pace.answer_s)
        _check(answer.status)
        self._intake.heard_keys(answer.body)

    def _named(self) -> dict[str, str]:
        return {"model": self._intake.model, "environment": self._intake.environment}


def _check(status: int) -> None:
    if status == HTTPStatus.OK:
        return
    if status in _REFUSED:
        raise Refused(f"the server refuses the token ({status})")
    if status in _UNFIT:
        raise Unfit(f"the server does not do this ({status})")
    raise ConnectionError(f"the server answers {status}")
