"""Rows of an older backup are erased again, and a released hold lets happen what waited (AC-85, AC-86)."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, insert, select

from modelwarden.access.accounts import user
from modelwarden.access.answers import user_answer
from modelwarden.errors import ActorNotFound
from modelwarden.privacy import actions
from modelwarden.reactions.privacy import KeepPrivate
from modelwarden.store.erasing import Reapplied, reapply_erasures
from modelwarden.store.schema.access import actors
from modelwarden.store.schema.ledger import texts
from modelwarden.values.system import system
from tests.access.company import Company
from tests.store.deeds import verified

if TYPE_CHECKING:
    from pathlib import Path

PRIVACY = system("privacy")
ASKED = {"user": "alice", "basis": "no_longer_needed", "scope": "authored"}


def rows(company: Company) -> dict[Any, list[dict[str, Any]]]:
    with company.warden.store.database.reading() as connection:
        return {
            table: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in (actors, texts)
        }


def put_back(company: Company, before: dict[Any, list[dict[str, Any]]]) -> Reapplied:
    """Restore two tables as a backup had them, in the transaction that then erases again."""
    with company.warden.store.database.writing() as connection:
        for table, found in before.items():
            connection.execute(delete(table))
            connection.execute(insert(table), found)
        return reapply_erasures(connection)


def erase(company: Company, asked: dict[str, str] = ASKED) -> None:
    company.permitted("root", "person.erase", asked)
    company.acting("root").audit.erase(**asked, reason="a letter asks for it")


def problems(company: Company) -> list[str]:
    found = company.acting("root").audit.verify(strict=True, state=True)
    return [problem.code for problem in found.problems]


def test_an_older_backup_is_erased_again(company: Company) -> None:
    company.permitted("root", "person.erase", ASKED)
    before = rows(company)
    alice = company.acting("root").users.show("alice").id
    company.acting("root").audit.erase(**ASKED, reason="a letter asks for it")
    known = {row["commitment"] for row in before[texts]}
    reason = [row for row in rows(company)[texts] if row["commitment"] not in known]
    found = put_back(company, {actors: before[actors], texts: before[texts] + reason})
    assert found == Reapplied(texts=4, accounts=(alice,), behind=())
    assert problems(company) == []
    with pytest.raises(ActorNotFound):
        company.acting("root").users.show("alice")


def test_erasing_again_twice_does_nothing(company: Company) -> None:
    erase(company)
    with company.warden.store.database.writing() as connection:
        assert reapply_erasures(connection) == Reapplied(0, (), ())
    assert problems(company) == []


def test_an_account_whose_changes_are_missing_is_said_to_be_behind(company: Company) -> None:
    before = rows(company)
    alice = company.acting("root").users.show("alice").id
    company.acting("root").users.update("alice", metadata="in another team")
    erase(company)
    found = put_back(company, {actors: before[actors], texts: rows(company)[texts]})
    assert found.accounts == found.behind == (alice,)
    shown = company.warden.view(PRIVACY, lambda view: user_answer(view, user(view, alice)))
    assert (shown.handle, shown.email) == (alice, "erased")
    assert problems(company) == ["state_mismatch"]


def test_what_retention_took_of_a_leaver_goes_again(company: Company) -> None:
    company.clock.advance(days=365)
    before = rows(company)
    KeepPrivate(company.warden, now=company.clock.now, overwrite=lambda: True).idle()
    found = put_back(company, before)
    assert (len(found.accounts), found.behind) == (1, ())
    assert verified(company.warden, state=True).problems == ()


def test_a_released_hold_lets_the_erasure_happen_by_itself(store_url: str, tmp_path: Path) -> None:
    company = Company.at(store_url, tmp_path)
    company.join("alice")
    company.with_approvers()
    root = company.acting("root")
    alice = root.users.show("alice").id
    root.users.deactivate("alice", reason="she left")
    held = root.holds.add(reason="proceedings", user="alice")
    erase(company)
    assert root.audit.erasures().items[0].state == "on_hold"
    company.permitted("root", "hold.release", {"hold": held.id})
    root.holds.release(held.id)
    until = time.monotonic() + 20
    while root.audit.erasures().items[0].state != "done" and time.monotonic() < until:
        time.sleep(0.05)
    assert root.audit.erasures().items[0].state == "done"
    assert root.users.show(alice).handle == alice
    assert company.last()["actor"]["id"] == "system:privacy"
    company.warden.close()


def test_whoever_leads_next_does_what_was_left(company: Company) -> None:
    root = company.acting("root")
    held = root.holds.add(reason="proceedings", user="alice")
    erase(company)
    company.permitted("root", "hold.release", {"hold": held.id})
    root.holds.release(held.id)  # nobody follows: as after a kill
    step = KeepPrivate(company.warden, now=company.clock.now, overwrite=lambda: True)
    step.begin(None)  # type: ignore[arg-type]  # the position is not looked at
    assert root.audit.erasures().items[0].state == "done"
    assert company.warden.view(PRIVACY, actions.released_erasures) == []
    (waited,) = root.audit.erasures().items
    again = partial(actions.carry_out, erasure_id=waited.id)  # type: ignore[arg-type]
    assert company.warden.change(PRIVACY, again).state == "done"
