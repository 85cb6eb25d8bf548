"""No governed row moves without a fact (LG-7, LG-8), and what a fact says is canonical, sorted and bounded."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, insert, select, update

from modelwarden.access.actor import Role
from modelwarden.errors import (
    Conflict,
    EntryTooLarge,
    NotCanonical,
    NothingRecorded,
    ReadOnly,
    UnrecordedChange,
)
from modelwarden.facts.access import RoleDefined
from modelwarden.facts.kinds import Code
from modelwarden.facts.ledger import LedgerVerified
from modelwarden.store.schema.access import roles, token_uses
from modelwarden.store.schema.ledger import subjects, texts
from modelwarden.values.canonical import encode
from modelwarden.values.ids import Digest, RoleName
from tests.store.deeds import ME, bodies, define, redefine, stored_roles, submitted, tell, verified

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.store.change import Change, View
    from modelwarden.warden.warden import Warden


def test_a_change_that_records_nothing_is_undone(warden: Warden) -> None:
    with pytest.raises(NothingRecorded):
        warden.change(ME, lambda change: change.text("words that nothing tells of"))
    with warden.store.database.reading() as connection:
        assert connection.execute(select(texts)).all() == []
    assert len(bodies(warden)) == 1


def test_an_action_that_does_nothing_is_an_error(warden: Warden) -> None:
    with pytest.raises(NothingRecorded):
        warden.change(ME, lambda _change: None)


def test_a_governed_write_without_a_fact_is_undone(warden: Warden) -> None:
    with pytest.raises(UnrecordedChange):
        warden.change(ME, lambda change: change.save(Role(name="quiet", permissions=())))
    assert stored_roles(warden) == {}


def test_a_governed_write_after_the_last_fact_is_undone_with_all_before_it(warden: Warden) -> None:
    def act(change: Change) -> None:
        define("told")(change)
        change.save(Role(name="quiet", permissions=()))

    with pytest.raises(UnrecordedChange):
        warden.change(ME, act)
    assert (stored_roles(warden), len(bodies(warden))) == ({}, 1)


@pytest.mark.parametrize(
    "act",
    [
        lambda change: change.execute(insert(roles), {"name": "x", "permissions": "[]"}),
        lambda change: change.execute(update(roles).values(revision=9)),
        lambda change: change.execute(delete(roles)),
        lambda change: change.rows(update(roles).values(revision=9)),
        lambda change: change.row(delete(roles).returning(roles.c.name)),
    ],
    ids=["insert", "update", "delete", "update as a read", "delete as a read"],
)
def test_governed_tables_are_written_by_save_alone(
    warden: Warden, act: Callable[[Change], object]
) -> None:
    submitted(warden, define("kept"))

    def attempt(change: Change) -> None:
        act(change)
        tell(change, "kept")

    with pytest.raises(UnrecordedChange):
        warden.change(ME, attempt)
    assert stored_roles(warden) == {"kept": 1}


def test_a_read_writes_nothing(warden: Warden) -> None:
    def attempt(view: View) -> object:
        return view.rows(insert(token_uses).values({"token": "t", "minute": "m"}))

    with pytest.raises(UnrecordedChange):
        warden.view(ME, attempt)


def test_revisions_are_dense_and_each_after_recomputes_from_the_row(warden: Warden) -> None:
    role = submitted(warden, define("reader", "model.read")).value
    again = submitted(warden, redefine(role, "audit.read", "model.read")).value
    moved = [body["objects"][0] for body in bodies(warden)[1:]]
    assert [(item["kind"], item["id"], item["rev"]) for item in moved] == [
        ("role", "reader", 1),
        ("role", "reader", 2),
    ]
    with warden.store.database.reading() as connection:
        row = connection.execute(select(roles)).one()._mapping
    state = {str(name): value for name, value in row.items() if value is not None}
    assert moved[-1]["after"] == hashlib.sha256(encode(state)).hexdigest()
    assert again.revision == 2


def test_a_stale_revision_is_a_conflict_and_changes_nothing(warden: Warden) -> None:
    role = submitted(warden, define("reader")).value
    submitted(warden, redefine(role, "model.read"))
    with pytest.raises(Conflict):
        submitted(warden, redefine(role, "audit.read"))
    assert stored_roles(warden) == {"reader": 2}


def test_a_second_object_of_one_id_is_a_conflict(warden: Warden) -> None:
    submitted(warden, define("reader"))
    with pytest.raises(Conflict):
        submitted(warden, define("reader"))


def test_objects_of_a_fact_are_sorted(warden: Warden) -> None:
    def act(change: Change) -> None:
        for name in ("zebra", "ant", "mole"):
            change.save(Role(name=name, permissions=()))
        tell(change, "zebra")

    submitted(warden, act)
    assert [item["id"] for item in bodies(warden)[-1]["objects"]] == ["ant", "mole", "zebra"]


def test_an_idempotent_repeat_answers_the_entry_that_recorded_the_state(warden: Warden) -> None:
    first = submitted(warden, define("reader"))
    submitted(warden, define("other"))
    again = submitted(warden, lambda change: change.unchanged("role", "reader"))
    assert again.receipt == first.receipt


def test_what_was_never_recorded_is_not_unchanged(warden: Warden) -> None:
    with pytest.raises(NothingRecorded):
        submitted(warden, lambda change: change.unchanged("role", "nobody"))


def test_whoever_wrote_something_is_not_unchanged(warden: Warden) -> None:
    submitted(warden, define("reader"))

    def act(change: Change) -> None:
        change.execute(insert(token_uses), {"token": "t", "minute": "m"})
        change.unchanged("role", "reader")

    with pytest.raises(NothingRecorded):
        submitted(warden, act)


def test_a_receipt_tells_the_time_of_its_entry(warden: Warden) -> None:
    receipt = submitted(warden, define("reader")).receipt
    assert receipt.at == bodies(warden)[receipt.seq]["at"]


def test_an_entry_over_32_kib_is_refused(warden: Warden) -> None:
    names = tuple(Code(f"permission.{n:05}") for n in range(2_000))
    fact = RoleDefined(role=RoleName("huge"), permissions=names, includes=())
    with pytest.raises(EntryTooLarge):
        submitted(warden, lambda change: change.record(fact))
    assert len(bodies(warden)) == 1


@pytest.mark.parametrize("number", [2**53, -(2**53), 1.5, float("nan")])
def test_numbers_without_one_canonical_form_are_refused(warden: Warden, number: int) -> None:
    fact = LedgerVerified(first=0, last=number, root=Digest("0" * 64))
    with pytest.raises(NotCanonical):
        submitted(warden, lambda change: change.record(fact))


@pytest.mark.parametrize("name", ["a\ud800b", "a\x00b", "a\nb"])
def test_names_that_no_column_or_text_can_hold_are_refused(warden: Warden, name: str) -> None:
    with pytest.raises(NotCanonical):
        submitted(warden, lambda change: tell(change, name))
    submitted(warden, define("the writer goes on"))


def test_an_entry_names_32_subjects_at_most_and_the_index_knows_the_same(warden: Warden) -> None:
    many = [f"role{n:03}" for n in range(50)]
    submitted(warden, lambda change: tell(change, "many", *many))
    body = bodies(warden)[-1]
    with warden.store.database.reading() as connection:
        known = connection.execute(select(subjects).where(subjects.c.seq == 1)).all()
    assert body["about"] == sorted(body["about"])
    assert len(body["about"]) == 32
    assert sorted(f"{row.kind}:{row.id}" for row in known) == body["about"]
    assert verified(warden).problems == ()


def test_flags_of_a_change_stand_in_each_of_its_entries(warden: Warden) -> None:
    def act(change: Change) -> None:
        change.flags.add("drill")
        define("one")(change)
        change.record(
            RoleDefined(role=RoleName("one"), permissions=(), includes=()), flags=["emergency"]
        )

    submitted(warden, act)
    assert [body["context"]["flags"] for body in bodies(warden)[1:]] == [
        ["drill"],
        ["drill", "emergency"],
    ]


def test_a_closed_warden_takes_no_changes(warden: Warden) -> None:
    warden.close()
    with pytest.raises(ReadOnly):
        warden.change(ME, define("late"))
