"""Snapshots on one event loop: each change comes over once and is put to all who listen, as the same bytes.

A subscriber who does not take what is put to them is dropped, not waited for: it connects again and gets the newest.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from modelwarden.errors import LedgerUnavailable, WardenError

BEAT_S: Final = 5.0
BEAT: Final = b": beat\n\n"
QUEUE: Final = 8
"""Events that wait for one subscriber; with beats alone, a stuck one is dropped after 40 s."""
WARM_S: Final = 60.0
"""How long a snapshot is kept current after the last one left: who polls comes again."""
ANSWER_MS: Final = 2
"""Of this process, kept for each guard's report, so that a fleet's reports leave room for the next stop."""
FIRST_S: Final = 10.0
LOOK_S: Final = 0.5
RECHECK_S: Final = 60.0
HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)


class Broadcasts(Protocol):
    """What it needs of the Warden's broadcast."""

    @property
    def failing(self) -> Exception | None:
        """Return why nothing can be built now, or None."""
        ...

    def listen(self, topic: Any, receive: Any, /) -> Callable[[], None]:  # noqa: ANN401  # a topic, a receiver
        """Give a topic's snapshots to a receiver, on a thread of its own."""
        ...

    def make_key(self) -> None:
        """Make the key that signs snapshots, unless one is there."""
        ...


class Broadcasting(Protocol):
    """Whoever has a broadcast."""

    @property
    def snapshots(self) -> Broadcasts:
        """Return it."""
        ...


class Subscriber:
    """Somebody who listens: what waits for them, and whether they were dropped."""

    __slots__ = ("cancel", "queue")

    def __init__(self) -> None:
        self.queue: Final[asyncio.Queue[bytes | None]] = asyncio.Queue(QUEUE)
        self.cancel: Callable[[], object] = _nothing

    def put(self, event: bytes | None) -> bool:
        """Put an event; False where there is no more room."""
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            return False
        return True


class Channel:
    """One topic on this loop: its newest snapshot, and who listens or waits for the next."""

    def __init__(self) -> None:
        self.newest: Any = None
        self.subscribers: Final[set[Subscriber]] = set()
        self.changed = asyncio.Event()
        self.waiting = 0
        self.leave: Callable[[], None] = _nothing
        self.cooling: asyncio.TimerHandle | None = None

    def spread(self, snapshot: Any, *, is_new: bool) -> None:  # noqa: ANN401  # a signed snapshot
        """Keep a snapshot and put it to all; whoever has no room for it is dropped."""
        self.newest = snapshot
        event = snapshot.as_event if is_new else snapshot.as_head_event
        self.put(b"spread: %d\n%b" % (self.answers_ms, event))
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    @property
    def answers_ms(self) -> int:
        """Over how many milliseconds those who listen should spread their reports: a stop comes to all at once."""
        return len(self.subscribers) * ANSWER_MS

    def put(self, event: bytes | None) -> None:
        """Put the same bytes to all."""
        for subscriber in [each for each in self.subscribers if not each.put(event)]:
            self.subscribers.discard(subscriber)
            subscriber.cancel()


