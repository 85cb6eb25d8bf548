"""Words go once they are over their days, in bounded runs: not what is used or held, and never an entry (AC-84)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, insert, select

from modelwarden.access.accounts import user
from modelwarden.access.answers import user_answer
from modelwarden.errors import Conflict, NotPermitted, PayloadChanged, PermitNeeded, ValueInvalid
from modelwarden.privacy import actions, keeping
from modelwarden.privacy.retention import DAYS, Retention
from modelwarden.reactions.privacy import KeepPrivate
from modelwarden.store.schema.access import challenges
from modelwarden.store.schema.ledger import idempotency, texts
from modelwarden.values.clock import timestamp
from modelwarden.values.system import system
from tests.access.company import START
from tests.store.deeds import verified

if TYPE_CHECKING:
    from modelwarden.privacy.keeping import Due
    from modelwarden.values.answers import UserAnswer
    from tests.access.company import Company

PRIVACY = system("privacy")


def due(company: Company) -> Due:
    return company.warden.view(PRIVACY, actions.over_their_days)


def run(company: Company) -> None:
    """Do what one day does."""
    step = KeepPrivate(company.warden, now=company.clock.now, overwrite=lambda: True)
    step.idle()


def seen(company: Company, name: str) -> UserAnswer:
    """Return an account as the program sees it: people's roles run out in these years."""
    return company.warden.view(PRIVACY, lambda view: user_answer(view, user(view, name)))


def described(company: Company) -> str | None:
    return company.acting("dave").versions.show("churn", "1").description


def shortened(company: Company) -> None:
    company.permitted("root", "retention.change", {"leavers": 30, "texts": 60})
    company.acting("root").retention.set(leavers=30, texts=60)


def count(company: Company, table: Any) -> int:  # noqa: ANN401  # a table
    with company.warden.store.database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar() or 0)


def test_nothing_is_due_and_nothing_is_recorded_at_first(company: Company) -> None:
    before = len(company.entries())
    run(company)
    assert due(company).is_empty
    assert len(company.entries()) == before


def test_what_identifies_a_leaver_goes_after_a_year(company: Company) -> None:
    alice = seen(company, "alice").id
    company.clock.advance(days=364)
    run(company)
    assert seen(company, "alice").handle == "alice"
    company.clock.advance(days=1)
    run(company)
    shown = seen(company, alice)
    assert (shown.handle, shown.email) == (alice, "erased")
    assert company.facts("retention.applied") == [{"texts": 3, "held": 0, "users": [alice]}]
    assert described(company) == "trained in the third quarter"
    assert verified(company.warden, state=True).problems == ()
    run(company)
    assert len(company.facts("retention.applied")) == 1


def test_whoever_has_another_account_has_not_left(company: Company) -> None:
    company.acting("root").users.link("dave", to="alice")
    company.clock.advance(days=400)
    assert due(company).users == ()


def test_a_held_leaver_stays(company: Company) -> None:
    company.acting("root").holds.add(reason="proceedings", user="alice")
    company.clock.advance(days=400)
    run(company)
    assert seen(company, "alice").handle == "alice"
    assert company.facts("retention.applied") == []


def test_old_words_go_unless_something_needs_them(company: Company) -> None:
    company.clock.advance(days=2_555)
    run(company)
    assert described(company) == "erased"
    purpose = company.acting("dave").models.show("churn").business_purpose
    assert purpose == "predicts which customers leave next month"
    assert seen(company, "dave").handle == "dave"
    assert verified(company.warden, state=True).problems == ()


@pytest.mark.parametrize(
    "scope",
    [
        {"user": "alice"},
        {"model": "churn"},
        {"since": START, "until": START},
        {"model": "churn", "user": "alice", "until": START},
    ],
)
def test_held_words_stay_however_old(company: Company, scope: dict[str, Any]) -> None:
    company.acting("root").holds.add(reason="proceedings", **scope)
    company.clock.advance(days=2_555)
    run(company)
    assert described(company) == "trained in the third quarter"


@pytest.mark.parametrize(
    "scope",
    [
        {"user": "dave"},
        {"incident": "INC-2041"},
        {"until": START - timedelta(seconds=1)},
        {"model": "churn", "user": "dave"},
    ],
)
def test_a_hold_holds_what_falls_under_all_that_it_names(
    company: Company, scope: dict[str, Any]
) -> None:
    company.acting("root").holds.add(reason="proceedings", **scope)
    company.clock.advance(days=2_555)
    run(company)
    assert described(company) == "erased"


