"""An approval reads each thing once, inside the transaction that decides, however many have answered before."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from modelwarden.approvals import actions as approvals
from modelwarden.approvals.request import RequestState

if TYPE_CHECKING:
    from modelwarden.approvals.case import Dossier
    from modelwarden.store.change import Change
    from tests.approvals.org import Org

MOST = 20


def _statements(org: Org, name: str, request: str) -> tuple[Dossier, list[str]]:
    """Approve, and return the statements that the database was given for it, with their values."""
    ballot, run = org.ballot(name, request), list[str]()

    def decide(change: Change) -> Dossier:
        driver = change.connection.connection.driver_connection
        driver.set_trace_callback(run.append)
        try:
            return approvals.approve(change, request, ballot)
        finally:
            driver.set_trace_callback(None)

    return org.do(name, decide), run


def test_an_approval_asks_the_database_nothing_twice(org: Org) -> None:
    request = org.request()
    first, _ = _statements(org, "bob", request.id)  # the program's first: statements are compiled
    last, run = _statements(org, "carol", request.id)
    assert (first.request.state, last.request.state) == (RequestState.OPEN, RequestState.APPROVED)
    assert [text for text, times in Counter(run).items() if times > 1] == []
    assert len(run) <= MOST


def test_what_is_asked_does_not_grow_with_what_was_decided_before(org: Org) -> None:
    counts = []
    for number in range(1, 4):
        org.register(f"2.{number}.0")
        request = org.request(f"2.{number}.0")
        counts.append([len(_statements(org, who, request.id)[1]) for who in ("bob", "carol")])
    assert counts[1] == counts[2]
