"""Words of pages: what people read of scopes and of time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from modelwarden.console.drill_pages import ENDED, MISSED
from modelwarden.console.shown import standing
from modelwarden.console.trigger_words import CAME, DOES, figure_words, why_words
from modelwarden.console.words import (
    clock,
    gets_words,
    milliseconds,
    number,
    percent,
    scope_words,
    sentence,
    span,
)
from modelwarden.safeguards.drills.drill import Cause
from modelwarden.safeguards.triggers.ladder import Act, Step
from modelwarden.values.guards import ConfirmationsAnswer


def switch(**fields: Any) -> Any:  # noqa: ANN401 - stands in for a switch's answer, of which three fields are read
    given = {"everything": False, "environment": "production", "scope": {}, "exception": {}}
    return SimpleNamespace(**(given | {"action": "block", "fallback": ()} | fields))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"everything": True}, "everything in production"),
        ({"scope": {"model": ["churn"], "region": ["eu", "us"]}}, "churn, region eu or us"),
        ({"scope": {"model_type": {"prefix": "class"}}}, "model type beginning with class"),
        (
            {"scope": {"model": {"not_in": ["a", "b"]}}, "exception": {"segment": ["vip"]}},
            "model other than a or b; not segment vip",
        ),
    ],
    ids=["everything", "values", "prefix", "exception"],
)
def test_a_scope_is_said_as_people_say_it(fields: dict[str, Any], words: str) -> None:
    assert scope_words(switch(**fields)) == words


def test_what_callers_get_is_said_in_order() -> None:
    assert gets_words(switch()) == "no prediction"
    steps = ("last_known_good", "default")
    assert gets_words(switch(fallback=steps)) == "the last known good value, else the default value"


@pytest.mark.parametrize(
    ("seconds", "as_clock", "as_span"),
    [
        (-5, "0:00:00", "0 s"),
        (59.9, "0:00:59", "59 s"),
        (8_062, "2:14:22", "2 h 14 min"),
        (1_037_105, "12 d 0:05:05", "12 d"),
    ],
)
def test_time_is_said_with_its_units(seconds: float, as_clock: str, as_span: str) -> None:
    assert (clock(seconds), span(seconds)) == (as_clock, as_span)


def test_short_times_and_long_numbers() -> None:
    assert [milliseconds(count) for count in (0, 999, 1_800, 240_000)] == [
        "0 ms",
        "999 ms",
        "1.8 s",
        "4 min",
    ]
    assert number(1_234_567) == "1,234,567"


@pytest.mark.parametrize(
    ("confirmed", "expected", "marks", "good"),
    [(41, 42, 42, 41), (999, 1_000, 60, 59), (1_000, 1_000, 60, 60), (0, 0, 0, 0)],
)
def test_no_mark_of_many_is_good_before_all_that_it_stands_for_are(
    confirmed: int, expected: int, marks: int, good: int
) -> None:
    counts = ConfirmationsAnswer(
        switch="swi_1", state="open", entry=1, epoch=1, confirmed=confirmed, expected=expected, lost=0, guards=()
    )  # fmt: skip
    shown = standing(counts, 0).marks
    assert (len(shown), sum(shown)) == (marks, good)


def test_shares_figures_and_sentences_carry_their_units() -> None:
    assert [percent(part) for part in (0.1, 0.125, 0.0002, 1)] == [
        "10\xa0%", "12.5\xa0%", "0.02\xa0%", "100\xa0%",
    ]  # fmt: skip
    assert figure_words("psi", "0.610000") == "0.61"
    assert figure_words("slo_burn", 14.4) == "14.4 times"
    assert figure_words("error_rate", "0.196000") == "19.6\xa0%"
    assert sentence("the largest PSI* of a feature") == "The largest PSI* of a feature"
    assert sentence("") == ""


def test_why_no_more_was_done_is_said_or_named_by_its_code() -> None:
    assert why_words(None) == ""
    assert why_words("too_wide") == "more traffic than it may stop by itself"
    assert why_words("not_permitted") == "its account was refused: not_permitted"


def test_every_step_act_and_cause_has_its_words() -> None:
    assert set(DOES) == set(Step)
    assert set(CAME) == set(Act)
    assert set(ENDED) >= set(Cause)
    assert set(MISSED) == {"struck", "detect", "activate", "confirm"}