class Streams:
    """All channels of one app. Used on its event loop alone, except that snapshots come from another thread."""

    def __init__(self, warden: Broadcasting) -> None:
        self._warden = warden
        self._channels: dict[Any, Channel] = {}
        self._beat: asyncio.TimerHandle | None = None
        self.closing = False

    async def newest(self, topic: Any) -> Any:  # noqa: ANN401  # as in Broadcast
        """Return the current snapshot. Raises LedgerUnavailable when none can be built."""
        channel = self._enter(topic)
        try:
            return await self._first(channel)
        finally:
            self._leave(topic, channel)

    async def next(self, topic: Any, have: str, wait_s: float) -> Any:  # noqa: ANN401
        """Return the snapshot as soon as its body is another than the caller has, or as it is after so long."""
        channel = self._enter(topic)
        try:
            found = await self._first(channel)
            async with asyncio.timeout(wait_s):
                while found.body_sha256 == have and not self.closing:
                    await channel.changed.wait()
                    found = channel.newest
        except TimeoutError:
            found = channel.newest
        finally:
            self._leave(topic, channel)
        return found

    async def subscribe(self, topic: Any, seen: str | None) -> tuple[Channel, Subscriber]:  # noqa: ANN401
        """Listen to a topic; what waits first is the snapshot, or its head alone where that one was seen."""
        channel = self._enter(topic)
        try:
            found = await self._first(channel)
        except BaseException:
            self._leave(topic, channel)
            raise
        subscriber = Subscriber()
        subscriber.put(found.as_head_event if seen == found.etag else found.as_event)
        channel.subscribers.add(subscriber)
        if self.closing:
            subscriber.put(None)
        if self._beat is None:
            self._beat = asyncio.get_running_loop().call_later(BEAT_S, self._tick)
        return channel, subscriber

    def unsubscribe(self, topic: Any, channel: Channel, subscriber: Subscriber) -> None:  # noqa: ANN401
        """Listen no more."""
        channel.subscribers.discard(subscriber)
        self._leave(topic, channel)

    def close(self) -> None:
        """End all streams, so that the server can stop. Called on the loop."""
        self.closing = True
        for channel in self._channels.values():
            channel.put(None)
            channel.changed.set()

    def _enter(self, topic: Any) -> Channel:  # noqa: ANN401
        channel = self._channels.get(topic)
        if channel is None:
            channel = self._channels[topic] = Channel()
            loop = asyncio.get_running_loop()

            def receive(snapshot: Any, *, is_new: bool) -> None:  # noqa: ANN401
                with contextlib.suppress(RuntimeError):  # the loop ended before its warden did
                    loop.call_soon_threadsafe(_spread, channel, snapshot, is_new)

            channel.leave = self._warden.snapshots.listen(topic, receive)
        channel.waiting += 1
        if channel.cooling is not None:
            channel.cooling.cancel()
            channel.cooling = None
        return channel

    def _leave(self, topic: Any, channel: Channel) -> None:  # noqa: ANN401
        channel.waiting -= 1
        if not channel.waiting:
            loop = asyncio.get_running_loop()
            channel.cooling = loop.call_later(WARM_S, self._forget, topic, channel)

    def _forget(self, topic: Any, channel: Channel) -> None:  # noqa: ANN401
        if not channel.waiting and self._channels.get(topic) is channel:
            del self._channels[topic]
            channel.leave()

    async def _first(self, channel: Channel) -> Any:  # noqa: ANN401
        loop = asyncio.get_running_loop()
        ends = loop.time() + FIRST_S
        while channel.newest is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await channel.changed.wait()
                continue
            if loop.time() > ends or self._warden.snapshots.failing is not None:
                raise LedgerUnavailable("no snapshot could be built; try again in a moment")
        return channel.newest

    def _tick(self) -> None:
        listening = False
        for channel in self._channels.values():
            listening = listening or bool(channel.subscribers)
            channel.put(BEAT)
        loop = asyncio.get_running_loop()
        self._beat = loop.call_later(BEAT_S, self._tick) if listening else None


class EventStream(Response):
    """The answer that never ends by itself: events as they come, until somebody leaves or may not listen any more."""

    def __init__(
        self,
        streams: Streams,
        topic: Any,  # noqa: ANN401
        *,
        seen: str | None,
        recheck: Callable[[], Awaitable[object]],
        recheck_s: float = RECHECK_S,
    ) -> None:
        super().__init__()
        self._streams, self._topic = streams, topic
        self._seen, self._recheck, self._recheck_s = seen, recheck, recheck_s

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the subscriber leaves, is dropped, or loses the right."""
        channel, subscriber = await self._streams.subscribe(self._topic, self._seen)
        await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
        sending = asyncio.ensure_future(_sending(subscriber, send))
        leaving = asyncio.ensure_future(_left(receive))
        subscriber.cancel = sending.cancel
        try:
            while not (sending.done() or leaving.done()):
                await asyncio.wait(
                    {sending, leaving},
                    timeout=self._recheck_s,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not (sending.done() or leaving.done()):
                    await self._recheck()
        except WardenError:
            pass  # the right was lost: whoever connects again is told so
        finally:
            self._streams.unsubscribe(self._topic, channel, subscriber)
            sending.cancel()
            leaving.cancel()


async def _sending(subscriber: Subscriber, send: Send) -> None:
    while True:
        event = await subscriber.queue.get()
        await send(
            {
                "type": "http.response.body",
                "body": event or b"",
                "more_body": event is not None,
            }
        )
        if event is None:
            return


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _spread(channel: Channel, snapshot: Any, is_new: bool) -> None:  # noqa: ANN401, FBT001  # call_soon takes no names
    channel.spread(snapshot, is_new=is_new)


def _nothing() -> None:
    return None
