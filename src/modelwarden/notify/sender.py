"""Sending to one endpoint: a follower's step that holds a few entries, sends them in order, and waits where it has to.

What was tried stands in the log of deliveries, so a restart goes on with the same try; what the log says was delivered
is not sent again. Before each message the endpoint, its secrets and its owner's rights are read anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import NotFound, WardenError
from modelwarden.notify import outcomes, queries, rights
from modelwarden.notify.delivery import (
    Outcome,
    is_due,
    is_given_up,
    is_probe_due,
    next_try,
    outcome,
)
from modelwarden.notify.endpoint import Cause, Endpoint, EndpointState
from modelwarden.notify.message import ping
from modelwarden.notify.trying import address_of, secrets_of
from modelwarden.notify.waiting import Held, Letter, Waiting
from modelwarden.notify.webhook import signed_headers
from modelwarden.store.change import View
from modelwarden.store.follower import Position
from modelwarden.values.clock import moment, timestamp
from modelwarden.values.ids import new_id
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from modelwarden.ledger.entry import Stored
    from modelwarden.notify.address import Address
    from modelwarden.notify.delivery import Result
    from modelwarden.notify.message import Message
    from modelwarden.notify.outcomes import Which
    from modelwarden.notify.post import Line
    from modelwarden.store.opening import Store
    from modelwarden.values.clock import Clock

SLICE_S: Final = 2.0
"""How long it sends before the follower may save the position and look whether it still leads."""
LOOK_S: Final = 5.0
"""How often the owner's rights are looked at while there is nothing to send."""
ACTOR: Final = system("notify")
LOG: Final = logging.getLogger("modelwarden.notify")


class NotServed(WardenError):
    """An endpoint gets nothing now; entries that were read have to come again if it is enabled."""

    code, status = "endpoint_not_served", 409


class Ready(NamedTuple):
    """An endpoint as it is now: what is needed to send to it."""

    endpoint: Endpoint
    address: Address
    secrets: Sequence[str]
    now: datetime
    letter: Letter | None = None


