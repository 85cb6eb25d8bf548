"""A follower that keeps the words of new entries for free-text search (LG-42)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from modelwarden.audit.words import public_words
from modelwarden.store import entries, words
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.ledger.entry import Stored
    from modelwarden.store.change import Telemetry, View
    from modelwarden.store.follower import Position
    from modelwarden.values.principal import Principal

T = TypeVar("T")
NAME: Final = "search"
PART: Final = 1_000
_ACTOR: Final = system("search")


class Acts(Protocol):
    """What it needs of the Warden."""

    def telemetry(self, principal: Principal, action: Callable[[Telemetry], T]) -> T:
        """Run writes that are no change."""
        ...

    def view(self, principal: Principal, action: Callable[[View], T]) -> T:
        """Run a read."""
        ...


class KeepWords:
    """A follower's step. The words have a mark of their own: what lies before it is passed over."""

    def __init__(self, warden: Acts) -> None:
        self._warden = warden
        self._mark = 0

    def begin(self, at: Position, /) -> None:
        """Go on from a position; where words are missing before it, as after a restore, keep them first."""
        self._mark = self._warden.view(_ACTOR, indexed_to)
        while self._mark < at.next_seq:
            last = min(self._mark + PART, at.next_seq) - 1
            missing = partial(_bodies, first=self._mark, last=last)
            self._keep(self._warden.view(_ACTOR, missing))

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:  # noqa: ARG002  # links nothing
        """Keep the words of these entries."""
        self._keep([stored.body for stored in batch if stored.seq >= self._mark])

    def idle(self) -> None:
        """Do nothing: time alone makes nothing due."""

    def _keep(self, bodies: Sequence[bytes]) -> None:
        found = [public_words(body) for body in bodies]
        self._mark = self._warden.telemetry(_ACTOR, partial(_add, first=self._mark, found=found))


def indexed_to(view: View) -> int:
    """Return how many entries a search for words knows, from the first on."""
    return words.indexed_to(view.connection)


def _bodies(view: View, first: int, last: int) -> list[bytes]:
    return [row[1] for part in entries.between(view.connection, first, last) for row in part]


def _add(telemetry: Telemetry, first: int, found: Sequence[Sequence[str]]) -> int:
    return words.add(telemetry.connection, first, found)
