"""Personal data: nobody erases or releases alone, nothing that is held goes, nothing that went comes back unseen."""

from __future__ import annotations

import contextlib
import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest
from sqlalchemy import delete, insert, select, update

from modelwarden.audit.offline import verify_export
from modelwarden.errors import (
    AccountActive,
    ActorNotFound,
    AlreadyErased,
    Conflict,
    IllegalMove,
    NotPermitted,
    PayloadChanged,
    PermitExpired,
    PermitNeeded,
    PermitSpent,
    SelfApproval,
)
from modelwarden.ledger.dsse import parse_envelope, verify
from modelwarden.ledger.keys import PublicKey
from modelwarden.privacy import actions
from modelwarden.store.schema.ledger import entries, texts
from modelwarden.values.system import system
from modelwarden.warden.warden import open_warden
from tests.access.company import Company
from tests.store.deeds import verified

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.values.privacy import ErasureAnswer, HoldAnswer

WHY: Final = "a letter of 3 November asks for it"
ALICE: Final = b"alice@example.org"
ASKED: Final[dict[str, Any]] = {"user": "alice", "basis": "objection", "scope": "authored"}


@pytest.fixture
def company(store_url: str, tmp_path: Path) -> Iterator[Company]:
    """Give a company whose alice has left: two may approve, root and ruth administer."""
    company = Company.at(store_url, tmp_path)
    for follower in company.warden.followers:
        follower.close()  # what the reaction would do, the tests do
    company.join("ruth", "admin")
    company.join("alice", "developer", email="alice@example.org")
    company.join("dave")
    company.acting("root").users.update("alice", metadata="Alice Smith, risk team")
    company.with_approvers()
    alice = company.acting("alice")
    alice.models.register("churn", business_purpose="predicts which customers leave next month")
    alice.versions.register("churn", "1", description="what alice has trained in the third quarter")
    company.acting("root").users.deactivate("alice", reason="alice moved to another company")
    yield company
    company.warden.close()


def ident(company: Company, name: str) -> str:
    return company.acting("root").users.show(name).id


def erase(company: Company, name: str = "root", **given: Any) -> ErasureAnswer:  # noqa: ANN401  # as the action takes it
    asked = {**ASKED, "reason": WHY, **given}
    return company.acting(name).audit.erase(asked.pop("user"), **asked)


def erased(company: Company, scope: str = "authored") -> ErasureAnswer:
    company.permitted("root", "person.erase", {**ASKED, "scope": scope})
    return erase(company, scope=scope)


def hold(company: Company, **scope: Any) -> HoldAnswer:  # noqa: ANN401  # as the action takes it
    return company.acting("root").holds.add(reason="proceedings of the supervisor", **scope)


def stored(company: Company) -> list[Any]:
    with company.warden.store.database.reading() as connection:
        return list(connection.execute(select(texts).order_by(texts.c.commitment)))


def bodies(company: Company) -> list[bytes]:
    with company.warden.store.database.reading() as connection:
        return [row.body for row in connection.execute(select(entries).order_by(entries.c.seq))]


def codes(company: Company) -> list[str]:
    found = company.acting("root").audit.verify(strict=True, state=True)
    return [problem.code for problem in found.problems]


def test_nobody_erases_without_a_permit(company: Company) -> None:
    with pytest.raises(PermitNeeded):
        erase(company)
    assert company.acting("root").users.show("alice").handle == "alice"


def test_not_even_while_there_are_no_two_approvers(store_url: str, tmp_path: Path) -> None:
    company = Company.at(store_url, tmp_path)
    company.join("alice")
    company.acting("root").users.deactivate("alice", reason="she left")
    with pytest.raises(PermitNeeded):
        erase(company)
    company.warden.close()


