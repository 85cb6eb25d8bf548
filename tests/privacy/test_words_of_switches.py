"""Words about a stop: kept while it is in force, and gone for good with whoever wrote them once it is over (LG-61)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.store.deeds import files_with, verified

if TYPE_CHECKING:
    from pathlib import Path

    from tests.access.company import Company

REASON, NOTES, CHECKED, SEEN = (
    "dana saw the feed drift", "dana says it is right", "dana looked twice", "frieda agrees",
)  # fmt: skip
PEOPLE = ("dana", "frieda")


def erased(company: Company, name: str) -> None:
    company.acting("root").users.deactivate(name, reason="left")
    asked = {"user": name, "basis": "objection", "scope": "authored"}
    company.permitted("root", "person.erase", asked)
    company.acting("root").audit.erase(
        name, basis="objection", scope="authored", reason="a letter asks"
    )


def test_words_of_a_stop_go_once_it_is_over(company: Company) -> None:
    for name in PEOPLE:
        company.join(name, "operator")
    dana, frieda = (company.acting(name).switches for name in PEOPLE)
    over = dana.activate({"model": "churn"}, reason=REASON)
    dana.request_release(over.id, notes=NOTES, verification=CHECKED)
    frieda.confirm_release(over.id, notes=SEEN)
    still = dana.activate({"model": "churn"}, reason=REASON)
    erased(company, "dana")
    shown = company.acting("dave").switches.show(over.id)
    assert (shown.reason, shown.notes, shown.verification) == ("erased", "erased", "erased")
    assert shown.ended_notes == SEEN
    kept = company.acting("dave").switches.show(still.id)
    assert (kept.reason, kept.activated_by) == (REASON, shown.activated_by)
    assert "dana" not in kept.activated_by
    assert verified(company.warden, state=True).problems == ()


def test_words_of_a_stop_stand_in_no_file(company: Company, tmp_path: Path) -> None:
    company.join("dana", "operator")
    dana = company.acting("dana").switches
    made = dana.activate({"model": "churn"}, reason=REASON)
    dana.request_release(made.id, notes=NOTES, verification=CHECKED)
    assert files_with(tmp_path, *(each.encode() for each in (REASON, NOTES, CHECKED))) == []
