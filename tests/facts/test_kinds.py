"""How a fact becomes the typed fields of an entry and the subjects that it is found under (LG-2, LG-4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from modelwarden.facts.kinds import (
    Code,
    Family,
    Kind,
    Outcome,
    Severity,
    fields_of,
    plain,
    subjects_of,
)
from modelwarden.values.ids import ActorId, ModelName, VersionName


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleWasTaken:
    """A sample."""

    model: ModelName
    versions: tuple[VersionName, ...]
    actor: ActorId | None
    figure: Decimal
    outcome: Outcome
    at: datetime
    marks: tuple[tuple[Code, Code], ...]


KIND = Kind(SampleWasTaken, Family.MODEL, Severity.INFO)
SAMPLE = SampleWasTaken(
    model=ModelName("churn"),
    versions=(VersionName("churn@1"), VersionName("churn@2")),
    actor=None,
    figure=Decimal("0.10"),
    outcome=Outcome.FAILED,
    at=datetime(2026, 11, 20, 13, tzinfo=timezone(timedelta(hours=1))),
    marks=((Code("a"), Code("b")),),
)


def test_the_type_is_the_first_word_and_the_rest() -> None:
    assert KIND.type == "sample.was_taken"


def test_fields_are_plain_and_what_is_none_is_left_out() -> None:
    assert fields_of(SAMPLE, KIND) == {
        "model": "churn",
        "versions": ["churn@1", "churn@2"],
        "figure": "0.10",
        "outcome": "failed",
        "at": "2026-11-20T12:00:00.000000Z",
        "marks": [["a", "b"]],
    }


def test_subjects_are_every_id_that_a_field_names() -> None:
    assert subjects_of(SAMPLE, KIND) == {
        ("model", "churn"),
        ("version", "churn@1"),
        ("version", "churn@2"),
    }


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("1E+3"), "1000"),
        (Decimal("0.00001"), "0.00001"),
        (True, True),
        (7, 7),
        (Severity.HIGH, "HIGH"),
        (datetime(2026, 11, 20, tzinfo=UTC), "2026-11-20T00:00:00.000000Z"),
        ({"a": None, "b": (Decimal(2),)}, {"b": ["2"]}),
    ],
)
def test_values_have_one_written_form(value: object, written: object) -> None:
    assert plain(value) == written


def test_what_has_no_written_form_is_left_for_the_canonical_walk_to_refuse() -> None:
    assert plain(1.5) == 1.5
