"""Slots add up in any order and grouping; who is expected is a matter of who was heard; seals tell every change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import ValueInvalid
from modelwarden.sla.sli import ResourceType, Sli, guarded
from modelwarden.sla.slot import (
    FIVE,
    HOUR,
    SILENT,
    WHOLE,
    Presence,
    Slot,
    all_of,
    seal,
    seen,
    summed,
    widened,
)
from modelwarden.values.ids import ActorId, SliName
from tests.sla.reporting import at, counts

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST = 498_660 * HOUR
SETS = (("0.25", "0.5"), ("0.25",), ("0.1", "0.5"))


@st.composite
def slot(draw: st.DrawFn) -> Slot:
    latencies = draw(st.lists(st.floats(1e-6, 100), max_size=5))
    split = draw(st.integers(0, len(latencies)))
    made = counts(
        latencies,
        thresholds=draw(st.sampled_from(SETS)),
        errors=split,
        blocked=draw(st.integers(0, 9)),
    )
    return Slot(
        sli=draw(st.sampled_from(("a", "b"))),
        start=FIRST + draw(st.integers(0, HOUR - 1)),
        counts=made,
        dropped=draw(st.integers(0, 3)),
    )


@given(st.lists(slot(), max_size=12), st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_order_and_any_grouping_gives_the_same_bytes(
    slots: list[Slot], random: object, size: int
) -> None:
    shuffled = list(slots)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    groups = [shuffled[n : n + size] for n in range(0, len(shuffled), size)]
    by_steps = widened(widened([s for g in groups for s in summed(g)], FIVE), HOUR)
    at_once = widened(slots, HOUR)
    assert [s.encode() for s in by_steps] == [s.encode() for s in at_once]
    assert seal(by_steps) == seal(reversed(at_once))
    assert sum(s.counts.total for s in at_once) == sum(s.counts.total for s in slots)


@given(st.lists(slot(), min_size=1, max_size=6), st.data())
def test_a_seal_tells_every_change(slots: list[Slot], data: st.DataObject) -> None:
    sealed = widened(slots, HOUR)
    at_place = data.draw(st.integers(0, len(sealed) - 1))
    one = sealed[at_place]
    changed = data.draw(
        st.sampled_from(
            [
                replace(one, dropped=one.dropped + 1),
                replace(one, seen=1),
                replace(one, start=one.start + HOUR),
                replace(one, counts=replace(one.counts, total=one.counts.total + 1)),
            ]
        )
    )
    assert seal([*sealed[:at_place], changed, *sealed[at_place + 1 :]]) != seal(sealed)
    assert seal(sealed[1:]) != seal(sealed)


def test_thresholds_that_one_side_lacks_are_left_out() -> None:
    both = all_of(
        Slot(sli="a", start=FIRST, counts=counts((0.3, 0.6), thresholds=t)) for t in SETS[::2]
    )
    assert both is not None
    assert (both.thresholds, both.bad, both.total) == (("0.5",), (2,), 4)


def heard(minutes: Mapping[int, str]) -> list[Presence]:
    """Return presences of reporters by letter, heard in minutes from FIRST on; capitals sign off."""
    rows: dict[tuple[int, int], Presence] = {}
    for minute, letters in minutes.items():
        for letter in letters:
            reporter = ord(letter.lower())
            hour, bit = divmod(FIRST + minute, HOUR)
            row = rows.get((hour, reporter), Presence("a", hour, reporter, 0))
            closed = bit if letter.isupper() else row.closed
            rows[hour, reporter] = row._replace(heard=row.heard | 1 << bit, closed=closed)
    return list(rows.values())


def naive(minutes: Mapping[int, str], since: int, until: int) -> list[int]:
    """Follow each reporter minute by minute."""
    found = []
    for now in range(since, until):
        expected = here = 0
        for letter in {letter.lower() for letters in minutes.values() for letter in letters}:
            last = [m for m, letters in minutes.items() if m <= now and letter in letters.lower()]
            if not last or now - max(last) > SILENT:
                continue
            signed_off = any(letter.upper() in minutes[m] for m in last) and max(
                m for m in last if letter.upper() in minutes[m]
            ) == max(last)
            if signed_off and now > max(last):
                continue
            expected += 1
            here += max(last) == now
        found.append(WHOLE * here // max(1, expected))
    return found


@given(
    st.dictionaries(
        st.integers(-SILENT, 130), st.text(alphabet="abc", min_size=1, max_size=3), max_size=40
    ),
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 130), max_size=3),
)
def test_who_is_expected_is_as_a_naive_follower_says(
    minutes: dict[int, str], ends: dict[str, int]
) -> None:
    told = {m: "".join(sorted({*letters})) for m, letters in minutes.items()}
    for letter, end in ends.items():  # a sign-off comes with the last minute before it
        before = [m for m, letters in told.items() if letter in letters and m <= end]
        if before:
            told[max(before)] = told[max(before)].replace(letter, letter.upper())
    assert seen(heard(told), FIRST, FIRST + 120) == naive(told, 0, 120)


def test_silence_counts_for_fifteen_minutes_and_a_sign_off_for_none() -> None:
    both = dict.fromkeys(range(10), "ab")
    assert seen(heard(both), FIRST, FIRST + 10) == [WHOLE] * 10
    silent = both | dict.fromkeys(range(10, 40), "a")
    assert seen(heard(silent), FIRST, FIRST + 40) == [
        *[WHOLE] * 10,
        *[WHOLE // 2] * SILENT,
        *[WHOLE] * 15,
    ]
    signed_off = both | {9: "aB"} | dict.fromkeys(range(10, 40), "a")
    assert seen(heard(signed_off), FIRST, FIRST + 40) == [WHOLE] * 40


def test_where_nobody_is_expected_somebody_is() -> None:
    assert seen([], FIRST, FIRST + 3) == [0, 0, 0]
    assert seen(heard({0: "A"}), FIRST, FIRST + 3) == [WHOLE, 0, 0]


def test_what_guards_of_a_model_count_has_one_name_each() -> None:
    for name in ("guard:churn", "guard:churn@staging"):
        found = guarded(name)
        assert found is not None
        assert found.name == name
    for name in ("guard:churn@production", "guard:", "guard:A", "churn", "guard:churn@"):
        assert guarded(name) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"resource": "Churn!"},
        {"resource_type": ResourceType.VERSION},
        {"labels": {"Team": "x"}},
        {"labels": {"team": "a\nb"}},
        {"labels": {"environment": "moon"}},
        {"labels": {f"l{n}": "x" for n in range(17)}},
        {"thresholds": ("0.5", "0.25")},
        {"thresholds": ("0.50",)},
        {"thresholds": ("nan",)},
        {"thresholds": tuple(f"{n}" for n in range(1, 10))},
    ],
    ids=["model", "version", "name", "value", "place", "many", "falls", "long", "nan", "nine"],
)
def test_a_definition_has_its_form(wrong: dict[str, object]) -> None:
    whole: dict[str, object] = {
        "name": SliName("x"), "resource_type": ResourceType.MODEL, "resource": "churn", "labels": {},
        "thresholds": (), "defined_by": ActorId("usr_1"), "defined_at": at(FIRST),
    }  # fmt: skip
    with pytest.raises(ValueInvalid):
        Sli(**(whole | wrong))  # type: ignore[arg-type]
