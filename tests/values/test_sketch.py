"""Sketches: any order of merging gives the same bytes, quantiles keep their bound, bad bytes are refused."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import SketchInvalid
from modelwarden.values.buckets import LONGEST, SHORTEST, tally_array
from modelwarden.values.sketch import MAX_BYTES, MAX_COUNT, Sketch

GOLDEN = json.loads(
    Path(__file__).parent.parent.joinpath("golden/sketches.json").read_text(encoding="utf-8")
)
SHARES = [Fraction(n, 1000) for n in (0, 1, 10, 250, 500, 900, 950, 990, 999, 1000)]


def sketch_of(values: np.ndarray) -> Sketch:
    found = tally_array(values)
    return Sketch(zero=found.zero, buckets=tuple(sorted(found.buckets.items())))


def sketches(coarsest: int = -4) -> st.SearchStrategy[Sketch]:
    counts = st.dictionaries(st.integers(-1100, 800), st.integers(0, 2**40), max_size=30)
    return st.builds(
        lambda schema, found, zero: Sketch.of_counts(schema, found, zero=zero),
        st.integers(coarsest, 5),
        counts,
        st.integers(0, 2**40),
    )


@pytest.mark.parametrize("case", GOLDEN, ids=[case["name"] for case in GOLDEN])
def test_golden_sketches_keep_their_bytes(case: dict[str, object]) -> None:
    written = bytes.fromhex(str(case["sketch"]))
    sketch = Sketch.decode(written)
    assert sketch.encode() == written
    assert sketch.count == case["count"]
    assert [sketch.quantile(share) for share in SHARES] == case["quantiles"]
    if "values" in case:
        assert Sketch.of([float(value) for value in case["values"]]) == sketch


@given(sketches())
def test_what_is_written_is_read_back(sketch: Sketch) -> None:
    assert Sketch.decode(sketch.encode()) == sketch


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"\x01\x0a" + tail))
def test_bytes_have_one_reading_or_none(data: bytes) -> None:
    try:
        sketch = Sketch.decode(data)
    except SketchInvalid:
        return
    assert sketch.encode() == data


@given(sketches(), sketches(), sketches())
def test_merging_knows_no_order(one: Sketch, two: Sketch, three: Sketch) -> None:
    assert one.merged(two) == two.merged(one)
    assert one.merged(two).merged(three) == one.merged(two.merged(three))
    assert one.merged(Sketch()) == one
    assert one.merged(two).count == one.count + two.count


@given(st.lists(st.lists(st.floats()), max_size=6))
def test_parts_merge_to_the_sketch_of_the_whole(parts: list[list[float]]) -> None:
    whole = Sketch.of([value for part in parts for value in part])
    assert reduce(Sketch.merged, map(Sketch.of, parts), Sketch()) == whole


@given(sketches(coarsest=5), st.integers(-4, 5), st.integers(-4, 5))
def test_coarser_in_steps_is_coarser_at_once(sketch: Sketch, one: int, two: int) -> None:
    first, last = max(one, two), min(one, two)
    assert sketch.coarsened(first).coarsened(last) == sketch.coarsened(last)


def test_a_sketch_is_never_made_finer() -> None:
    with pytest.raises(SketchInvalid, match="finer"):
        Sketch(schema=3).coarsened(4)


@given(st.lists(st.floats(SHORTEST * 1.0000001, LONGEST), min_size=1), st.integers(0, 1000))
def test_a_quantile_is_within_its_error_of_the_value_at_that_rank(
    values: list[float], thousandths: int
) -> None:
    sketch, share = Sketch.of(values), Fraction(thousandths, 1000)
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    found = sketch.quantile(share)
    assert found is not None
    assert abs(found - exact) <= sketch.error * exact * (1 + 1e-12)


@pytest.mark.parametrize("shape", ["lognormal", "pareto", "uniform", "two modes", "constant"])
def test_the_error_of_a_quantile_stays_under_what_is_stated(shape: str) -> None:
    rng = np.random.default_rng(1083)
    values = {
        "lognormal": rng.lognormal(-4, 1.5, 50_000),
        "pareto": rng.pareto(1.1, 50_000) * 1e-3 + 1e-6,
        "uniform": rng.uniform(1e-6, 10, 50_000),
        "two modes": np.concatenate([rng.normal(0.01, 1e-4, 25_000), rng.normal(2, 0.1, 25_000)]),
        "constant": np.full(50_000, 0.0123456789),
    }[shape]
    sketch = sketch_of(values)
    exact = np.sort(values)
    for share in SHARES:
        at = exact[max(1, math.ceil(share * len(exact))) - 1]
        estimate = sketch.quantile(share)
        assert estimate is not None
        assert abs(estimate - at) / at <= 0.010831


def test_the_stated_error_is_that_of_its_schema() -> None:
    assert 0.010830 < Sketch().error < 0.010831
    assert Sketch(schema=0).error == pytest.approx(1 / 3)


def test_a_rank_is_counted_without_floats() -> None:
    values = [1.0] * 7 + [100.0] * 93  # 0.07 * 100 is 7.000000000000001 in floats
    assert Sketch.of(values).quantile(Fraction(7, 100)) == Sketch.of([1.0]).quantile(Fraction(1))


def test_no_values_have_no_quantile_and_zeros_are_zero() -> None:
    assert Sketch().quantile(Fraction(1, 2)) is None
    assert Sketch.of([0.0, 0.0, 5e-324, 1.0]).quantile(Fraction(3, 4)) == 0.0
    with pytest.raises(ValueError, match="share"):
        Sketch().quantile(Fraction(3, 2))


@pytest.mark.parametrize("size", [1_000, 60_000, 1_000_000])
@pytest.mark.parametrize("spread", [0.2, 0.5, 0.8])
def test_a_minute_of_common_traffic_takes_less_than_a_kilobyte(size: int, spread: float) -> None:
    values = np.random.default_rng(size).lognormal(-4, spread, size)
    assert len(sketch_of(values).encode()) <= 1024


def test_the_longest_sketch_is_read_and_anything_longer_is_not() -> None:
    most = MAX_COUNT // 1600
    longest = Sketch(buckets=tuple((index, most) for index in range(-959, 641))).encode()
    assert len(longest) <= MAX_BYTES
    assert Sketch.decode(longest).encode() == longest
    with pytest.raises(SketchInvalid, match="no sketch has more"):
        Sketch.decode(b"\x01\x0a\x00" + b"\x02\x01" * MAX_BYTES)


BAD = {
    "nothing": "",
    "no version": "0a00",
    "another version": "020a00",
    "version alone": "01",
    "no count of zero": "010a",
    "half a pair": "010a0002",
    "ends within a number": "010a0080",
    "trailing zero": "010a00020100",
    "padded number": "010a8000",
    "schema 6": "010c00",
    "schema -5": "010900",
    "zero over 2^53": "010a8180808080808010",
    "number without end": "010a" + "80" * 30,
    "empty bucket": "010a000200",
    "same index twice": "010a0002010001",
    "falling index": "010a0002010101",
    "index 641": "010a00820a01",
    "index -960": "010a00ff0e01",
    "total over 2^53": "010a0002808080808080801002" + "8080808080808010",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_bytes_are_refused(name: str) -> None:
    with pytest.raises(SketchInvalid):
        Sketch.decode(bytes.fromhex(BAD[name]))


def test_every_flipped_bit_is_refused_or_means_something_else() -> None:
    written = Sketch.of([0.001 * 1.1**n for n in range(60)]).encode()
    for at in range(len(written) * 8):
        changed = bytearray(written)
        changed[at // 8] ^= 1 << at % 8
        try:
            read = Sketch.decode(bytes(changed))
        except SketchInvalid:
            continue
        assert read.encode() == bytes(changed) != written


@pytest.mark.parametrize(
    ("schema", "counts", "zero"),
    [(9, {}, 0), (-5, {}, 0), (5, {1: -1}, 0), (5, {}, -1), (5, {1: MAX_COUNT}, 1)],
)
def test_counts_that_cannot_be_are_refused(schema: int, counts: dict[int, int], zero: int) -> None:
    with pytest.raises(SketchInvalid):
        Sketch.of_counts(schema, counts, zero=zero)


def test_a_sum_over_the_most_is_refused() -> None:
    full = Sketch(buckets=((1, MAX_COUNT),))
    with pytest.raises(SketchInvalid):
        full.merged(Sketch(zero=1))


def test_finer_histograms_merge_down_in_pairs_and_stray_ends_are_kept() -> None:
    fine = {-2000: 1, -1919: 2, -1918: 4, 1: 8, 2: 16, 3: 32, 1280: 64, 1281: 128}
    found = Sketch.of_counts(6, fine, zero=256)
    assert found.zero == 256 + 1
    assert found.buckets == ((-959, 6), (1, 24), (2, 32), (640, 192))


def test_an_exponential_histogram_of_scale_5_has_our_buckets_one_lower() -> None:
    values = [0.3, 0.9, 1.0, 1.02, 7.5]
    # OpenTelemetry: index i covers (base^i, base^(i+1)], base = 2^(2^-scale)
    theirs = [math.ceil(math.log2(value) * 32) - 1 for value in values]
    assert Sketch.of_counts(5, {index + 1: 1 for index in theirs}) == Sketch.of(values)
