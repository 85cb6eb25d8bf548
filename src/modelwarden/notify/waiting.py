"""What waits for one endpoint, in order: a few entries, or the counts of many on their way into one digest."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.notify import rights
from modelwarden.notify.message import Digest, Message, commitments_of, news, wants
from modelwarden.store.follower import Position
from modelwarden.values.ids import Commitment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from modelwarden.notify.endpoint import Endpoint
    from modelwarden.store.change import View

MOST_HELD: Final = 100


class Held(NamedTuple):
    """An entry that waits: its number, what it says, and the hash of the one before."""

    seq: int
    body: Mapping[str, Any]
    before: bytes


@dataclass(slots=True)
class Letter:
    """A message at the head, how often it was tried, and the revision of the endpoint that it was written for."""

    message: Message
    revision: int
    attempt: int = 0
    last: datetime | None = None
    due: datetime | None = None
    done: bool = False


class Waiting:
    """Entries between what is done and what was read. It never holds more than a hundred."""

    def __init__(self) -> None:
        self._held: deque[Held] = deque()
        self._digest = Digest()
        self._digest_at = self.read = Position(0, b"")
        self._delivered = -1  # the newest entry that this process knows to be delivered

    def begin(self, at: Position) -> None:
        """Forget what waits: it comes again from this position on."""
        self._held.clear()
        self._digest, self.read = Digest(), at

    @property
    def room(self) -> int:
        """Return how many entries it takes."""
        return MOST_HELD - len(self._held)

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing waits."""
        return not self._held and self._digest.first is None

    @property
    def position(self) -> Position:
        """Return how far everything is delivered, abandoned, or none of the endpoint's business."""
        if self._digest.first is not None:
            return self._digest_at
        if self._held:
            return Position(self._held[0].seq, self._held[0].before)
        return self.read

    def take(self, endpoint: Endpoint, own: View | None, each: Held) -> None:
        """Hold an entry if the endpoint wants it; count it where it is to be part of the digest."""
        if each.seq <= self._delivered or not wants(endpoint, each.body):
            return
        if endpoint.digest_before is None or each.seq >= endpoint.digest_before:
            self._held.append(each)
        elif own is not None and rights.may_have(own, each.body):
            if self._digest.first is None:
                self._digest_at = Position(each.seq, each.before)
            self._digest.add(each.seq, each.body)

    def sort_again(self, endpoint: Endpoint, own: View | None) -> None:
        """Move what is too old by now into the digest."""
        held: Iterable[Held] = tuple(self._held)
        self._held.clear()
        for each in held:
            self.take(endpoint, own, each)

    def message(self, view: View, own: View, endpoint: Endpoint) -> Message | None:
        """Return what is sent next: the digest once it is complete, else the first entry that the owner may read."""
        origin = view.keyring.origin
        if self._digest.first is not None:
            complete = self.read.next_seq >= (endpoint.digest_before or 0)
            return self._digest.message(origin=origin) if complete else None
        while self._held and not self._is_allowed(own, endpoint, self._held[0]):
            self._held.popleft()
        if not self._held:
            return None
        head = self._held[0]
        texts = _words(view, head.body) if _with_words(own, endpoint) else {}
        return news(head.seq, head.body, origin=origin, texts=texts)

    def is_head_allowed(self, own: View, endpoint: Endpoint) -> bool:
        """Tell whether what is sent next may still go to the endpoint."""
        if self._digest.first is not None or not self._held:
            return True
        return self._is_allowed(own, endpoint, self._held[0])

    def delivered(self, message: Message) -> None:
        """Know that a message arrived, even if the log can't be written."""
        self._delivered = max(self._delivered, message.last)

    def drop(self, message: Message) -> None:
        """Let go of a message that is done."""
        self._digest = Digest()
        while self._held and self._held[0].seq <= message.last:
            self._held.popleft()

    def _is_allowed(self, own: View, endpoint: Endpoint, each: Held) -> bool:
        return wants(endpoint, each.body) and rights.may_have(own, each.body)


def _with_words(own: View, endpoint: Endpoint) -> bool:
    return endpoint.include_text and rights.may_have_words(own)


def _words(view: View, body: Mapping[str, Any]) -> dict[str, str]:
    """Return the words behind an entry's texts; what was erased is left out."""
    found = {name: view.words(Commitment(text)) for name, text in commitments_of(body).items()}
    return {name: words for name, words in found.items() if words is not None}
