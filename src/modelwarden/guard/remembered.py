"""Last known good answers: what was answered, by which version, when, and whether it may be answered again (SG-38, 39).

Answers are kept by (model, key) in the host's own process or file, and never sent to a server. `MemoryStore` lasts as
long as the process; `sqlite_store.SqliteStore` survives it. What may be served is decided here, whatever the store.
"""

from __future__ import annotations

import copy
import time
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from modelwarden.errors import ValueInvalid

if TYPE_CHECKING:
    from collections.abc import Callable

MOST: Final = 100_000
AHEAD_S: Final = 30.0
"""A made-at that lies further ahead than this was written by another clock: its age is not known."""

NOTHING: Final = "nothing_remembered"
TOO_OLD: Final = "too_old"
FROM_FUTURE: Final = "from_future"
KILLED: Final = "version_switched_off"
AFTER: Final = "made_after_lkg_before"

_SAFE: Final = frozenset({float, int, str, bool, bytes, type(None)})


class Good(NamedTuple):
    """An answer of status ok.

    Attributes:
        made_at: when it was made, Unix seconds.
        held_s: how long the store knows that it has held it, by a clock that nobody sets.
    """

    value: object
    version: str | None
    made_at: float
    held_s: float = 0.0

    def age_s(self, now: float) -> float:
        """Return how old the answer is, the larger of both clocks' words."""
        return max(now - self.made_at, self.held_s)


class Store(Protocol):
    """Keeps the newest good answer of each key. Never raises into a prediction; may be used from any thread."""

    def keep(self, model: str, key: str, good: Good) -> bool:
        """Keep an answer unless a newer one is there; return whether it is kept."""
        ...

    def find(self, model: str, key: str) -> Good | None:
        """Return what is kept, however old."""
        ...

    def forget(self, model: str, key: str) -> bool:
        """Erase what is kept under the key; return whether it is gone for good."""
        ...

    def after_fork(self) -> None:
        """Make the store usable in a forked child."""
        ...

    def close(self) -> None:
        """Write what waits to be written. Harmless when repeated."""
        ...


def key_text(key: object) -> str:
    """Return a key as text: as it is, or a whole number as decimal text. Raises ValueInvalid."""
    if isinstance(key, str) and key:
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    raise ValueInvalid("key", "a text that is not empty, or a whole number")


def refusal(
    good: Good | None,
    *,
    now: float,
    max_age_s: float,
    is_killed: Callable[[str | None], bool],
    before: float | None = None,
) -> str | None:
    """Return why an answer may not be served again, or None: it may (SG-39).

    Args:
        good: what the store holds.
        now: Unix seconds.
        max_age_s: what is older is not served.
        is_killed: whether a live switch names the version; it decides about None, an answer of no known version, too.
        before: the earliest `lkg_before` of the matching switches, Unix seconds; what was made then or later is out.
    """
    if good is None:
        return NOTHING
    if good.made_at > now + AHEAD_S:
        return FROM_FUTURE
    if not good.age_s(now) <= max_age_s:
        return TOO_OLD
    if before is not None and good.made_at >= before:
        return AFTER
    return KILLED if is_killed(good.version) else None


def own_copy(value: object) -> object:
    """Return a value that the host can't change any more: what it does with its answer is its own affair."""
    return value if type(value) in _SAFE else copy.deepcopy(value)


class MemoryStore:
    """The 100,000 answers that were made last, in this process."""

    def __init__(self, *, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = Lock()
        self._held: OrderedDict[tuple[str, str], tuple[Good, float]] = OrderedDict()

    def keep(self, model: str, key: str, good: Good) -> bool:
        """Keep an answer unless a newer one is there; return whether it is kept."""
        value = own_copy(good.value)
        mine = good if value is good.value else good._replace(value=value)
        now = self._clock()
        at = (model, key)
        with self._lock:
            held = self._held.get(at)
            if held is not None and held[0].made_at > good.made_at:
                return False
            self._held[at] = (mine, now)
            self._held.move_to_end(at)
            if len(self._held) > self._most:
                self._held.popitem(last=False)
        return True

    def find(self, model: str, key: str) -> Good | None:
        """Return what is kept, however old."""
        with self._lock:
            held = self._held.get((model, key))
        if held is None:
            return None
        good, since = held
        return good._replace(value=own_copy(good.value), held_s=max(0.0, self._clock() - since))

    def forget(self, model: str, key: str) -> bool:
        """Erase what is kept under the key."""
        with self._lock:
            self._held.pop((model, key), None)
        return True

    def __len__(self) -> int:
        return len(self._held)

    def after_fork(self) -> None:
        """Make the store usable in a forked child."""
        self._lock = Lock()

    def close(self) -> None:
        """Do nothing: memory goes with its process."""
