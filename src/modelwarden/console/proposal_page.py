"""The page of proposed switches: the open ones first, each put in force by one press; what became of the others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from modelwarden.console.desk import Change, Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.kill_page import CALM_S
from modelwarden.console.proposed import proposed
from modelwarden.errors import FormInvalid
from modelwarden.safeguards import actions
from modelwarden.safeguards.triggers.answers import proposal_answer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.triggers import ProposalAnswer

CARDS: Final = 10
ROWS: Final = 25


def read(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows."""
    waiting = actions.proposals(view, Page(limit=CARDS, cursor=query.get("open")))
    ever = actions.proposals(view, Page(limit=ROWS, cursor=query.get("cursor")), everything=True)
    return {
        "cards": proposed(view, waiting.items),
        "more_cards": waiting.next_cursor,
        "rows": [each for each in proposed(view, ever.items) if each.proposal.state != "open"],
        "more": ever.next_cursor,
        "poll_s": CALM_S,
    }


def rows(view: Any, _query: Fields, page: Page) -> Listing[ProposalAnswer]:  # noqa: ANN401  # a view
    """Return a part of all proposals that ever were."""
    found = actions.proposals(view, page, everything=True)
    return Listing(tuple(proposal_answer(view, each) for each in found.items), found.next_cursor)


def step(do: str, _query: Fields, kept: Fields) -> Change:
    """Return what a form asks for: to put a proposal in force. Raises FormInvalid."""
    if do != "accept":
        raise FormInvalid("send a form of the page")
    act = partial(
        actions.accept, proposal_id=kept.get("proposal", ""), reason=kept.get("reason") or None
    )
    return lambda change: proposal_answer(change, act(change))


PROPOSALS: Final = Sheet(
    template="proposals.html",
    title="Proposed switches",
    place="/kill-switches/proposals",
    read=read,
    names=("open", "cursor"),
    rows=rows,
    step=step,
)
