"""Verification of a database by people: what is sound passes, and the ledger tells who verified."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.audit import actions
from modelwarden.errors import FilterInvalid, NotPermitted, RangeTooLarge
from modelwarden.facts.access import AccessUsed
from modelwarden.facts.kinds import Code
from modelwarden.ledger.keys import LogKey
from modelwarden.values.pages import Page
from tests.audit.sample import change, populate, sign, size, view

if TYPE_CHECKING:
    from modelwarden.store.change import Change
    from modelwarden.values.answers import VerificationAnswer
    from modelwarden.warden.warden import Warden


def record_twice(change: Change) -> None:
    for _ in range(2):
        change.record(AccessUsed(permission=Code("audit.export")))


def verified(warden: Warden, **wanted: object) -> VerificationAnswer:
    return view(warden, "bob", partial(actions.verify_database, **wanted))  # type: ignore[arg-type]


def test_a_sound_database_verifies_to_the_last_row(warden: Warden) -> None:
    populate(warden)
    found = verified(warden, strict=True, state=True)
    assert found.problems == ()
    assert (found.ok, found.first, found.size) == (True, 0, size(warden))
    assert found.signer == warden.store.around.keyring.log_key.vkey
    assert (found.not_checked, found.uncovered, found.warnings) == ((), 0, ())


def test_an_empty_ledger_verifies(warden: Warden) -> None:
    warden.add_user("bob", roles=["auditor"])
    assert verified(warden, strict=True, state=True).ok


@pytest.mark.parametrize(("first", "last"), [(0, 4), (3, 3), (3, None), (5, 8)])
def test_a_part_leads_to_the_newest_checkpoint(
    warden: Warden, first: int, last: int | None
) -> None:
    populate(warden)
    found = verified(warden, first=first, last=last, strict=True)
    assert found.problems == ()
    assert found.first == first
    assert found.last == (size(warden) - 1 if last is None else last)
    given = [text for text in found.not_checked if text.startswith("the hash of entry")]
    assert len(given) == (1 if first else 0)


def test_a_range_beyond_the_end_is_what_is_there(warden: Warden) -> None:
    populate(warden)
    assert verified(warden, first=0, last=10_000).size == size(warden)


def test_what_no_checkpoint_covers_is_counted(sqlite_warden: Warden) -> None:
    populate(sqlite_warden)
    note = sign(sqlite_warden)
    sqlite_warden.store.signer.close()
    change(sqlite_warden, "carol", record_twice)
    found = verified(sqlite_warden, remembered=[note])
    assert (found.ok, found.uncovered) == (True, found.size - int(note.split("\n")[1]))
    assert verified(sqlite_warden, first=found.last).uncovered == 1


def test_only_who_may_verify_does(warden: Warden) -> None:
    populate(warden)
    with pytest.raises(NotPermitted):
        view(warden, "alice", actions.verify_database)


@pytest.mark.parametrize("wanted", [{"first": -1}, {"first": 3, "last": 2}])
def test_a_range_that_is_none_is_refused(sqlite_warden: Warden, wanted: dict[str, int]) -> None:
    populate(sqlite_warden)
    with pytest.raises(FilterInvalid):
        verified(sqlite_warden, **wanted)


def test_a_door_may_limit_the_range(sqlite_warden: Warden) -> None:
    populate(sqlite_warden)
    assert verified(sqlite_warden, first=2, last=4, most=3).ok
    with pytest.raises(RangeTooLarge):
        verified(sqlite_warden, most=3)


def test_the_ledger_says_who_verified(warden: Warden) -> None:
    populate(warden)
    found = verified(warden)
    change(warden, "bob", partial(actions.record_verification, answer=found))
    sign(warden)
    (entry,) = view(
        warden,
        "bob",
        lambda v: actions.search(v, actions.as_filter({"type": "ledger.verified"}), page=Page()),
    ).items
    assert entry.entry["fact"] == {"first": 0, "last": found.last, "root": found.root}


def test_a_failed_verification_is_recorded_as_critical(sqlite_warden: Warden) -> None:
    populate(sqlite_warden)
    other = LogKey(sqlite_warden.store.around.keyring.origin, bytes(range(32)))
    found = verified(sqlite_warden, remembered=["nonsense"], trusted=[other.vkey])
    assert [problem.code for problem in found.problems] == ["checkpoint_invalid"]
    change(sqlite_warden, "bob", partial(actions.record_verification, answer=found))
    wanted = actions.as_filter({"severity": "critical"})
    (entry,) = view(sqlite_warden, "bob", lambda v: actions.search(v, wanted, page=Page())).items
    assert entry.entry["fact"]["codes"] == ["checkpoint_invalid"]
    assert entry.entry["outcome"] == "failed"


def test_the_ledger_extends_every_checkpoint_that_somebody_remembers(warden: Warden) -> None:
    populate(warden)
    first = sign(warden)
    change(warden, "carol", record_twice)
    second = sign(warden)
    assert verified(warden, remembered=[first, second]).problems == ()
