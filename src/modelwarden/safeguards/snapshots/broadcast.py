"""Gives the same ready bytes to whoever listens in this process: built once a change, signed again while anyone does.

One thread waits for commits of this process, and on PostgreSQL for word of other processes' commits; it looks each 5 s
anyway, since both are hints (SG-20). Receivers are called on it and must not block: a door hands the bytes on to its
event loop. What happens there is never waited for.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from modelwarden.access import snapshot_keys
from modelwarden.errors import SettingInvalid, WardenError
from modelwarden.safeguards.snapshots.body import FAILS, signed
from modelwarden.safeguards.snapshots.building import Builder
from modelwarden.store.listening import Listening
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from modelwarden.ledger.keys import SigningKey
    from modelwarden.safeguards.snapshots.body import Snapshot, Topic
    from modelwarden.safeguards.snapshots.building import Built
    from modelwarden.store.change import Change, View
    from modelwarden.store.opening import Store
    from modelwarden.values.principal import Principal

T = TypeVar("T")
LOOK_S: Final = 5.0
SIGN_S: Final = 30.0
AGAIN_S: Final = 1.0
GATHER_S: Final = 0.002
"""Commits that follow each other closely are looked at together."""
ACTOR: Final = system("snapshots")
LOG: Final = logging.getLogger("modelwarden.snapshots")


class Acts(Protocol):
    """What it needs of the Warden."""

    def change(self, principal: Principal, action: Callable[[Change], T]) -> T:
        """Run a change and wait for its commit."""
        ...

    def view(self, principal: Principal, action: Callable[[View], T]) -> T:
        """Run a read."""
        ...


class KeyMade(WardenError):
    """There was no key that signs snapshots: now there is one, which a view that begins later finds."""


class Receiver(Protocol):
    """Whoever listens to one topic. It returns at once, and neither listens nor leaves meanwhile."""

    def __call__(self, snapshot: Snapshot, /, *, is_new: bool) -> None:
        """Take a snapshot, or with `is_new` false a head signed anew over the same body. Called on our thread."""
        ...


class Broadcast:
    """The snapshots that somebody listens to, kept current. `listen` begins it; `close` ends it."""

    def __init__(self, warden: Acts, store: Store) -> None:
        if store.around.settings.guard_fail not in FAILS:
            raise SettingInvalid(f"guard_fail is {' or '.join(sorted(FAILS))}")
        self._warden, self._store = warden, store
        self._receivers: dict[Topic, list[Receiver]] = {}
        self._held: dict[Topic, Snapshot] = {}
        self._builder = Builder()
        self._door, self._work = threading.Lock(), threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._hints: Listening | None = None
        self.failing: Exception | None = None

    def listen(self, topic: Topic, receive: Receiver) -> Callable[[], None]:
        """Give this topic's snapshot to `receive`, at once and on each change. Returns what ends that."""
        with self._door:
            if self._closing:
                return lambda: None
            self._receivers.setdefault(topic, []).append(receive)
            held = self._held.get(topic)
            if held is not None:
                receive(held, is_new=True)  # behind the door: nothing older comes after it
            self._begin()
        if held is None:
            self._work.set()
        return partial(self._leave, topic, receive)

    def make_key(self) -> None:
        """Make the key that signs snapshots, unless one is there. Raises KeyUnusable."""
        self._warden.change(ACTOR, snapshot_keys.make_snapshot_key)

    def held(self, topic: Topic) -> Snapshot | None:
        """Return the snapshot of a topic that somebody listens to, once it was built."""
        return self._held.get(topic)

    def wake(self) -> None:
        """Say that there may be new entries."""
        if self._receivers:
            self._work.set()

    def close(self) -> None:
        """Stop after the step under way."""
        with self._door:
            self._closing = True
            thread, hints = self._thread, self._hints
        self._work.set()
        if hints is not None:
            hints.close()
        if thread is not None:
            thread.join()

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="modelwarden-snapshots", daemon=True
            )
            self._hints = Listening(self._store.database, self.wake)
            self._thread.start()
            self._hints.start()

    def _leave(self, topic: Topic, receive: Receiver) -> None:
        with self._door:
            left = self._receivers.get(topic, [])
            if receive in left:
                left.remove(receive)
            if not left:
                self._receivers.pop(topic, None)
                self._held.pop(topic, None)

    def _run(self) -> None:
        signed_at = time.monotonic()
        while not self._closing:
            pause = LOOK_S
            try:
                moment = self._look()
                if moment is not None and time.monotonic() - signed_at >= SIGN_S:
                    signed_at = time.monotonic()
                    self._sign_again(moment)
                self.failing = None
            except KeyMade:
                continue
            except Exception as error:  # noqa: BLE001  # the edge: guards keep what they have, and see it age
                LOG.warning("snapshots could not be built; trying again: %s", error)
                self.failing, pause = error, AGAIN_S
                self._builder = Builder()
            self._work.wait(pause)
            self._work.clear()
            time.sleep(GATHER_S)

    def _look(self) -> datetime | None:
        """Give out what changed. Returns when that was read; None where nobody listens."""
        with self._door:
            topics = tuple(self._receivers)
        if not topics:
            return None
        moment, news = self._warden.view(ACTOR, partial(self._read, topics=topics))
        for snapshot in news:
            self._give(snapshot, is_new=True)
        return moment

    def _read(self, view: View, *, topics: Iterable[Topic]) -> tuple[datetime, list[Snapshot]]:
        known = [topic for topic in topics if topic in self._held]
        new = [topic for topic in topics if topic not in self._held]
        touched = [*self._builder.changed(view, known), *new]
        if not touched:
            return view.now, []
        key = self._signing_key(view)
        built = self._builder.build(view, touched)
        for topic, error in built.failed.items():
            LOG.error("guards keep what they have, and it grows old: %s", error)
            self._held.pop(topic, None)  # what is held is no longer true: nobody signs it again
        news = [each for each in built.bodies if self._is_news(each, key)]
        return view.now, [signed(*each, key=key, now=view.now) for each in news]

    def _is_news(self, built: Built, key: SigningKey) -> bool:
        held = self._held.get(built.topic)
        return held is None or held.body != built.body or held.keyid != key.keyid

    def _sign_again(self, moment: datetime) -> None:
        """Confirm what is held, which was found to be current at this moment."""
        key = self._warden.view(ACTOR, self._signing_key)
        for held in list(self._held.values()):
            self._give(signed(held.topic, held.at, held.body, key=key, now=moment), is_new=False)

    def _give(self, snapshot: Snapshot, *, is_new: bool) -> None:
        with self._door:
            receivers = self._receivers.get(snapshot.topic, ())
            if receivers:
                self._held[snapshot.topic] = snapshot
            for receive in receivers:
                receive(snapshot, is_new=is_new)

    def _signing_key(self, view: View) -> SigningKey:
        """Return the key that signs in this state; the first snapshot of all makes one. Raises KeyUnusable."""
        key = snapshot_keys.signing_key(view)
        if key is None:
            self._warden.change(ACTOR, snapshot_keys.make_snapshot_key)
            raise KeyMade
        return key
