"""Search for words: what stands openly is found by plain words, and erasable texts only by who may read them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, text

from modelwarden.audit import indexing
from modelwarden.audit.words import asked, public_words, words_of
from modelwarden.errors import FilterInvalid, NotPermitted, SearchTooWide
from modelwarden.store.database import Database
from modelwarden.store.schema.ledger import follower_positions, texts
from modelwarden.warden.warden import open_warden
from tests.audit import sample
from tests.store.deeds import bodies

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.values.answers import EntryAnswer
    from modelwarden.warden.warden import Warden


def settle(warden: Warden) -> None:
    """Wait until the words of all entries are kept."""
    deadline = time.monotonic() + 60
    while sample.view(warden, "bob", indexing.indexed_to) < len(bodies(warden)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def said(items: tuple[EntryAnswer, ...]) -> list[str]:
    return [item.entry["fact"].get("ref", item.entry["type"]) for item in items]


@pytest.fixture
def house(warden: Warden) -> Warden:
    sample.populate(warden)
    warden.acting_as("carol").roles.define("reader", permissions=["personal.read", "audit.read"])
    warden.add_user("rita", roles=[])
    warden.acting_as("carol").roles.grant("rita", "reader", reason="she answers to the regulator")
    base = {"component": "RiskAgent", "action": "BLOCK_TRADE", "event_type": "RISK_DECISION"}
    records = [
        base | {"ref": "r-0", "details": {"why": "Volatility too high for Mr Smith"}},
        base | {"ref": "r-1", "component": "Pricer", "compliance_tags": ["MIFID_II"]},
        base | {"ref": "r-2", "event_type": "TRADE", "severity": "HIGH", "user_id": "trader one"},
    ]
    warden.audit.append(records)
    settle(warden)
    return warden


def test_words_phrases_and_filters_find_what_stands_openly(house: Warden) -> None:
    search = house.acting_as("bob").audit.search
    assert said(search(text="block_trade").items) == ["r-2", "r-1", "r-0"]
    assert said(search(text="risk decision pricer").items) == ["r-1"]
    assert said(search(text='"trade" RiskAgent', severity="HIGH").items) == ["r-2"]
    assert said(search(text='"decision risk"').items) == []
    assert said(search(text='"risk decision"', component="Pricer").items) == ["r-1"]
    assert said(search(text="mifid").items) == said(search(tag="MIFID_II").items) == ["r-1"]
    assert "version.registered" in said(search(text='churn "1.0.0"').items)
    assert said(search(component="RiskAgent").items) == ["r-2", "r-0"]
    assert said(search(subject="event:RISK_DECISION", component="RiskAgent").items) == ["r-0"]
    assert search(text="volatility").items == ()


def test_pages_go_on_below_and_say_how_far_the_index_is(house: Warden) -> None:
    search = house.acting_as("bob").audit.search
    first = search(text="trade", limit=2)
    assert said(first.items) == ["r-2", "r-1"]
    assert first.indexed_to is not None
    assert first.indexed_to >= first.items[0].seq + 1
    assert said(search(text="trade", limit=2, cursor=first.next_cursor).items) == ["r-0"]
    assert search(component="Pricer").indexed_to is None


@pytest.mark.parametrize(
    "typed",
    ["NOT trade", "trade OR x", "trade*", "words:trade", "NEAR(trade)", "^trade", "trade AND", "(trade",
     "'; DROP TABLE ledger_words; --", "trade & !x", "'trade':*", "\\", '"', '"""', 'a"b', "<->", "- trade",
     "trade\u2028x", "tra\u0000de"],
)  # fmt: skip
def test_no_query_language_can_be_typed(house: Warden, typed: str) -> None:
    search = house.acting_as("bob").audit.search
    try:
        found = search(text=typed)
    except FilterInvalid:
        return
    words = set(words_of(typed))
    for item in found.items:
        assert words <= set(public_words(json.dumps(item.entry).encode()))


@given(st.text(max_size=60))
def test_whatever_is_typed_is_cut_into_plain_words(typed: str) -> None:
    for phrase in asked(typed).phrases:
        assert all(word.isalnum() for word in phrase)


def test_texts_are_opened_only_for_who_may_read_them_and_it_is_recorded(house: Warden) -> None:
    with pytest.raises(NotPermitted):
        house.acting_as("bob").audit.search(text="volatility", include_texts=True)
    found = house.acting_as("rita").audit.search(text="VOLATILITY smith", include_texts=True)
    assert said(found.items) == ["r-0"]
    used = bodies(house)[-1]
    assert (used["type"], used["fact"]["permission"]) == ("access.used", "personal.read")
    assert used["fact"]["texts"] > 1
    both = house.acting_as("rita").audit.search(text="trader trade", include_texts=True)
    assert said(both.items) == ["r-2"]


def test_an_erased_text_is_found_no_more(house: Warden) -> None:
    rita = house.acting_as("rita").audit
    assert rita.search(text="smith", include_texts=True).items
    with house.store.database.writing() as connection:
        connection.execute(delete(texts))
    assert rita.search(text="smith", include_texts=True).items == ()


def test_too_many_texts_are_not_opened(house: Warden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelwarden.audit.texts.MOST_OPENED", 2)
    with pytest.raises(SearchTooWide):
        house.acting_as("rita").audit.search(text="nowhere", include_texts=True)
    narrow = house.acting_as("rita").audit.search(
        text="smith", include_texts=True, component="RiskAgent"
    )
    assert said(narrow.items) == ["r-0"]
    with pytest.raises(FilterInvalid):
        house.acting_as("rita").audit.search(include_texts=True)


def test_words_that_are_gone_are_kept_again(store_url: str, tmp_path: Path) -> None:
    with open_warden(store_url, keys_folder=tmp_path / "keys") as warden:
        warden.add_user("bob", roles=["auditor"])
        settle(warden)
    database = Database(store_url)
    with database.writing() as connection:  # as after a restore into another database
        connection.execute(text("DELETE FROM ledger_words_mark"))
        is_sqlite = connection.dialect.name == "sqlite"
        wipe = "INSERT INTO ledger_words (ledger_words) VALUES ('delete-all')"
        connection.execute(text(wipe if is_sqlite else "DELETE FROM ledger_words"))
        assert connection.execute(follower_positions.select()).first() is not None
    database.close()
    with open_warden(store_url, keys_folder=tmp_path / "keys") as warden:
        warden.add_user("eve", roles=[])
        settle(warden)
        found = warden.acting_as("bob").audit.search(text="ledger started").items
    assert said(found) == ["ledger.started"]
