"""Drift counts in a process and on the wire: exact beside races, once beside repeats, refused when forged."""

from __future__ import annotations

import json
import math
import os
import random
import sys
import threading
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import DriftInvalid
from modelwarden.guard import drift_flush
from modelwarden.guard.drift import Categories, Edges, FrozenEdges
from modelwarden.guard.drift_counter import DriftCounter
from modelwarden.guard.drift_flush import DriftCounts, DriftFlush, Received, read

MINUTE = 29_919_559
AGE, COLOR = Edges(0.0, (10.0, 20.0)), Categories(("red", "green"))
EDGES = FrozenEdges((("age", AGE), ("color", COLOR)))
OTHER = FrozenEdges((("age", COLOR), ("color", AGE)))


def heard(messages: list[bytes]) -> DriftCounts:
    """What a far end holds after hearing these in any order, each perhaps several times."""
    known: dict[str, Received] = {}
    total = DriftCounts(EDGES.sha256)
    for message in messages:
        flush = read(message)
        flush.counts.check(EDGES)
        after = known.get(flush.instance, Received()).after(flush.sequence)
        if after is not None:
            known[flush.instance] = after
            total = total.added(flush.counts)
    return total


def cells(counts: DriftCounts) -> dict[tuple[str | None, str], tuple[int, ...]]:
    return dict(counts.cells)


def test_a_batch_is_counted_whole_and_by_region() -> None:
    counter = DriftCounter(EDGES)
    counter.observe_batch(
        {"age": np.array([5.0, 15, 25, np.nan]), "color": ["red", "blue", "green", None]},
        by=["eu", "us", "eu", None],
    )
    assert cells(heard(counter.flush(minute=MINUTE))) == {
        ("eu", "age"): (1, 0, 0, 0, 1),
        ("eu", "color"): (1, 1, 0),
        ("us", "age"): (0, 1, 0, 0, 0),
        ("us", "color"): (0, 0, 1),
        (None, "age"): (0, 0, 1, 0, 0),
        (None, "color"): (0, 0, 1),
    }


@pytest.mark.parametrize("kind", ["list", "array", "series"])
def test_a_batch_counts_as_its_rows_one_by_one(kind: str) -> None:
    rng = random.Random(5)  # noqa: S311
    ages = [rng.choice([rng.uniform(-5, 30), math.nan, math.inf]) for _ in range(1_000)]
    regions = [rng.choice(["eu", "us", "apac"]) for _ in range(1_000)]
    one_by_one, batch = DriftCounter(EDGES, share=1), DriftCounter(EDGES)
    for age, region in zip(ages, regions, strict=True):
        one_by_one.observe({"age": age, "color": region}, by=region)
    wrap: Any = {"list": list, "array": np.array, "series": pd.Series}[kind]
    batch.observe_batch({"age": wrap(ages), "color": wrap(regions)}, by=wrap(regions))
    assert heard(batch.flush(minute=MINUTE)) == heard(one_by_one.flush(minute=MINUTE))
    assert (batch.faults, one_by_one.faults) == (0, 0)


def test_single_rows_are_sampled_at_a_tenth_without_a_rhythm() -> None:
    counter = DriftCounter(EDGES)
    state = random.getstate()
    for at in range(100_000):
        counter.observe({"age": float(at % 10 * 3), "color": "red"})
    assert random.getstate() == state
    found = cells(heard(counter.flush(minute=MINUTE)))
    assert 9_000 < sum(found[None, "age"]) < 11_000  # 10 standard deviations
    assert min(found[None, "age"][:2]) > 2_000  # a row in ten of period ten would fill one cell


def test_an_absent_feature_is_missing_and_a_bad_row_is_a_fault() -> None:
    counter = DriftCounter(EDGES, share=1)
    counter.observe({"color": "red", "unknown": 3})
    counter.observe(None)  # type: ignore[arg-type]
    counter.observe_batch({"age": 7})  # type: ignore[dict-item]
    counter.observe_batch({"age": [1.0, 2.0]}, by=["eu"])
    found = cells(heard(counter.flush(minute=MINUTE)))
    assert found[None, "age"] == (0, 0, 1, 0, 0)
    assert counter.faults == 2


def test_a_million_regions_are_the_first_32_and_the_rest() -> None:
    counter = DriftCounter(FrozenEdges((("age", AGE),)), share=1)
    for at in range(100_000):
        counter.observe({"age": 1.0}, by=f"r{at}")
    names = [f"r{at}" for at in range(1_000_000)]
    counter.observe_batch({"age": np.ones(1_000_000)}, by=names[:20_000])
    (message,) = counter.flush(minute=MINUTE)
    found = cells(read(message).counts)
    assert len(found) == 33
    assert sum(map(sum, found.values())) == 120_000
    assert found["r0", "age"][0] == 2


