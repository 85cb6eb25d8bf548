"""Records of other systems: told once each, all of a batch or none, found again by what they are about."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, select

from modelwarden.audit import actions
from modelwarden.errors import (
    NotPermitted,
    RecordConflict,
    RecordFromFuture,
    RecordInvalid,
    TooManyRecords,
)
from modelwarden.store.schema.external import records as refs
from modelwarden.store.schema.ledger import texts
from modelwarden.warden.warden import open_warden
from tests.audit import sample
from tests.store.deeds import bodies

if TYPE_CHECKING:
    from modelwarden.warden.warden import Warden


def record(ref: str = "r-1", **more: object) -> dict[str, Any]:
    given = {
        "ref": ref,
        "event_type": "RISK_DECISION",
        "component": "RiskAgent",
        "action": "BLOCK_TRADE",
    }
    return given | more


@pytest.fixture
def robot(warden: Warden) -> str:
    """Return a service account that may append."""
    warden.add_user("carol", roles=["admin"])
    warden.add_user("bob", roles=["auditor"])
    warden.add_user("dan", roles=["developer"])
    warden.acting_as("carol").roles.define("recorder", permissions=["audit.append"])
    return account(warden, "robot")


def account(warden: Warden, name: str) -> str:
    carol = warden.acting_as("carol")
    carol.service_accounts.add(name, owner="dan")
    carol.roles.grant(name, "recorder", reason="it records decisions")
    return name


def test_a_record_becomes_an_entry_of_the_account_that_handed_it_in(
    warden: Warden, robot: str
) -> None:
    happened = datetime.now(UTC) - timedelta(days=2)
    said = record(
        details={"symbol": "AAPL", "limit": 0.25, "reason": None},
        severity="HIGH",
        compliance_tags=["MIFID_II", "SOX"],
        timestamp=happened,
        user_id="trader1",
    )
    answer = warden.acting_as(robot).audit.append([said])
    assert (answer.recorded, answer.repeated) == (1, 0)
    body = bodies(warden)[answer.records[0].seq]
    assert (body["type"], body["severity"]) == ("external.recorded", "HIGH")
    assert body["tags"] == ["MIFID_II", "SOX"]
    assert (body["actor"]["kind"], "trader1" in str(body)) == ("service", False)
    fact = body["fact"]
    assert (fact["event"], fact["component"], fact["action"], fact["ref"]) == (
        "RISK_DECISION", "RiskAgent", "BLOCK_TRADE", "r-1",
    )  # fmt: skip
    words = sample.view(warden, "bob", lambda view: view.words(fact["details"]))
    assert words == '{"limit":0.25,"reason":null,"symbol":"AAPL"}'
    assert sample.view(warden, "bob", lambda view: view.words(fact["user"])) == "trader1"
    assert fact["occurred_at"].startswith(happened.strftime("%Y-%m-%dT%H:%M:%S"))


def test_a_record_that_comes_again_is_answered_with_its_first_entry(
    warden: Warden, robot: str
) -> None:
    room = warden.acting_as(robot).audit
    first = room.append([record("a", details={"n": 1}), record("b", user_id="x")])
    size = len(bodies(warden))
    again = room.append([record("a", details={"n": 1}), record("b", user_id="x")])
    assert [one.seq for one in again.records] == [one.seq for one in first.records]
    assert (again.recorded, again.repeated) == (0, 2)
    assert len(bodies(warden)) == size
    mixed = room.append([record("a", details={"n": 1}), record("c"), record("c")])
    assert [one.repeated for one in mixed.records] == [True, False, True]
    assert mixed.records[1].seq == mixed.records[2].seq == size


@pytest.mark.parametrize(
    "other",
    [
        {"details": {"n": 2}},
        {"details": {"n": 1}, "severity": "HIGH"},
        {"details": {"n": 1}, "action": "ALLOW"},
        {"details": {"n": 1}, "compliance_tags": ["SOX"]},
        {"details": {"n": 1}, "user_id": "someone"},
        {},
    ],
)
def test_other_content_under_the_same_ref_is_refused(
    warden: Warden, robot: str, other: dict[str, Any]
) -> None:
    room = warden.acting_as(robot).audit
    room.append([record("a", details={"n": 1})])
    size = len(bodies(warden))
    with pytest.raises(RecordConflict) as refused:
        room.append([record("fresh"), record("a", **other)])
    assert refused.value.number == 1
    assert len(bodies(warden)) == size


def test_two_contents_under_one_ref_of_one_batch_are_refused(warden: Warden, robot: str) -> None:
    with pytest.raises(RecordConflict):
        warden.acting_as(robot).audit.append([record("a"), record("a", severity="HIGH")])


def test_each_account_has_refs_of_its_own(warden: Warden, robot: str) -> None:
    other = account(warden, "robot2")
    first = warden.acting_as(robot).audit.append([record("a", severity="HIGH")])
    second = warden.acting_as(other).audit.append([record("a")])
    assert first.records[0].seq < second.records[0].seq


def test_what_was_erased_meanwhile_still_counts_as_recorded(warden: Warden, robot: str) -> None:
    room = warden.acting_as(robot).audit
    said = record("a", details={"who": "alice"})
    first = room.append([said])
    with warden.store.database.writing() as connection:
        connection.execute(delete(texts))
    assert room.append([said]).records[0].seq == first.records[0].seq


def test_a_claim_that_names_somebody_known_is_kept_as_about_them(
    warden: Warden, robot: str
) -> None:
    room = warden.acting_as(robot).audit
    room.append([record("a", user_id="dan"), record("b", user_id="a stranger")])
    dan = warden.acting_as("dan").users.me().person
    with warden.store.database.reading() as connection:
        rows = connection.execute(select(texts.c.commitment, texts.c.about)).all()
    about = {row.commitment: row.about for row in rows}
    told = [b["fact"]["user"] for b in bodies(warden) if b["type"] == "external.recorded"]
    assert [about[commitment] for commitment in told] == [dan, None]


def test_nobody_appends_without_the_permission(warden: Warden, robot: str) -> None:
    assert robot
    for name in ("carol", "bob"):
        with pytest.raises(NotPermitted):
            warden.acting_as(name).audit.append([record()])


def test_more_than_a_thousand_are_refused_and_a_thousand_are_taken(
    warden: Warden, robot: str
) -> None:
    room = warden.acting_as(robot).audit
    many = [record(f"r-{number}", details={"n": number}) for number in range(1_001)]
    with pytest.raises(TooManyRecords):
        room.append(many)
    answer = room.append(many[:1_000])
    seqs = [one.seq for one in answer.records]
    assert seqs == list(range(seqs[0], seqs[0] + 1_000))


def test_a_record_of_tomorrow_is_refused(warden: Warden, robot: str) -> None:
    room = warden.acting_as(robot).audit
    room.append([record("soon", timestamp=datetime.now(UTC) + timedelta(minutes=4))])
    with pytest.raises(RecordFromFuture) as refused:
        room.append([record("a"), record("b", timestamp=datetime.now(UTC) + timedelta(minutes=6))])
    assert refused.value.number == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_type", "model.registered"), ("event_type", "external.recorded"), ("event_type", ""),
        ("component", "modelwarden"), ("component", "ModelWarden.audit"), ("component", "a b"),
        ("action", "x\n"), ("action", "drop table; --"), ("ref", "a b"), ("ref", "alice@example.org"),
        ("ref", None), ("severity", "high"), ("severity", 3), ("compliance_tags", "SOX"),
        ("compliance_tags", ["a,b"]), ("compliance_tags", ["x" * 65]), ("compliance_tags", ["t"] * 17),
        ("details", "words"), ("details", {"n": math.nan}), ("details", {"n": 2**53}),
        ("details", {"\ud800": 1}), ("details", {"x": "\ud800"}), ("details", {"x": "y" * 20_000}),
        ("details", {1: 2}), ("details", {"x": object()}), ("timestamp", "yesterday"),
        ("timestamp", "2026-11-20T11:00:00"), ("timestamp", "0001-01-01T00:00:00+14:00"),
        ("timestamp", 12), ("user_id", ""), ("user_id", "x" * 257), ("user_id", "\udfff"), ("actor", "root"),
    ],
)  # fmt: skip
def test_what_has_no_form_is_refused_with_its_number(field: str, value: object) -> None:
    with pytest.raises(RecordInvalid) as refused:
        actions.as_records([record(), record("r-2") | {field: value}])
    assert refused.value.number == 1


def test_allow_listed_details_stand_openly_if_they_are_words(sqlite_warden: Warden) -> None:
    settings = sqlite_warden.settings
    url = settings.url
    sqlite_warden.close()
    with open_warden(url, audit_open_details=("symbol", "note", "limit")) as opened:
        said = record(details={"symbol": "AAPL", "note": "call Bob Smith", "limit": 0.5, "x": "y"})
        answer = opened.audit.append([said])
        fact = bodies(opened)[answer.records[0].seq]["fact"]
    assert fact["open"] == [["limit", "0.5"], ["symbol", "AAPL"]]


def test_refs_that_are_gone_or_made_up_are_found(warden: Warden, robot: str) -> None:
    room = warden.acting_as(robot).audit
    room.append([record("a"), record("b")])
    bob = warden.acting_as("bob").audit
    assert bob.verify(strict=True, state=True).ok
    with warden.store.database.writing() as connection:
        connection.execute(delete(refs).where(refs.c.ref == "a"))
        connection.execute(refs.insert(), {"actor": "x", "ref": "y", "id": "rec_z"})
    found = bob.verify(state=True)
    assert {one.code for one in found.problems} == {"evidence_mismatch"}
    assert len(found.problems) == 2
