"""Search, single entries and histories: what is found, in which order, and by whom."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.access import actions as access
from modelwarden.audit import actions, queries
from modelwarden.errors import CursorInvalid, ModelNotFound, NotFound, NotPermitted
from modelwarden.ledger.entry import chain, parse_line
from modelwarden.ledger.merkle import leaf_hash
from modelwarden.values.pages import Page
from tests.audit.sample import change, populate, size, view

if TYPE_CHECKING:
    from modelwarden.values.answers import EntryAnswer
    from modelwarden.warden.warden import Warden

ALL = Page(limit=500)


def found(warden: Warden, who: str = "bob", **asked: object) -> list[EntryAnswer]:
    wanted = actions.as_filter(asked)
    return list(view(warden, who, partial(actions.search, wanted=wanted, page=ALL)).items)


def naive(warden: Warden, **asked: object) -> list[int]:
    """Search a second time, by reading every entry."""
    return [e.seq for e in found(warden) if _fits(e, asked)]


def _fits(entry: EntryAnswer, asked: dict[str, object]) -> bool:
    body = entry.entry
    moved = {f"{item['kind']}:{item['id']}" for item in body.get("objects", ())}
    return all(
        {
            "subject": lambda v: v in {*body.get("about", ()), *moved},
            "type": lambda v: body["type"] in actions.as_filter({"type": v}).types,
            "severity": lambda v: body["severity"] in str(v).upper().split(","),
            "outcome": lambda v: body["outcome"] == v,
            "since": lambda v: body["at"] >= v,
            "until": lambda v: body["at"] <= v,
            "first": lambda v: entry.seq >= v,
            "last": lambda v: entry.seq <= v,
        }[name](value)
        for name, value in asked.items()
    )


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"subject": "model:churn"},
        {"subject": "version:churn@1.1.0"},
        {"subject": "version:churn@1.1.0", "type": "metrics.recorded"},
        {"subject": "model:churn", "severity": "WARNING,HIGH", "first": 3},
        {"subject": "model:none"},
        {"type": "model.registered"},
        {"type": "model"},
        {"type": "model.*,role.*,version.*"},
        {"type": "MODEL_REGISTRATION", "last": 12},
        {"type": "access", "outcome": "refused"},
        {"severity": "HIGH,CRITICAL"},
        {"severity": "critical"},
        {"severity": "info"},
        {"outcome": "refused"},
        {"outcome": "refused", "subject": "model:mine"},
        {"first": 4, "last": 6},
        {"first": 6, "last": 4},
        {"since": "2020-01-01T00:00:00.000000Z", "until": "2020-02-01T00:00:00.000000Z"},
        {"since": "2020-01-01T00:00:00.000000Z"},
    ],
)
def test_a_search_finds_what_reading_everything_finds(
    warden: Warden, asked: dict[str, object]
) -> None:
    populate(warden)
    assert [entry.seq for entry in found(warden, **asked)] == naive(warden, **asked)


def test_own_writes_are_found_at_once(warden: Warden) -> None:
    populate(warden)
    warden.acting_as("alice").models.register("late", owner="alice", business_purpose="x" * 20)
    assert found(warden, subject="model:late")[0].entry["type"] == "model.registered"


def test_actors_are_found_by_handle_and_by_id(warden: Warden) -> None:
    populate(warden)
    by_handle = found(warden, actor="alice")
    alice = by_handle[0].entry["actor"]["id"]
    assert by_handle == found(warden, user=alice)
    assert len(by_handle) >= 6
    assert {entry.entry["actor"]["id"] for entry in by_handle} == {alice}
    assert found(warden, actor="nobody") == []
    assert found(warden, subject="actor:alice") == found(warden, subject=f"actor:{alice}") != []
    assert found(warden, actor="system:ledger", type="ledger.started")[0].seq == 0


@pytest.mark.parametrize("asked", [{}, {"subject": "model:churn"}, {"type": "model.*,version.*"}])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_join_to_the_whole(warden: Warden, asked: dict[str, str], limit: int) -> None:
    populate(warden)
    wanted, cursor, seqs = actions.as_filter(asked), None, []
    while True:
        page = Page(limit=limit, cursor=cursor)
        listing = view(warden, "bob", partial(actions.search, wanted=wanted, page=page))
        seqs += [entry.seq for entry in listing.items]
        cursor = listing.next_cursor
        if cursor is None:
            break
    assert seqs == [entry.seq for entry in found(warden, **asked)]


@pytest.mark.parametrize(("scan", "limit"), [(1, 1), (4, 2), (20, 3), (60, 5)])
@pytest.mark.parametrize(
    "asked", [{"type": "ledger.*,model.*"}, {"subject": "model:churn", "outcome": "refused"}, {}]
)
def test_a_page_looks_at_so_many_rows_and_goes_on_below_them(
    sqlite_warden: Warden, asked: dict[str, str], scan: int, limit: int
) -> None:
    populate(sqlite_warden)
    wanted, seqs, below = actions.as_filter(asked), list[int](), queries.END
    for _ in range(1_000):
        read = partial(queries.page, wanted=wanted, below=below, limit=limit, scan=scan)
        page = view(sqlite_warden, "bob", read)
        seqs += page.seqs
        if page.below is None:
            break
        assert page.below < below
        below = page.below
    assert seqs == naive(sqlite_warden, **asked)


def test_a_cursor_of_another_list_is_refused(sqlite_warden: Warden) -> None:
    populate(sqlite_warden)
    with pytest.raises(CursorInvalid):
        view(
            sqlite_warden,
            "bob",
            lambda v: actions.search(v, actions.EntryFilter(), page=Page(cursor="Y2h1cm4")),
        )


def test_an_entry_comes_with_the_line_that_proves_its_hashes(warden: Warden) -> None:
    populate(warden)
    for seq in range(size(warden)):
        entry = view(warden, "bob", partial(actions.entry, seq=seq))
        line = parse_line(entry.line.encode())
        assert line.stored.seq == entry.seq == seq
        assert json.loads(line.stored.body) == entry.entry
        assert leaf_hash(line.stored.body).hex() == entry.leaf_hash
        assert chain(line.previous_hash, line.stored.leaf).hex() == entry.entry_hash


def test_an_entry_that_is_not_there_is_not_found(sqlite_warden: Warden) -> None:
    populate(sqlite_warden)
    with pytest.raises(NotFound):
        view(sqlite_warden, "bob", partial(actions.entry, seq=10_000))


def test_who_lacks_audit_read_reads_no_entry(sqlite_warden: Warden) -> None:
    populate(sqlite_warden)
    for action in (
        partial(actions.search, wanted=actions.EntryFilter(), page=ALL),
        partial(actions.entry, seq=0),
        actions.checkpoint,
        actions.vkeys,
        partial(actions.prove, seq=0),
        partial(actions.consistency, old=1),
    ):
        with pytest.raises(NotPermitted):
            view(sqlite_warden, "alice", action)


def with_scope(warden: Warden) -> None:
    """Let erin read the ledger of churn alone."""
    populate(warden)
    warden.add_user("erin")

    def grant(c: object) -> None:
        access.grant(c, "erin", "analyst", scope={"model": "churn"})  # type: ignore[arg-type]

    change(warden, "carol", grant)


def test_a_scoped_reader_has_to_name_a_model_of_the_scope(warden: Warden) -> None:
    with_scope(warden)
    with pytest.raises(NotPermitted, match="subject=model:NAME"):
        found(warden, "erin")
    with pytest.raises(NotPermitted, match="subject=model:NAME"):
        found(warden, "erin", subject="actor:alice")
    for subject in ("model:churn", "version:churn@1.1.0"):
        assert found(warden, "erin", subject=subject) == found(warden, subject=subject) != []
    for subject in ("model:fraud", "version:fraud@1.0.0", "model:none"):
        with pytest.raises(ModelNotFound):
            found(warden, "erin", subject=subject)


def test_a_scoped_reader_finds_no_entry_outside_the_scope(warden: Warden) -> None:
    with_scope(warden)
    inside = found(warden, subject="model:churn")[0].seq
    outside = found(warden, subject="model:fraud")[0].seq
    assert view(warden, "erin", partial(actions.entry, seq=inside)).seq == inside
    for seq in (outside, 0):
        with pytest.raises(NotFound):
            view(warden, "erin", partial(actions.entry, seq=seq))


def test_whoever_may_read_a_version_may_read_its_history(warden: Warden) -> None:
    populate(warden)
    read = partial(actions.history, model="churn", label="1.1.0", page=ALL)
    history = view(warden, "alice", read).items
    assert [entry.seq for entry in history] == naive(warden, subject="version:churn@1.1.0")
    of_model = view(warden, "alice", partial(actions.history, model="churn", page=ALL)).items
    assert [entry.seq for entry in of_model] == naive(warden, subject="model:churn")
    with pytest.raises(ModelNotFound):
        view(warden, "alice", partial(actions.history, model="none", page=ALL))