def test_whoever_asks_does_not_agree_and_whoever_agrees_does_not_act(company: Company) -> None:
    request = company.ask("root", "person.erase", ASKED)
    with pytest.raises((SelfApproval, NotPermitted)):
        company.acting("root").approvals.approve(request.id, comment="agreed")
    company.agree(request.id)
    for name in ("bob", "ruth", "dave"):
        with pytest.raises((NotPermitted, PermitNeeded)):
            erase(company, name)
    assert erase(company).state == "done"


@pytest.mark.parametrize("given", [{"scope": "identity"}, {"basis": "other"}, {"user": "dave"}])
def test_a_permit_fits_one_person_basis_and_scope(company: Company, given: dict[str, Any]) -> None:
    company.acting("root").users.deactivate("dave", reason="he left too")
    company.permitted("root", "person.erase", ASKED)
    with pytest.raises(PayloadChanged):
        erase(company, **given)


def test_an_account_that_is_linked_after_the_approval_is_not_erased_with_it(
    company: Company,
) -> None:
    company.permitted("root", "person.erase", ASKED)
    company.acting("root").users.link("dave", to="alice")
    company.acting("root").users.deactivate("dave", reason="he left too")
    with pytest.raises(PayloadChanged):
        erase(company)


def test_a_permit_is_over_after_a_day(company: Company) -> None:
    company.permitted("root", "person.erase", ASKED)
    company.clock.advance(hours=24)
    with pytest.raises(PermitExpired):
        erase(company)


def test_nobody_is_erased_twice(company: Company) -> None:
    erased(company, "identity")
    alice = company.facts("person.erased")[0]["users"][0]
    with pytest.raises(AlreadyErased):
        erase(company, user=alice, scope="identity")
    asked = {**ASKED, "user": alice}
    company.permitted("root", "person.erase", asked)
    assert erase(company, user=alice).texts > 0  # this goes further
    with pytest.raises(AlreadyErased):
        erase(company, user=alice)


def test_a_spent_permit_erases_nobody(company: Company) -> None:
    hold(company, user="alice")
    company.permitted("root", "person.erase", ASKED)
    assert erase(company).state == "on_hold"
    with pytest.raises((AlreadyErased, PermitSpent)):
        erase(company)


def test_an_active_account_is_deactivated_first(company: Company) -> None:
    company.permitted("root", "person.erase", {**ASKED, "user": "dave"})
    with pytest.raises(AccountActive):
        erase(company, user="dave")


def test_nobody_erases_themselves(company: Company) -> None:
    with pytest.raises(NotPermitted):
        erase(company, user="root")


def test_words_and_look_ups_are_gone_and_everything_verifies(
    company: Company, tmp_path: Path
) -> None:
    root = company.acting("root")
    before, alice = bodies(company), ident(company, "alice")
    company.warden.sign()
    root.audit.export(tmp_path / "before")
    done = erased(company)
    assert (done.user, done.state, done.kept) == (alice, "done", 1)
    assert bodies(company)[: len(before)] == before
    shown = root.users.show(alice)
    assert (shown.handle, shown.email, shown.status) == (alice, "erased", "deactivated")
    with pytest.raises(ActorNotFound):
        root.users.show("alice")
    assert root.audit.search(actor="alice").items == ()
    assert root.audit.search(actor=alice).items != ()
    assert root.versions.show("churn", "1").description == "erased"
    purpose = root.models.show("churn").business_purpose
    assert purpose == "predicts which customers leave next month"
    assert codes(company) == []
    after = root.audit.export(tmp_path / "after")
    for name in ("before", "after"):
        assert verify_export(tmp_path / name, trusted=root.audit.keys(), strict=True).ok
    lines = (tmp_path / "after" / "entries.jsonl").read_bytes()
    assert ALICE not in lines
    assert b"trained" not in lines
    assert after.last > len(before)