class Sender:
    """A paced step: `stop` cuts what is under way; nothing is sent afterwards."""

    def __init__(self, which: Which, store: Store, clock: Clock, line: Line) -> None:
        self.which: Final = which
        self._store, self._clock, self._line = store, clock, line
        self._waiting = Waiting()
        self._letter: Letter | None = None
        self._probed: datetime | None = None
        self._revision = 0
        self._busy = self._stopped = False
        self._looked_at = 0.0

    def stop(self) -> None:
        """Cut what is under way."""
        self._stopped = True
        self._line.cut()

    def begin(self, at: Position, /) -> None:
        """Go on from a position: what was held comes again."""
        self._waiting.begin(at)
        self._letter = None

    def room(self) -> int:
        """Return how many entries it takes."""
        return self._waiting.room

    def is_busy(self) -> bool:
        """Tell whether more can be sent at once."""
        return self._busy and not self._stopped

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> Position:
        """Hold the entries that the endpoint wants, and send."""
        with self._store.database.reading() as connection:
            view = self._view(connection)
            endpoint = self._current(view)
            own = None if endpoint is None else rights.owner_view(view, endpoint)
            is_served = endpoint is not None and own is not None
            for entry in batch if is_served else ():
                if (body := _parsed(entry)) and endpoint is not None:
                    self._waiting.take(endpoint, own, Held(entry.seq, body, before))
                before = entry.entry_hash
        if is_served:
            self._waiting.read = Position.after(batch[-1])
        self._send()
        if not is_served:
            raise NotServed("it is disabled, or began again elsewhere: nothing is passed over")
        return self._waiting.position

    def idle(self) -> Position:
        """Send what is due, probe, and look now and then whether the endpoint may go on."""
        now = time.monotonic()
        if self._busy or not self._waiting.is_empty or now - self._looked_at > LOOK_S:
            self._looked_at = now
            self._send()
        return self._waiting.position

    def _send(self) -> None:
        """Send until nothing is due, or a while has passed."""
        until = time.monotonic() + SLICE_S
        more = True
        while more and time.monotonic() < until and not self._stopped:
            more = self._send_one()
        self._busy = more

    def _send_one(self) -> bool:
        """Do the next thing; tell whether there may be another at once."""
        ready = self._ready()
        if ready is None:
            return False
        if ready.endpoint.state is EndpointState.DOWN:
            return self._probe(ready)
        letter = ready.letter
        if letter is None or not is_due(ready.now, letter.last, letter.due):
            return False
        if letter.done:
            self._drop(letter.message)
            return True
        result = self._posted(ready, letter.message)
        if self._stopped and not result.is_ok:
            return False  # cut by ourselves: no try of theirs
        return self._settle(ready, letter, result)

    def _ready(self) -> Ready | None:
        """Read all that a message rests on; None where nothing can be sent."""
        cause: Cause | None = None
        with self._store.database.reading() as connection:
            view = self._view(connection)
            endpoint = self._current(view)
            if endpoint is None:
                return None
            own = rights.owner_view(view, endpoint)
            if own is None:
                cause = Cause.RIGHTS_LOST
            else:
                try:
                    address, secrets = address_of(view, endpoint), secrets_of(view, endpoint)
                    letter = self._next(view, own, endpoint)
                    return Ready(endpoint, address, secrets, view.now, letter)
                except NotFound:  # the address or secret was erased
                    cause = Cause.SECRET_LOST
        self._change(partial(outcomes.disable, which=self.which, cause=cause))
        return None

    def _next(self, view: View, own: View, endpoint: Endpoint) -> Letter | None:
        """Return the message to send next, with what is known of its tries."""
        if endpoint.state is not EndpointState.ACTIVE:
            return None
        letter = self._letter
        is_same = letter is not None and letter.revision == endpoint.revision
        if not (is_same and self._waiting.is_head_allowed(own, endpoint)):
            message = self._waiting.message(view, own, endpoint)
            self._letter = None if message is None else self._resumed(view, endpoint, message)
        return self._letter

    def _resumed(self, view: View, endpoint: Endpoint, message: Message) -> Letter:
        """Return a message as far as the log says that it is."""
        rows = queries.tries(view, endpoint.id, endpoint.round, message.first)
        if not rows:
            return Letter(message, endpoint.revision)
        last = rows[-1]
        ended = {Outcome.DELIVERED.value, Outcome.ABANDONED.value}
        return Letter(
            message,
            endpoint.revision,
            attempt=last.attempt,
            last=moment(last.at),
            due=None if last.next_at is None else moment(last.next_at),
            done=last.outcome in ended and last.last == message.last,
        )

    def _posted(self, ready: Ready, message: Message) -> Result:
        headers = signed_headers(ready.secrets, message.id, message.body, now=ready.now)
        return self._line.post(ready.address, headers, message.body)

    def _settle(self, ready: Ready, letter: Letter, result: Result) -> bool:
        """Record a try and what follows from it; tell whether the next message may go at once."""
        attempt, now = letter.attempt + 1, self._clock.now()
        ended = outcome(result, attempt)
        if ended is Outcome.DELIVERED:
            self._waiting.delivered(letter.message)
        due = None
        if ended is Outcome.FAILED:
            due = next_try(now, result, attempt, key=f"{self.which.id}.{letter.message.id}")
        row = self._row(ready.endpoint, letter.message, result, attempt) | {
            "outcome": ended.value,
            "at": timestamp(now),
            "next_at": None if due is None else timestamp(due),
        }
        if ended is Outcome.ABANDONED:
            self._change(partial(outcomes.abandon, which=self.which, row=row))
            self._probed = now
        elif ended is Outcome.GONE:
            self._change(partial(outcomes.disable, which=self.which, cause=Cause.GONE, row=row))
            return False
        else:
            self._keep(row)
        if ended is Outcome.FAILED:
            letter.attempt, letter.last, letter.due = attempt, now, due
            return False
        self._drop(letter.message)
        return True

    def _probe(self, ready: Ready) -> bool:
        """Ask a down endpoint whether it is back; tell whether it is."""
        endpoint, now = ready.endpoint, ready.now
        if endpoint.revision != self._revision:  # somebody changed it: it may be mended
            self._revision, self._probed = endpoint.revision, None
        if not is_probe_due(now, self._probed):
            return False
        if endpoint.down_since is not None and is_given_up(now, endpoint.down_since):
            cause = Cause.DOWN_TOO_LONG
            self._change(partial(outcomes.disable, which=self.which, cause=cause))
            return False
        self._probed = now
        result = self._posted(ready, ping(endpoint.id, origin=self._origin, now=now))
        if self._stopped or not result.is_ok:
            return False
        recovered, self._letter = self._change(partial(outcomes.recover, which=self.which)), None
        with self._store.database.reading() as connection:
            own = rights.owner_view(self._view(connection), recovered)
            self._waiting.sort_again(recovered, own)
        return True

    def _drop(self, message: Message) -> None:
        self._letter = None
        self._waiting.drop(message)

    def _row(
        self, endpoint: Endpoint, message: Message, result: Result, attempt: int
    ) -> dict[str, Any]:
        return {
            "id": new_id("dlv", self._clock.now()),
            "endpoint": endpoint.id,
            "round": endpoint.round,
            "first": message.first,
            "last": message.last,
            "attempt": attempt,
            "status": result.status,
            "problem": result.problem,
            "duration_ms": result.duration_ms,
            "body_sha256": hashlib.sha256(message.body).hexdigest(),
        }

    def _keep(self, row: Mapping[str, Any]) -> None:
        kept = self._store.writer.submit_telemetry(
            ACTOR, lambda telemetry: queries.keep_delivery(telemetry, row)
        )
        if not kept.result():
            LOG.warning(
                "a delivery to %s at %s is not in the log: that day is sealed",
                self.which.id,
                row["at"],
            )

    def _change(self, action: Callable[..., Endpoint]) -> Endpoint:
        endpoint: Endpoint = self._store.writer.submit(ACTOR, action).result().value
        self._revision = endpoint.revision
        return endpoint

    def _current(self, view: View) -> Endpoint | None:
        """Return the endpoint, unless it was disabled or began again elsewhere."""
        found = queries.find_endpoint(view, self.which.id)
        is_ours = found is not None and found.round == self.which.round
        return found if is_ours and found and found.state is not EndpointState.DISABLED else None

    def _view(self, connection: Any) -> View:  # noqa: ANN401  # a connection
        return View(connection, now=self._clock.now(), principal=ACTOR, around=self._store.around)

    @property
    def _origin(self) -> str:
        return self._store.around.keyring.origin


def _parsed(entry: Stored) -> Mapping[str, Any]:
    """Return what an entry says; nothing for one that was altered, which verification names."""
    try:
        value = json.loads(entry.body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