def test_what_is_no_region_counts_with_the_rest() -> None:
    class Text(str):
        __slots__ = ()

        def __hash__(self) -> int:
            raise RuntimeError("no")

    counter = DriftCounter(EDGES, share=1)
    for by in (None, 7, "x" * 201, ["eu"], Text("eu")):
        counter.observe({"age": 1.0}, by=by)  # type: ignore[arg-type]
    found = cells(heard(counter.flush(minute=MINUTE)))
    assert (sum(found[None, "age"]), sum(found["eu", "age"])) == (4, 1)


def test_eight_racing_threads_lose_no_row() -> None:
    each, done = 20_000, threading.Event()
    counter = DriftCounter(EDGES, share=1)
    messages: list[bytes] = []

    def work(number: int) -> None:
        for at in range(each):
            counter.observe({"age": 5.0, "color": "red"}, by=f"r{number}")
            if at % 1_000 == 0:
                counter.observe_batch({"age": np.full(10, 15.0)})

    def flush() -> None:
        while not done.is_set():
            messages.extend(counter.flush(minute=MINUTE))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        flusher = threading.Thread(target=flush)
        for thread in (*workers, flusher):
            thread.start()
        for thread in workers:
            thread.join()
        done.set()
        flusher.join()
    finally:
        sys.setswitchinterval(before)
    messages.extend(counter.flush(minute=MINUTE))
    found = cells(heard(messages))
    assert counter.faults == 0
    assert [found[f"r{number}", "age"][0] for number in range(8)] == [each] * 8
    assert found[None, "age"] == (0, 8 * each // 1_000 * 10, 0, 0, 0)


def test_racing_threads_do_not_stop_the_sample() -> None:
    counter = DriftCounter(EDGES)
    threads = [
        threading.Thread(target=lambda: [counter.observe({"age": 5.0}) for _ in range(50_000)])
        for _ in range(4)
    ]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert sum(cells(heard(counter.flush(minute=MINUTE)))[None, "age"]) > 10_000


def test_a_forked_child_starts_from_nothing_as_another_guard() -> None:
    counter = DriftCounter(EDGES, share=1)
    counter.observe({"age": 5.0})
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        counter.observe({"age": 15.0})
        os.write(writer, counter.flush(minute=MINUTE)[0])
        os._exit(0)
    os.waitpid(child, 0)
    theirs, (ours,) = os.read(reader, 100_000), counter.flush(minute=MINUTE)
    os.close(reader)
    os.close(writer)
    assert read(theirs).instance != read(ours).instance
    assert cells(heard([ours, theirs]))[None, "age"] == (1, 1, 0, 0, 0)
    assert cells(heard([theirs]))[None, "age"] == (0, 1, 0, 0, 0)


def test_nothing_counted_is_nothing_flushed_and_a_bad_minute_loses_nothing() -> None:
    counter = DriftCounter(EDGES, share=1)
    assert counter.flush(minute=MINUTE) == []
    counter.observe({"age": 5.0})
    for minute in (-1, 2**60):
        with pytest.raises(DriftInvalid, match="minute"):
            counter.flush(minute=minute)
    (message,) = counter.flush(minute=MINUTE)
    assert (read(message).sequence, read(message).minute) == (1, MINUTE)
    assert counter.flush(minute=MINUTE) == []


def test_many_features_and_regions_are_split_into_messages_of_64_kb() -> None:
    names = [f"feature-{number:03}" for number in range(200)]
    counter = DriftCounter(FrozenEdges(tuple((name, AGE) for name in names)))
    for region in range(32):
        counter.observe_batch({name: [5.0] for name in names}, by=f"region-{region}")
    messages = counter.flush(minute=MINUTE)
    assert max(map(len, messages)) <= drift_flush.MAX_BYTES
    flushes = [read(message) for message in messages]
    assert [flush.sequence for flush in flushes] == list(range(1, len(messages) + 1))
    whole = reduce(DriftCounts.added, (flush.counts for flush in flushes))
    assert len(whole.cells) == 32 * 200


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, math.nan])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        DriftCounter(EDGES, share=share)


# --- the wire ------------------------------------------------------------------------------------------


def drift_counts() -> st.SearchStrategy[DriftCounts]:
    by = st.none() | st.sampled_from(["eu", "us", ""])
    one = st.integers(0, 2**40)
    keys = st.dictionaries(by, st.tuples(one, one, one, one, one))
    return keys.map(
        lambda found: DriftCounts.of(EDGES.sha256, {(by, "age"): v for by, v in found.items()})
    )


@given(drift_counts(), drift_counts(), drift_counts())
def test_counts_add_up_in_any_order(one: DriftCounts, two: DriftCounts, three: DriftCounts) -> None:
    assert one.added(two) == two.added(one)
    assert one.added(two).added(three) == one.added(two.added(three))
    assert one.added(DriftCounts(EDGES.sha256)) == one


@given(drift_counts(), st.integers(1, 2**53 - 1))
def test_a_flush_is_read_as_it_was_written(counts: DriftCounts, sequence: int) -> None:
    flush = DriftFlush(instance="0123456789abcdef", sequence=sequence, minute=MINUTE, counts=counts)
    assert read(flush.encode()) == flush