def test_signatures_over_erased_words_still_verify(company: Company) -> None:
    company.join("erin")
    request = company.permitted(
        "root", "role.grant", {"user": "erin", "role": "approver", "scope": {}}
    )
    company.acting("root").roles.grant("erin", "approver")
    company.enrol("erin")
    company.acting("root").users.deactivate("bob", reason="he left too")
    asked = {**ASKED, "user": "bob"}
    company.agree(company.ask("ruth", "person.erase", asked).id, "carol", "erin")
    erase(company, "ruth", user="bob")
    shown = company.acting("carol").approvals.show(request.id)
    assert {decision.comment for decision in shown.decisions} == {"agreed", "erased"}
    lines = company.acting("carol").approvals.envelopes(request.id).splitlines()
    envelopes = [parse_envelope(line) for line in lines]
    for envelope in envelopes:
        (key,) = [k for k in company.keys.values() if k.keyid == envelope.keyid]
        verify(envelope, PublicKey.from_pem(key.public_pem))
    assert len(envelopes) == 2
    assert codes(company) == []


def test_nothing_new_is_kept_about_whoever_was_erased(company: Company) -> None:
    alice = ident(company, "alice")
    erased(company)
    with pytest.raises(AlreadyErased):
        company.acting("root").users.update(alice, email="alice@example.net")


def test_a_handle_that_was_erased_may_be_anothers(company: Company) -> None:
    alice = ident(company, "alice")
    erased(company)
    company.join("alice")
    assert company.acting("root").users.show("alice").id != alice
    assert codes(company) == []


def test_an_erasure_waits_for_the_last_hold(company: Company) -> None:
    holds = [hold(company, user="alice"), hold(company, model="churn")]
    before = stored(company)
    assert erased(company).state == "on_hold"
    assert [row.commitment for row in before] == [
        row.commitment for row in stored(company) if row in before
    ]
    assert company.facts("erasure.queued")[0]["holds"] == sorted(each.id for each in holds)
    for each in holds:
        assert not company.warden.view(system("privacy"), actions.released_erasures)
        company.permitted("root", "hold.release", {"hold": each.id})
        company.acting("root").holds.release(each.id)
    (waiting,) = company.warden.view(system("privacy"), actions.released_erasures)
    carry_out = partial(actions.carry_out, erasure_id=waiting)
    assert company.warden.change(system("privacy"), carry_out).state == "done"
    assert company.warden.change(system("privacy"), carry_out).state == "done"
    assert len(company.facts("person.erased")) == 1
    assert codes(company) == []


def test_a_hold_is_not_released_by_one(company: Company) -> None:
    placed = hold(company, user="alice")
    with pytest.raises(PermitNeeded):
        company.acting("root").holds.release(placed.id)
    request = company.ask("root", "hold.release", {"hold": placed.id})
    with pytest.raises((SelfApproval, NotPermitted)):
        company.acting("root").approvals.approve(request.id, comment="agreed")
    company.agree(request.id)
    with pytest.raises(PermitNeeded):
        company.acting("ruth").holds.release(placed.id)
    company.acting("root").holds.release(placed.id)
    with pytest.raises(IllegalMove):
        company.acting("root").holds.release(placed.id)


def test_only_the_program_carries_out_what_waited(company: Company) -> None:
    hold(company, user="alice")
    waiting = erased(company)
    carry_out = partial(actions.carry_out, erasure_id=waiting.id)  # type: ignore[arg-type]
    with pytest.raises(NotPermitted):
        company.warden.change(company.acting("root").users._bound.principal, carry_out)
    assert company.warden.change(system("privacy"), carry_out).state == "on_hold"


