"""Parts and slots: any order adds up the same, contradictions and forgeries are refused by name."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import (
    SketchInvalid,
    SlotConflict,
    SlotInFuture,
    SlotInvalid,
    SlotRefused,
    SlotTooLate,
)
from modelwarden.guard import slot_report
from modelwarden.guard.fields import MAX_COUNT
from modelwarden.guard.slot_report import Report, read, write
from modelwarden.guard.slots import Counts, Part, Slot
from modelwarden.values import canonical
from modelwarden.values.sketch import Sketch

INSTANCE = "00112233445566ff"
MINUTE = 29_919_559
LIMITS = ("0.25", "0.5")


def counts_of(latencies: list[float], *, errors: int = 0, blocked: int = 0) -> Counts:
    return Counts(
        total=len(latencies) + blocked,
        errors=min(errors, len(latencies)),
        blocked=blocked,
        thresholds=LIMITS,
        bad=tuple(sum(value > float(limit) for value in latencies) for limit in LIMITS),
        sketch=Sketch.of(latencies),
    )


def part(number: int = 1, latencies: tuple[float, ...] = (0.1, 0.3, 0.7)) -> Part:
    return Part(
        sli="churn-latency",
        minute=MINUTE,
        number=number,
        counts=counts_of(list(latencies), errors=1),
    )


parts = st.builds(
    lambda number, latencies, errors, blocked, dropped: Part(
        sli="churn-latency",
        minute=MINUTE,
        number=number,
        counts=counts_of(latencies, errors=errors, blocked=blocked),
        dropped=dropped,
    ),
    st.integers(1, MAX_COUNT),
    st.lists(st.floats(0, 1e7)),
    st.integers(0, 3),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
)


def test_a_part_has_these_bytes() -> None:
    # indices -106, -55, -16 in zig-zag steps: 211, 102, 78, each with a count of one
    assert part().encode() == (
        b'{"bad":[2,1],"blocked":0,"dropped":0,"errors":1,"fallbacks":0,"invalid":0,'
        b'"minute":"2026-11-20T11:19:00.000000Z","part":1,"sketch":"AQoA0wEBZgFOAQ==",'
        b'"sli":"churn-latency","thresholds":["0.25","0.5"],"total":3}'
    )


@given(st.lists(parts, max_size=5, unique_by=lambda one: one.number), st.booleans())
def test_a_report_is_read_as_it_was_written(several: list[Part], closing: bool) -> None:
    ordered = tuple(sorted(several, key=lambda one: one.number))
    data = write(INSTANCE, [one.encode() for one in ordered], closing=closing)
    assert read(data) == Report(INSTANCE, ordered, closing)
    assert canonical.encode(canonical.parse(data)) == data


@given(st.lists(parts, min_size=1, max_size=6), st.randoms())
def test_slots_add_up_in_any_order(several: list[Part], rng: random.Random) -> None:
    slots = [Slot.of(one, reporter=f"r{at % 3}") for at, one in enumerate(several)]
    expected = reduce(Slot.added, slots)
    rng.shuffle(slots)
    assert reduce(Slot.added, slots) == expected
    half = len(slots) // 2
    if half:
        halves = (reduce(Slot.added, slots[:half]), reduce(Slot.added, slots[half:]))
        assert halves[1].added(halves[0]) == expected
    assert expected.counts.total == sum(one.counts.total for one in several)


def test_parts_told_three_times_in_random_order_give_the_same_slot() -> None:
    told = [part(number, (0.01 * number, 0.3)) for number in range(1, 9)] * 3
    found = set()
    for seed in range(20):
        random.Random(seed).shuffle(told)  # noqa: S311
        known: dict[int, str] = {}
        slot: Slot | None = None
        for one in told:
            if not one.is_repeat_of(known.get(one.number)):
                known[one.number] = one.sha256
                added = Slot.of(one, reporter="svc/1")
                slot = added if slot is None else slot.added(added)
        assert slot is not None
        found.add(slot)
    assert [slot.counts.total for slot in found] == [16]


def test_a_part_told_again_with_other_counts_is_a_conflict() -> None:
    first, other = part(), part(latencies=(0.1, 0.3, 0.8))
    assert first.is_repeat_of(first.sha256)
    assert not first.is_repeat_of(None)
    with pytest.raises(SlotConflict, match="told before"):
        other.is_repeat_of(first.sha256)


def test_only_minutes_near_now_are_taken() -> None:
    one = part()
    begun = one.starts
    assert begun == datetime.fromtimestamp(MINUTE * 60, UTC)
    one.check_time(begun - timedelta(minutes=2))
    one.check_time(begun + timedelta(hours=48))
    with pytest.raises(SlotInFuture):
        one.check_time(begun - timedelta(minutes=2, seconds=1))
    with pytest.raises(SlotTooLate):
        one.check_time(begun + timedelta(hours=48, seconds=1))


@pytest.mark.parametrize(
    "thresholds",
    [
        ("0",), ("0.0",), ("-1",), ("0.50",), ("1e3",), ("1.",), (".5",), ("",), ("nan",), ("inf",),
        ("0.5", "0.25"), ("0.5", "0.5"), tuple(str(n) for n in range(1, 10)), ("12345678",), ("٣",),
        ("1\n",),
    ],
    ids=repr,
)  # fmt: skip
def test_thresholds_of_another_form_are_refused(thresholds: tuple[str, ...]) -> None:
    with pytest.raises(SlotInvalid, match="thresholds"):
        Counts(thresholds=thresholds, bad=(0,) * len(thresholds))


@pytest.mark.parametrize(
    "wrong",
    [
        {"total": -1},
        {"total": MAX_COUNT + 1},
        {"total": 2},
        {"errors": 4},
        {"errors": 2, "fallbacks": 2},
        {"blocked": 1},
        {"invalid": 1},
        {"bad": (3, 4)},
        {"bad": (1, 2)},
        {"bad": (4, 1)},
        {"bad": (-1, -2)},
        {"bad": (1,)},
        {"bad": ()},
        {"sketch": Sketch(zero=4)},
    ],
    ids=repr,
)
def test_counts_that_contradict_each_other_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SlotInvalid):
        replace(counts_of([0.1, 0.3, 0.7], errors=1), **wrong)


def test_sums_over_the_most_and_of_other_thresholds_are_refused() -> None:
    full = Counts(total=MAX_COUNT)
    with pytest.raises(SlotInvalid, match="total"):
        full.added(Counts(total=1))
    with pytest.raises(SlotInvalid, match="thresholds"):
        Counts().added(Counts(thresholds=("1",), bad=(0,)))
    slot = Slot.of(part(), reporter="a")
    with pytest.raises(SlotInvalid, match="same SLI"):
        slot.added(replace(slot, minute=MINUTE + 1))
    with pytest.raises(SlotInvalid, match="dropped"):
        replace(slot, dropped=MAX_COUNT).added(replace(slot, dropped=1))


def report() -> dict[str, Any]:
    return json.loads(write(INSTANCE, [part(1).encode(), part(2).encode()]))


def changed(path: str, value: object) -> bytes:
    document: Any = report()
    *way, last = path.split(".")
    place = document
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value
    return json.dumps(document).encode()


WRONG: dict[str, tuple[str, object]] = {
    "schema 2": ("schema", 2),
    "schema true": ("schema", True),
    "closing as number": ("closing", 1),
    "instance in capitals": ("instance", INSTANCE.upper()),
    "instance with more": ("instance", INSTANCE + "00"),
    "instance as number": ("instance", 7),
    "parts as object": ("parts", {}),
    "a part as text": ("parts", ["x"]),
    "an unknown key": ("color", "red"),
    "an unknown key in a part": ("parts.0.color", "red"),
    "number zero": ("parts.0.part", 0),
    "negative number": ("parts.0.part", -1),
    "number as text": ("parts.0.part", "1"),
    "number as truth": ("parts.0.part", True),
    "same number twice": ("parts.1.part", 1),
    "falling numbers": ("parts.0.part", 3),
    "negative total": ("parts.0.total", -3),
    "total over 2^53 - 1": ("parts.0.total", 2**53),
    "total as float": ("parts.0.total", 3.0),
    "errors above total": ("parts.0.errors", 4),
    "bad above total": ("parts.0.bad", [4, 1]),
    "bad as text": ("parts.0.bad", "21"),
    "other thresholds than bad": ("parts.0.thresholds", ["0.25"]),
    "threshold as number": ("parts.0.thresholds", [1, 2]),
    "negative dropped": ("parts.0.dropped", -1),
    "empty sli": ("parts.0.sli", ""),
    "long sli": ("parts.0.sli", "x" * 329),
    "sli with a line break": ("parts.0.sli", "a\nb"),
    "sli with a lone surrogate": ("parts.0.sli", "\ud800"),
    "half a minute": ("parts.0.minute", "2026-11-20T11:19:30.000000Z"),
    "minute without zone": ("parts.0.minute", "2026-11-20T11:19:00.000000"),
    "minute that is none": ("parts.0.minute", "2026-02-30T13:20:00.000000Z"),
    "minute before 1970": ("parts.0.minute", "1969-12-31T23:59:00.000000Z"),
    "minute as number": ("parts.0.minute", MINUTE),
    "sketch that counts more": ("parts.0.sketch", "AQoE"),
    "sketch in bad base64": ("parts.0.sketch", "AQo"),
    "sketch with unused bits": ("parts.0.sketch", "AQoA0wEBZgFOAR=="),
    "sketch of another version": ("parts.0.sketch", "AgoA"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_report_with_one_wrong_field_is_refused(name: str) -> None:
    read(json.dumps(report()).encode())
    with pytest.raises(SlotRefused):
        read(changed(*WRONG[name]))


WHOLE = write(INSTANCE, [part().encode()])
NO_REPORTS = {
    "cut": WHOLE[:-1],
    "with more": WHOLE + b"{}",
    "not UTF-8": b"\xff" + WHOLE,
    "a key twice": WHOLE.replace(b'"schema":1', b'"schema":1,"schema":1'),
    "NaN": WHOLE.replace(b'"total":3', b'"total":NaN', 1),
    "deep": b"[" * 60_000,
    "nothing": b"",
    "over 64 KB": WHOLE + b" " * slot_report.MAX_BYTES,
    "a number without end": b'{"total":' + b"9" * 10_000 + b"}",
}


@pytest.mark.parametrize("name", NO_REPORTS)
def test_what_is_no_report_is_refused(name: str) -> None:
    assert read(WHOLE).parts == (part(),)
    with pytest.raises(SlotInvalid):
        read(NO_REPORTS[name])


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(SlotRefused):
        read(data)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_stays_a_valid_report(at: int, byte: int) -> None:
    data = bytearray(write(INSTANCE, [part().encode()]))
    data[at % len(data)] = byte
    try:
        found = read(bytes(data))
    except SlotRefused:
        return
    assert all(isinstance(one, Part) for one in found.parts)


def test_a_forged_sketch_is_named_as_such() -> None:
    with pytest.raises(SketchInvalid):
        read(changed("parts.0.sketch", "AQoA0wEA"))