def test_a_run_is_bounded_and_the_next_follows(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MOST_TEXTS", 2)
    monkeypatch.setattr(keeping, "PAGE", 3)
    company.acting("root").roles.grant("dave", "developer")
    for number in range(2, 9):
        company.acting("dave").versions.register("churn", str(number), description="as before")
    company.clock.advance(days=2_555)
    run(company)
    runs = [each["texts"] for each in company.facts("retention.applied")]
    assert (sum(runs), max(runs[1:])) == (11, 2)
    assert due(company).is_empty


def test_a_hold_that_is_placed_during_a_run_is_respected(company: Company) -> None:
    shortened(company)
    company.clock.advance(days=61)
    found = due(company)
    assert (len(found.texts), len(found.users)) == (5, 1)
    company.acting("root").holds.add(reason="proceedings", user="alice")
    told = company.warden.change(PRIVACY, partial(actions.apply_retention, due=found))
    assert (told.texts, told.users) == (3, ())  # what others wrote when they agreed
    assert described(company) == "trained in the third quarter"
    run(company)
    assert seen(company, "alice").handle == "alice"


def test_days_that_grew_during_a_run_are_respected(company: Company) -> None:
    shortened(company)
    company.clock.advance(days=61)
    found = due(company)
    company.permitted("root", "retention.change", {"leavers": 365, "texts": 2_555})
    company.acting("root").retention.set(leavers=365, texts=2_555)
    with pytest.raises(Conflict):
        company.warden.change(PRIVACY, partial(actions.apply_retention, due=found))
    assert seen(company, "alice").handle == "alice"


def test_only_the_program_applies_retention(company: Company) -> None:
    root = company.acting("root").users._bound.principal
    with pytest.raises(NotPermitted):
        company.warden.change(root, partial(actions.apply_retention, due=keeping.Due()))


def test_days_change_with_a_permit_for_exactly_these(company: Company) -> None:
    root = company.acting("root")
    assert root.retention.show().texts == DAYS["texts"]
    with pytest.raises(PermitNeeded):
        root.retention.set(leavers=30)
    company.permitted("root", "retention.change", {"leavers": 30})
    with pytest.raises(PayloadChanged):
        root.retention.set(leavers=31)
    assert root.retention.set(leavers=30).leavers == 30
    told = company.facts("retention.changed")[0]
    assert (told["leavers"], told["texts"], told["shortened"]) == (30, 2_555, True)
    assert root.retention.set(leavers=30).revision == 1
    assert verified(company.warden, state=True).problems == ()


@pytest.mark.parametrize("days", [{"leavers": 0}, {"texts": 40_000}, {}, {"entries": 5}])
def test_days_have_their_bounds(company: Company, days: dict[str, int]) -> None:
    with pytest.raises(ValueInvalid):
        company.ask("root", "retention.change", days)


def test_whoever_may_not_manage_retention_may_not_ask(company: Company) -> None:
    with pytest.raises(NotPermitted):
        company.ask("bob", "retention.change", {"leavers": 30})


def test_in_bootstrap_mode_days_only_grow(any_fresh: Company) -> None:
    root = any_fresh.acting("root")
    with pytest.raises(PermitNeeded):
        root.retention.set(leavers=30)
    assert root.retention.set(leavers=400).leavers == 400


def test_one_time_secrets_and_repeats_are_pruned(company: Company) -> None:
    at = timestamp(START - timedelta(days=31))
    rows = [
        {"id": f"chl_{n}", "actor": "usr_x", "expires_at": at, "used": False} for n in range(1_500)
    ]
    repeat = {"scope": "s", "request_digest": "d", "answer": "a", "seq": 0, "at": at}
    with company.warden.store.database.writing() as connection:
        connection.execute(insert(challenges), rows)
        connection.execute(insert(idempotency), [repeat])
    fresh = count(company, challenges) - len(rows)
    run(company)
    assert count(company, challenges) == fresh
    assert count(company, idempotency) == 0


def test_shorter_days_are_shorter() -> None:
    days = Retention()
    assert days.changed({"texts": 10}, by="usr_x", at=START).is_shorter_than(days)  # type: ignore[arg-type]
    assert not days.changed({"texts": 9_999}, by="usr_x", at=START).is_shorter_than(days)  # type: ignore[arg-type]


def test_words_know_their_author_whom_they_tell_of_and_since_when(company: Company) -> None:
    root = company.acting("root")
    people = {name: root.users.show(name).person for name in ("alice", "root")}
    with company.warden.store.database.reading() as connection:
        rows = list(connection.execute(select(texts)))
    about = [row for row in rows if row.about == people["alice"]]
    assert len(about) == 3  # handle, e-mail address, why she was deactivated
    assert {row.author for row in about} == {None, people["root"]}
    assert len([row for row in rows if row.author == people["alice"]]) == 2
    assert {row.kept_at for row in rows} == {timestamp(START)}