@given(st.permutations(range(1, 40)), st.lists(st.integers(1, 39), max_size=60))
def test_repeats_in_any_order_are_known(order: list[int], repeats: list[int]) -> None:
    received, heard_once = Received(), []
    for sequence in [*order[:20], *repeats, *order[20:], *repeats]:
        after = received.after(sequence)
        if after is not None:
            heard_once.append(sequence)
            received = after
    assert sorted(heard_once) == sorted(set(heard_once)) == list(range(1, 40))
    assert received == Received(39)


def test_what_is_known_of_a_reporter_with_gaps_stays_small() -> None:
    received: Received | None = Received()
    for sequence in range(2, 20_000, 2):
        assert received is not None
        received = received.after(sequence)
    assert received is not None
    assert len(received.beyond) <= 64
    assert received.after(3) is None  # given up long ago
    assert received.after(19_999) is not None


def test_replayed_and_reordered_flushes_count_once() -> None:
    counters = [DriftCounter(EDGES, share=1) for _ in range(3)]
    messages = []
    for at in range(300):
        counters[at % 3].observe(
            {"age": float(at % 25), "color": "red"}, by="eu" if at % 2 else "us"
        )
        messages.extend(counters[at % 3].flush(minute=MINUTE + at // 100))
    assert len(messages) == 300
    found = set()
    for seed in range(5):
        told = messages * 2
        rng = random.Random(seed)  # noqa: S311
        told.sort(key=lambda message: (read(message).sequence // 30, rng.random()))
        found.add(heard(told))
    assert len(found) == 1
    assert sum(sum(counted) for (_, name), counted in found.pop().cells if name == "age") == 300


def flush() -> dict[str, Any]:
    counter = DriftCounter(EDGES, share=1)
    counter.observe({"age": 5.0, "color": "red"}, by="eu")
    document: dict[str, Any] = json.loads(counter.flush(minute=MINUTE)[0])
    return document


WRONG: dict[str, Any] = {
    "schema": [2, "1", True, None],
    "instance": ["0123", "0123456789ABCDEF", 7, None],
    "sequence": [0, -1, 1.5, "1", True, 2**53],
    "minute": [
        MINUTE,
        "2026-11-20T11:19:30.000000Z",
        "yesterday",
        "1969-12-31T23:59:00.000000Z",
        None,
    ],
    "edges": ["", "zz" * 32, 7],
    "counts": [
        {},
        [[]],
        [{"by": 7, "feature": "age", "cells": [1]}],
        [{"by": "eu", "feature": "", "cells": [1]}],
        [{"by": "eu", "feature": 7, "cells": [1]}],
        [{"by": "eu", "feature": "age", "cells": []}],
        [{"by": "eu", "feature": "age", "cells": [-1]}],
        [{"by": "eu", "feature": "age", "cells": [2**53]}],
        [{"by": "eu", "feature": "age", "cells": [1.0]}],
        [{"by": "x" * 201, "feature": "age", "cells": [1]}],
        [{"by": "eu", "feature": "age", "cells": [1], "more": 1}],
        [{"by": "eu", "feature": "age", "cells": [1]}] * 2,
        [{"by": by, "feature": "age", "cells": [1]} for by in ("us", "eu")],
        [{"by": by, "feature": "age", "cells": [1]} for by in (None, "eu")],
        [{"by": f"r{at:02}", "feature": "age", "cells": [1]} for at in range(33)],
    ],
    "color": ["red"],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in WRONG.items() for value in values],
    ids=lambda value: f"{value!s:.60}",
)
def test_a_flush_with_one_wrong_field_is_refused(field: str, value: object) -> None:
    with pytest.raises(DriftInvalid):
        read(json.dumps(flush() | {field: value}).encode())


@given(st.binary(max_size=100))
def test_any_bytes_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(DriftInvalid):
        read(data)


def test_counts_of_other_edges_are_refused() -> None:
    counts = read(json.dumps(flush()).encode()).counts
    counts.check(EDGES)
    with pytest.raises(DriftInvalid, match="edges"):
        counts.check(OTHER)
    with pytest.raises(DriftInvalid, match="edges"):
        counts.added(DriftCounts(OTHER.sha256))
    with pytest.raises(DriftInvalid, match="cells"):
        counts.added(DriftCounts(EDGES.sha256, ((("eu", "age"), (1,)),)))
    for entry in ((("eu", "age"), (1, 2)), (("eu", "size"), (1, 2))):
        with pytest.raises(DriftInvalid, match="cells"):
            DriftCounts(EDGES.sha256, (entry,)).check(EDGES)


def test_a_sum_over_the_most_is_refused() -> None:
    full = DriftCounts(EDGES.sha256, ((("eu", "age"), (2**53 - 1,)),))
    with pytest.raises(DriftInvalid, match="cells"):
        full.added(full)
