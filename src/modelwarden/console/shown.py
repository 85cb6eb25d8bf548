"""Switches as pages show them: words for scope and effect, and how far the guards confirm, named where they don't."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from modelwarden.console.words import gets_words, scope_words
from modelwarden.safeguards import actions
from modelwarden.safeguards.answers import switch_answer
from modelwarden.safeguards.fleet.reads import confirmations_answer
from modelwarden.values.guards import ConfirmationsAnswer, StandingAnswer
from modelwarden.values.switches import SwitchAnswer

BARS: Final = 60
"""Of so many workers each has a mark of its own; of more, each mark stands for several."""
NAMED: Final = 8
NAMED_AFTER_S: Final = 5
"""Who did not confirm is named once a switch has stood for so long: before, most are on their way."""


class Standing(NamedTuple):
    """How far the workers confirm a switch. `missing` are the first of those that did not."""

    counts: ConfirmationsAnswer
    missing: tuple[StandingAnswer, ...]
    more_missing: int
    slowest_ms: int | None
    marks: tuple[bool, ...]

    @property
    def is_complete(self) -> bool:
        """Tell whether all confirmed."""
        return self.counts.confirmed >= self.counts.expected

    @property
    def is_awaited(self) -> bool:
        """Tell whether it is not counted yet, or some did not confirm."""
        return self.counts.state == "none" or not self.is_complete


class Shown(NamedTuple):
    """A switch, with words for its scope and for what callers get, how long it has stood, and who confirms."""

    switch: SwitchAnswer
    scope: str
    gets: str
    seconds: float
    standing: Standing | None


def shown(view: Any, switch: Any, *, confirmed: Any = None) -> Shown:  # noqa: ANN401  # a view, and what rooms hold
    """Return a switch for a page; `confirmed` is how far it is confirmed, if that was counted."""
    answer = switch_answer(view, switch)
    until = answer.ended_at or view.now
    seconds = (until - answer.activated_at).total_seconds()
    counts = None if confirmed is None else confirmations_answer(view, confirmed)
    return Shown(
        switch=answer,
        scope=scope_words(answer),
        gets=gets_words(answer),
        seconds=seconds,
        standing=None if counts is None else standing(counts, seconds),
    )


def all_shown(view: Any, switches: Sequence[Any]) -> tuple[Shown, ...]:  # noqa: ANN401  # a view, and switches
    """Return switches with how far each is confirmed now."""
    confirmed = actions.live_confirmations(view, switches)
    return tuple(shown(view, each, confirmed=confirmed.get(each.id)) for each in switches)


def standing(counts: ConfirmationsAnswer, seconds: float) -> Standing:
    """Return how far workers confirm a switch that has stood for so long."""
    named = seconds >= NAMED_AFTER_S
    missing = [each for each in counts.guards if named and each.standing != "confirmed"]
    times = [each.after_ms for each in counts.guards if each.after_ms is not None]
    return Standing(
        counts=counts,
        missing=tuple(missing[:NAMED]),
        more_missing=max(0, len(missing) - NAMED),
        slowest_ms=max(times, default=None),
        marks=tuple(_marks(counts.confirmed, counts.expected)),
    )


def _marks(confirmed: int, expected: int) -> Iterable[bool]:
    """Return one mark a worker, or so many that fit; one that stands for several is good if all of them are."""
    count = min(expected, BARS)
    good = confirmed if expected <= BARS else confirmed * BARS // expected
    return (place < good for place in range(count))
