"""Proposed switches as pages show them: words for scope, for what the trigger saw, and for why it did no more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from modelwarden.console.trigger_words import figure_words, signal_words, why_words
from modelwarden.console.words import conditions_words, number, sentence
from modelwarden.errors import NotFound
from modelwarden.safeguards import actions
from modelwarden.safeguards.triggers.answers import firing_answer, proposal_answer
from modelwarden.values.triggers import ProposalAnswer


class Proposed(NamedTuple):
    """A proposed switch with its words; `saw` is empty where its firing may not be read."""

    proposal: ProposalAnswer
    scope: str
    saw: str
    why: str
    left_s: int


def proposed(view: Any, proposals: Iterable[Any]) -> list[Proposed]:  # noqa: ANN401  # a view
    """Return proposals with their words, and with what their triggers saw."""
    return [_proposed(view, proposal_answer(view, each)) for each in proposals]


def _proposed(view: Any, proposal: ProposalAnswer) -> Proposed:  # noqa: ANN401  # a view
    return Proposed(
        proposal=proposal,
        scope=conditions_words(proposal.scope),
        saw=_saw(view, proposal),
        why=why_words(proposal.cause),
        left_s=max(0, int((proposal.lapses_at - view.now).total_seconds())),
    )


def _saw(view: Any, proposal: ProposalAnswer) -> str:  # noqa: ANN401  # a view
    """Return what made the trigger fire: the signal, its figure, and on how much it rests."""
    try:
        found = firing_answer(view, actions.firing(view, proposal.firing))
    except NotFound:
        return ""
    figure = figure_words(found.signal, found.value)
    limit = figure_words(found.signal, found.threshold)
    of = f", of {number(found.n)}" if found.n else ""
    return f"{sentence(signal_words(found.signal, None))} is {figure}, above {limit}{of}."
