"""What a search may ask for, and what is refused. Without a database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.audit.search import FILTERS, EntryFilter, as_filter, types_of
from modelwarden.errors import FilterInvalid
from modelwarden.facts.catalogue import SOURCE_NAMES, TYPES
from modelwarden.facts.kinds import Family, Outcome, Severity


def test_nothing_asked_is_everything() -> None:
    assert as_filter({}) == EntryFilter()
    assert as_filter(dict.fromkeys(FILTERS)).is_empty


def test_each_type_stands_for_itself() -> None:
    assert all(types_of(name) == (name,) for name in TYPES)


@pytest.mark.parametrize(
    "family", [f for f in Family if any(k.family is f for k in TYPES.values())]
)
def test_a_family_stands_for_its_types(family: Family) -> None:
    assert set(types_of(family.value)) == {n for n, k in TYPES.items() if k.family is family}


def test_a_star_stands_for_all_types_of_a_noun() -> None:
    found = types_of("model.*")
    assert "model.registered" in found
    assert all(name.startswith("model.") for name in found)


@pytest.mark.parametrize("name", SOURCE_NAMES)
def test_a_source_name_stands_for_our_types(name: str) -> None:
    assert types_of(name) != ()
    assert set(types_of(name)) <= set(TYPES)


def test_types_and_families_join_without_repeats() -> None:
    wanted = as_filter({"type": "model.registered,model.*", "family": "model"})
    assert len(set(wanted.types)) == len(wanted.types)
    assert set(types_of("model")) == set(wanted.types)


@pytest.mark.parametrize(
    "asked",
    [
        {"text": "- *"},
        {"component": ""},
        {"sort": "at"},
        {"type": "no.such_type"},
        {"type": "*"},
        {"type": "model.*.x"},
        {"type": ""},
        {"severity": "SEV1"},
        {"outcome": "maybe"},
        {"tag": "a b"},
        {"subject": "churn"},
        {"subject": "model:"},
        {"subject": "Model:churn"},
        {"actor": ""},
        {"actor": "a" * 129},
        {"actor": "a\nb"},
        {"since": "yesterday"},
        {"since": 5},
        {"until": "2026-13-01"},
        {"first": -1},
        {"first": "1.5"},
        {"last": True},
        {"last": "1" * 19},
    ],
)
def test_what_is_no_filter_is_refused_by_name(asked: dict[str, object]) -> None:
    with pytest.raises(FilterInvalid) as refused:
        as_filter(asked)
    assert refused.value.name in asked


def test_values_come_as_text_or_as_what_they_are() -> None:
    day = datetime(2026, 11, 20, tzinfo=UTC)
    written = as_filter(
        {
            "user_id": "alice",
            "subject": "version:churn@1.4.0",
            "severity": "critical,HIGH",
            "outcome": "refused",
            "tag": "MIFID_II",
            "since": "2026-11-20",
            "first": "3",
        }
    )
    assert written == EntryFilter(
        actor="alice",
        subject=("version", "churn@1.4.0"),
        severities=(Severity.HIGH, Severity.CRITICAL),
        outcome=Outcome.REFUSED,
        tag="MIFID_II",
        since=day,
        first=3,
    )
    assert as_filter({"since": day, "severity": ["HIGH"], "first": 3}).since == day


def test_until_a_day_means_to_its_end() -> None:
    until = as_filter({"until": "2026-11-20"}).until
    assert until == datetime(2026, 11, 20, 23, 59, 59, 999_999, tzinfo=UTC)
    assert as_filter({"until": "2026-11-20T12:00:00Z"}).until == datetime(
        2026, 11, 20, 12, tzinfo=UTC
    )


@given(st.dictionaries(st.sampled_from(FILTERS), st.text(max_size=40)))
def test_any_text_is_a_filter_or_is_refused(asked: dict[str, str]) -> None:
    try:
        found = as_filter(asked)
    except FilterInvalid:
        return
    assert isinstance(found, EntryFilter)
