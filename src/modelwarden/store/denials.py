"""Refusals as facts: each recorded, a flood of identical ones counted and told once its minute is over (AC-61).

What a batch counts stands only once it is committed: `begin` takes back what one that failed had counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.facts.access import AccessDenied
from modelwarden.facts.kinds import Code, Outcome

if TYPE_CHECKING:
    from modelwarden.errors import Refusal
    from modelwarden.store.change import Change
    from modelwarden.values.principal import Principal

SINGLY: Final = 10
WINDOW_S: Final = 60.0
MOST_KEYS: Final = 10_000
LONGEST_SUBJECT: Final = 256

Key = tuple[str, str, str]


class Denial(NamedTuple):
    """A refusal that is to be recorded, and how many it stands for."""

    principal: Principal
    refusal: Refusal
    times: int = 1


class _Count(NamedTuple):
    since: float
    latest: Denial
    seen: int = 1
    untold: int = 0


@dataclass(slots=True)
class Denials:
    """Counts identical refusals of an actor. Times are seconds of the monotonic clock."""

    _counts: dict[Key, _Count] = field(default_factory=dict)
    _before: dict[Key, _Count | None] = field(default_factory=dict)

    def begin(self) -> None:
        """Begin a batch: whatever one that was not committed had counted is as it was before."""
        for key, count in self._before.items():
            self._put(key, count)
        self._before.clear()

    def commit(self) -> None:
        """Keep what the batch counted."""
        self._before.clear()

    def told(self, principal: Principal, refusal: Refusal, *, now: float) -> Denial | None:
        """Count a refusal, and return what to record now; None while it is only counted."""
        key = (principal.actor, refusal.code, refusal.permission)
        denial = Denial(principal, refusal)
        count = self._counts.get(key)
        if count is None or now - count.since > WINDOW_S:
            untold = 0 if count is None else count.untold
            if count is not None or len(self._counts) < MOST_KEYS:
                self._count(key, _Count(now, denial))
            return denial._replace(times=1 + untold)
        if count.seen < SINGLY:
            self._count(key, count._replace(latest=denial, seen=count.seen + 1))
            return denial
        self._count(key, count._replace(latest=denial, untold=count.untold + 1))
        return None

    def overdue(self, *, now: float, closing: bool = False) -> list[Denial]:
        """Return the counted refusals whose minute is over, all when `closing`, and forget those counts."""
        over = [
            key for key, count in self._counts.items() if closing or now - count.since > WINDOW_S
        ]
        found = []
        for key in over:
            count = self._counts[key]
            if count.untold:
                found.append(count.latest._replace(times=count.untold))
            self._count(key, None)
        return found

    def due_in(self, *, now: float) -> float | None:
        """Return in how many seconds counted refusals have to be told, or None if there are none."""
        since = [count.since for count in self._counts.values() if count.untold]
        return max(0.0, min(since) + WINDOW_S - now) if since else None

    def _count(self, key: Key, count: _Count | None) -> None:
        self._before.setdefault(key, self._counts.get(key))
        self._put(key, count)

    def _put(self, key: Key, count: _Count | None) -> None:
        if count is None:
            self._counts.pop(key, None)
        else:
            self._counts[key] = count


def record(change: Change, denial: Denial) -> None:
    """Record a refusal under the subjects that it concerns; names that a caller made up are left out."""
    refusal = denial.refusal
    fact = AccessDenied(
        rule=Code(refusal.code),
        permission=Code(refusal.permission) if refusal.permission else None,
        reasons=tuple(Code(reason) for reason in refusal.reasons),
        count=denial.times,
    )
    about = [
        (kind, name)
        for kind, name in refusal.about
        if name.isprintable() and len(name) <= LONGEST_SUBJECT
    ]
    change.record(fact, outcome=Outcome.REFUSED, about=about)
