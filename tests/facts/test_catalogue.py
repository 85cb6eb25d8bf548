"""Facts: typed fields without room for words, stable names, one family and severity each (LG-4, LG-5)."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from modelwarden.facts import (
    access,
    approvals,
    deployments,
    external,
    github,
    keys,
    ledger,
    notify,
    policies,
    privacy,
    registry,
    safeguards,
    servicenow,
    sinks,
    sla,
    targets,
    triggers,
    use_cases,
    witness,
)
from modelwarden.facts.catalogue import KINDS, SOURCE_NAMES, TYPES
from modelwarden.facts.kinds import SUBJECT_KINDS, Family, Kind, Severity
from modelwarden.values import ids

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "facts.json"
ROOMS: Final = (
    access, approvals, deployments, external, github, keys, ledger, notify, policies, privacy, registry, safeguards,
    servicenow, sinks, sla, targets, triggers, use_cases, witness,
)  # fmt: skip
PLAIN: Final = {"int", "bool", "Decimal", "datetime", "Code", "KeyText", "OriginName"}
IDS: Final = {
    name
    for name, value in vars(ids).items()
    if getattr(value, "__supertype__", None) is str and name not in {"Label", "TextId"}
}
KIND_LIST: Final = sorted(KINDS.values(), key=lambda kind: kind.type)
FOUND: Final = pytest.mark.parametrize("kind", KIND_LIST, ids=[kind.type for kind in KIND_LIST])


def _words(kind: Kind) -> Iterator[str]:
    for field in dataclasses.fields(kind.fact):
        yield from re.findall(r"\w+", str(field.type))


@FOUND
def test_no_field_has_room_for_words(kind: Kind) -> None:
    assert set(_words(kind)) <= PLAIN | IDS | {"tuple", "None"}


@FOUND
def test_a_fact_is_a_frozen_value_that_says_what_happened(kind: Kind) -> None:
    assert kind.fact.__dataclass_params__.frozen
    assert kind.fact.__slots__ == tuple(kind.field_names)
    assert (kind.fact.__doc__ or "").strip().endswith((".", ")"))


@FOUND
def test_the_type_is_made_from_the_class(kind: Kind) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", kind.type)
    assert kind.type.replace(".", "").replace("_", "") == kind.fact.__name__.lower()
    assert TYPES[kind.type] is kind


def test_every_fact_of_a_room_stands_in_its_table() -> None:
    declared: set[type[Any]] = {
        value
        for room in ROOMS
        for value in vars(room).values()
        if isinstance(value, type)
        and value.__module__ == room.__name__
        and dataclasses.is_dataclass(value)
    }
    assert declared == set(KINDS)


def test_no_two_facts_have_one_type() -> None:
    assert len(TYPES) == len(KINDS) == sum(len(room.KINDS) for room in ROOMS)


def test_types_families_and_severities_are_those_that_ledgers_hold() -> None:
    known = {
        kind.type: [kind.family.value, kind.severity.value, sorted(kind.field_names)]
        for kind in KIND_LIST
    }
    golden = json.loads(GOLDEN.read_text("utf-8"))
    assert {name: known.get(name) for name in golden} == golden, "a type never changes or goes"
    assert sorted(set(known) - set(golden)) == [], "a new type is added to tests/golden/facts.json"


def test_source_names_lead_to_types_that_exist() -> None:
    assert {name for names in SOURCE_NAMES.values() for name in names} <= set(TYPES)


def test_whatever_an_entry_is_found_under_is_an_id() -> None:
    assert set(SUBJECT_KINDS) <= IDS
    assert len(set(SUBJECT_KINDS.values())) == len(SUBJECT_KINDS)


@pytest.mark.parametrize(
    ("fact", "severity"),
    [
        ("access.denied", Severity.WARNING),
        ("deployment.rolled_back", Severity.HIGH),
        ("ledger.restored", Severity.HIGH),
        ("ledger.verification_failed", Severity.CRITICAL),
        ("key.compromised", Severity.CRITICAL),
        ("bypass.detected", Severity.CRITICAL),
    ],
)
def test_what_matters_most_is_marked_so(fact: str, severity: Severity) -> None:
    assert TYPES[fact].severity is severity


def test_refusals_belong_to_access() -> None:
    assert TYPES["access.denied"].family is Family.ACCESS
