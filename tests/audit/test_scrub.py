"""The scrub verifies in the background, and tells when all was verified or something is wrong, not more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from modelwarden.audit.scrub import Scrub
from modelwarden.warden.warden import open_warden
from tests.access.company import HeldClock
from tests.audit.sample import populate

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.warden.warden import Warden


def told(warden: Warden) -> list[str]:
    found = warden.audit.search(actor="system:scrub").items
    return [str(entry.entry["type"]) for entry in found]


def scrub_of(warden: Warden) -> Scrub:
    return Scrub(warden, warden.store, hours=24)


def test_a_scrub_of_all_is_recorded_and_due_again_a_day_later(tmp_path: Path) -> None:
    clock = HeldClock()
    with open_warden(f"sqlite:///{tmp_path}/warden.db", clock=clock) as warden:
        populate(warden)
        assert scrub_of(warden).is_due()
        found = scrub_of(warden).whole()
        assert (found is not None, bool(found)) == (True, True)
        assert told(warden) == ["ledger.verified"]
        assert not scrub_of(warden).is_due()
        clock.advance(hours=25)
        assert scrub_of(warden).is_due()


def test_the_newest_entries_are_verified_without_a_word(warden: Warden) -> None:
    populate(warden)
    assert scrub_of(warden).newest()
    assert told(warden) == []


def test_damage_is_recorded_once(sqlite_warden: Warden) -> None:
    populate(sqlite_warden)
    with sqlite_warden.store.database.writing() as connection:
        connection.execute(text("DROP TRIGGER ledger_entries_no_update"))
        connection.execute(text("UPDATE ledger_entries SET body = X'7B7D' WHERE seq = 2"))
    scrub = scrub_of(sqlite_warden)
    found = scrub.whole()
    assert found is not None
    assert {(problem.code, problem.seq) for problem in found.problems} >= {("entry_altered", 2)}
    assert told(sqlite_warden) == ["ledger.verification_failed"]
    assert not scrub.is_due()


def test_a_scrub_that_is_closed_records_nothing(warden: Warden) -> None:
    populate(warden)
    scrub = scrub_of(warden)
    scrub.start()
    scrub.close()
    assert scrub.whole() is None
    assert told(warden) == []