def test_what_is_linked_while_an_erasure_waits_is_not_erased_with_it(company: Company) -> None:
    root = company.acting("root")
    root.roles.grant("dave", "developer")
    company.acting("dave").versions.register("churn", "2", description="what dave has trained")
    placed = hold(company, user="alice")
    assert erased(company).state == "on_hold"
    root.users.link("dave", to="alice")
    company.clock.advance(seconds=1)
    company.acting("dave").versions.register("churn", "3", description="what dave trained since")
    company.permitted("root", "hold.release", {"hold": placed.id})
    root.holds.release(placed.id)
    (waiting,) = company.warden.view(system("privacy"), actions.released_erasures)
    carry_out = partial(actions.carry_out, erasure_id=waiting)
    assert company.warden.change(system("privacy"), carry_out).state == "done"
    words = [root.versions.show("churn", label).description for label in ("1", "2", "3")]
    assert words == ["erased", "what dave has trained", "what dave trained since"]
    assert root.users.show("dave").handle == "dave"
    assert codes(company) == []


def test_rows_that_are_put_back_by_hand_are_seen(company: Company) -> None:
    before = stored(company)
    erased(company)
    gone = [row for row in before if row.commitment not in {r.commitment for r in stored(company)}]
    with company.warden.store.database.writing() as connection:
        connection.execute(insert(texts), [row._asdict() for row in gone])
    assert codes(company) == ["text_altered"]
    with company.warden.store.database.writing() as connection:
        connection.execute(update(texts).values(author=None, about=None))
    assert codes(company) == ["text_altered"]


def test_ciphertexts_swapped_between_people_do_not_open(company: Company) -> None:
    one, other = stored(company)[:2]
    with company.warden.store.database.writing() as connection:
        connection.execute(delete(texts).where(texts.c.commitment == other.commitment))
        swapped = one._asdict() | {"commitment": other.commitment}
        connection.execute(insert(texts), [swapped])
    assert codes(company) == ["text_altered"]


def test_a_write_about_the_person_that_races_the_erasure_loses_or_is_erased(
    company: Company, tmp_path: Path
) -> None:
    alice = ident(company, "alice")
    company.permitted("root", "person.erase", ASKED)
    root = company.acting("root").users._bound.principal
    url = company.warden.settings.url
    with open_warden(url, keys_folder=tmp_path / "keys", clock=company.clock) as other:
        writes = [other.submit(root, partial(_new_address, user=alice, number=n)) for n in range(9)]
        erasing = partial(
            actions.erase,
            user=alice,
            basis=actions.Basis.OBJECTION,
            reason=WHY,
            scope=actions.Scope.AUTHORED,
        )
        done = None
        while done is None:  # a write that came in between makes it a conflict
            with contextlib.suppress(Conflict):
                done = company.warden.change(root, erasing)
        ends = {type(each.exception()) for each in writes}
    assert ends <= {type(None), AlreadyErased, Conflict}
    person = company.facts("person.erased")[0]["persons"]
    assert [row for row in stored(company) if row.about in person] == []
    assert codes(company) == []


def _new_address(change: Any, *, user: str, number: int) -> object:  # noqa: ANN401  # a change
    from modelwarden.access.actions import update_user  # noqa: PLC0415

    return update_user(change, user, email=f"alice{number}@example.org")


def test_what_was_erased_stands_in_no_file(company: Company, tmp_path: Path) -> None:
    if company.warden.store.database.path is None:
        pytest.skip("PostgreSQL keeps its files elsewhere; its log is the operator's")
    before = stored(company)
    erased(company)
    assert company.warden.store.database.overwrite_deleted()
    gone = {row.commitment for row in before} - {row.commitment for row in stored(company)}
    secrets = [row.ciphertext for row in before if row.commitment in gone]
    assert len(secrets) == 5
    found = [
        path.name
        for path in tmp_path.rglob("*")
        if path.is_file()
        for data in [path.read_bytes()]
        if any(secret in data for secret in secrets)
    ]
    assert found == []


def test_facts_about_erasures_hold_no_words(company: Company) -> None:
    hold(company, user="alice")
    erased(company)
    told = [json.dumps(entry) for entry in company.entries()]
    assert not any("alice" in each or "letter" in each for each in told)
    assert verified(company.warden, state=True).problems == ()
