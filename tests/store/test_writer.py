"""One writer, group commit: neighbours in a batch never harm each other, and answers come in order (LG-10)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from modelwarden.access.actor import Role
from modelwarden.errors import Conflict, NothingRecorded, SelfGrant, UnrecordedChange
from modelwarden.facts.access import TokenRevoked
from modelwarden.store.schema.access import roles, token_uses
from modelwarden.values.ids import ActorId, TokenId
from tests.store.deeds import (
    ME,
    bodies,
    define,
    held,
    redefine,
    refuse,
    stored_roles,
    submitted,
    tell,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.store.change import Change, Telemetry
    from modelwarden.warden.warden import Warden


def _raises(change: Change) -> None:
    define("half done")(change)
    raise ValueError("a defect")


def _writes_a_duplicate(change: Change) -> None:
    change.execute(token_uses.insert(), {"token": "same", "minute": "1"})
    change.execute(token_uses.insert(), {"token": "same", "minute": "2"})


def _asks_nonsense(change: Change) -> None:
    define("half done")(change)
    change.connection.execute(text("SELECT * FROM no_such_table"))


def _passes_a_nul(change: Change) -> None:
    change.save(Role(name="nul\0nul", permissions=()))
    tell(change, "nul")
    raise ValueError("SQLite takes it, PostgreSQL does not")


def _uses_a_stale_revision(change: Change) -> None:
    redefine(Role(name="nobody", permissions=(), revision=3))(change)


def _forgets_the_fact(change: Change) -> None:
    change.save(Role(name="half done", permissions=()))


@pytest.mark.parametrize(
    "fails",
    [
        _raises,
        _writes_a_duplicate,
        _asks_nonsense,
        _passes_a_nul,
        _uses_a_stale_revision,
        _forgets_the_fact,
        refuse,
    ],
)
def test_a_failing_change_never_harms_its_neighbours(
    warden: Warden, fails: Callable[[Change], Any]
) -> None:
    with held(warden):
        before = [warden.submit(ME, define(f"before{n}")) for n in range(3)]
        failing = warden.submit(ME, fails)
        after = [warden.submit(ME, define(f"after{n}")) for n in range(3)]
    assert failing.exception(30) is not None
    seqs = [future.result(30).receipt.seq for future in (*before, *after)]
    assert seqs == sorted(seqs)
    names = {"holder", *(f"{when}{n}" for when in ("before", "after") for n in range(3))}
    assert set(stored_roles(warden)) == names
    assert len(bodies(warden)) == 1 + len(names) + (fails is refuse)


def test_what_failed_is_told_to_the_one_who_did_it(warden: Warden) -> None:
    with held(warden):
        futures = [
            warden.submit(ME, act) for act in (_uses_a_stale_revision, _forgets_the_fact, refuse)
        ]
    assert [type(future.exception(30)) for future in futures] == [
        Conflict,
        UnrecordedChange,
        SelfGrant,
    ]


def test_a_batch_is_answered_in_the_order_in_which_it_was_submitted(warden: Warden) -> None:
    with held(warden):
        futures = [warden.submit(ME, define(f"role{n}")) for n in range(100)]
    first = futures[0].result(30).receipt.seq
    receipts = [future.result(30).receipt for future in futures]
    assert [receipt.seq for receipt in receipts] == list(range(first, first + 100))
    assert [b["fact"]["role"] for b in bodies(warden)[first:]] == [f"role{n}" for n in range(100)]


def test_a_change_sees_what_its_neighbour_before_it_did(warden: Warden) -> None:
    def count(change: Change) -> int:
        found = len(change.rows(select(roles)))
        tell(change, "counted")
        return found

    with held(warden):
        warden.submit(ME, define("one"))
        warden.submit(ME, _raises)
        counted = warden.submit(ME, count)
    assert counted.result(30).value == 2  # the holder and one; not what was undone


def test_a_change_of_several_facts_is_answered_with_its_last_entry(warden: Warden) -> None:
    def act(change: Change) -> None:
        define("a")(change)
        define("b")(change)

    with held(warden):
        earlier = warden.submit(ME, define("earlier"))
        both = warden.submit(ME, act)
        later = warden.submit(ME, define("later"))
    seq = earlier.result(30).receipt.seq
    assert both.result(30).receipt.seq == seq + 2
    assert later.result(30).receipt.seq == seq + 3
    parts = [(body["change"], body["part"]) for body in bodies(warden)[seq + 1 : seq + 3]]
    assert parts[0][0] == parts[1][0]
    assert [part for _, part in parts] == [0, 1]


def test_what_a_neighbour_just_made_is_answered_with_the_neighbours_entry(warden: Warden) -> None:
    made = submitted(warden, define("before"))

    def finds(name: str) -> Callable[[Change], str]:
        def act(change: Change) -> str:
            change.unchanged("role", name)
            return name

        return act

    with held(warden):
        first = warden.submit(ME, define("role"))
        second = warden.submit(ME, finds("role"))
        older = warden.submit(ME, finds("before"))
        moved = warden.submit(ME, redefine(made.value, "more"))
        newer = warden.submit(ME, finds("before"))
        nobodys = warden.submit(ME, finds("never made"))
    assert second.result(30).receipt == first.result(30).receipt
    assert older.result(30).receipt.seq == made.receipt.seq
    assert newer.result(30).receipt == moved.result(30).receipt
    with pytest.raises(NothingRecorded):
        nobodys.result(30)
    assert len(bodies(warden)) == moved.result(30).receipt.seq + 1


def test_whoever_gives_up_waiting_harms_nobody(warden: Warden) -> None:
    with held(warden):
        given_up = warden.submit(ME, define("given up"))
        stays = warden.submit(ME, define("stays"))
        assert given_up.cancel()
    assert stays.result(30).value.revision == 1
    assert set(stored_roles(warden)) == {"holder", "stays"}


def test_a_change_under_way_cannot_be_given_up(warden: Warden) -> None:
    started, go_on = threading.Event(), threading.Event()

    def act(change: Change) -> None:
        started.set()
        assert go_on.wait(30)
        define("slow")(change)

    future = warden.submit(ME, act)
    assert started.wait(30)
    assert not future.cancel()
    go_on.set()
    assert future.result(30).receipt.seq == 1


def test_a_refusal_is_recorded_although_its_action_is_undone(warden: Warden) -> None:
    with pytest.raises(SelfGrant) as refused:
        warden.change(ME, refuse)
    told = bodies(warden)[-1]
    assert stored_roles(warden) == {}
    assert refused.value.entry == 1
    assert (told["type"], told["outcome"], told["severity"]) == (
        "access.denied",
        "refused",
        "WARNING",
    )
    assert told["fact"] == {"count": 1, "reasons": ["because"], "rule": "self_grant"}
    assert told["about"] == ["role:refused"]
    assert told["actor"]["id"] == ME.actor
    assert "objects" not in told


def test_refused_telemetry_is_recorded_too(warden: Warden) -> None:
    def act(telemetry: Telemetry) -> None:
        telemetry.execute(token_uses.insert(), {"token": "t", "minute": "m"})
        raise SelfGrant("no")

    with pytest.raises(SelfGrant):
        warden.telemetry(ME, act)
    assert bodies(warden)[-1]["type"] == "access.denied"
    with warden.store.database.reading() as connection:
        assert connection.execute(select(token_uses)).all() == []


def test_telemetry_is_written_without_a_fact(warden: Warden) -> None:
    row = {"token": "t", "minute": "m"}
    warden.telemetry(ME, lambda telemetry: telemetry.execute(token_uses.insert(), row))
    with warden.store.database.reading() as connection:
        assert len(connection.execute(select(token_uses)).all()) == 1
    assert len(bodies(warden)) == 1


@pytest.mark.parametrize("table", ["roles", "texts", "person_links"])
def test_telemetry_touches_no_other_table(warden: Warden, table: str) -> None:
    found = roles.metadata.tables[table]
    with pytest.raises(UnrecordedChange):
        warden.telemetry(ME, lambda telemetry: telemetry.execute(found.delete()))


def test_closing_answers_what_waits(warden: Warden) -> None:
    with held(warden):
        futures = [warden.submit(ME, define(f"role{n}")) for n in range(20)]
        closing = threading.Thread(target=warden.close)
        closing.start()
    closing.join(30)
    assert {future.result(0).value.revision for future in futures} == {1}


def test_entries_name_the_actor_and_the_person_behind_it(warden: Warden) -> None:
    warden.add_user("carol", roles=["admin"])
    warden.acting_as("carol").users.add("dave")
    actor = bodies(warden)[-1]["actor"]
    me = warden.acting_as("carol").users.me()
    assert actor == {
        "id": me.id, "kind": "user", "person": me.person, "via": "process", "vouched": "process",
    }  # fmt: skip


def test_the_last_receipt_of_a_change_with_tokens_is_its_own(warden: Warden) -> None:
    def act(change: Change) -> None:
        change.record(TokenRevoked(token=TokenId("tok_x"), user=ActorId("usr_x")))

    answer = submitted(warden, act)
    assert bodies(warden)[answer.receipt.seq]["type"] == "token.revoked"
