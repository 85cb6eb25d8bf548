"""Paths of a static log are those of C2SP's tlog-tiles, in one form alone; bundles give back what they were made of."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import PathUnknown
from modelwarden.ledger.tile_paths import (
    ENTRIES,
    TilePath,
    bundle,
    bundled,
    checkpoint_path,
    filled,
    parse_checkpoint_path,
    parse_tile_path,
    paths_of,
)

SIZES = st.integers(0, 200_000)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (TilePath(0, 0), "tile/0/000"),
        (TilePath(0, 1_234_067), "tile/0/x001/x234/067"),
        (TilePath(1, 0, 1), "tile/1/000.p/1"),
        (TilePath(ENTRIES, 999), "tile/entries/999"),
        (TilePath(ENTRIES, 1_000, 255), "tile/entries/x001/000.p/255"),
        (TilePath(63, 0, 17), "tile/63/000.p/17"),
    ],
)
def test_paths_have_the_form_of_the_standard(path: TilePath, text: str) -> None:
    assert str(path) == text
    assert parse_tile_path(text) == path


@pytest.mark.parametrize(
    "text",
    [
        "", "tile", "tile/0", "tile/0/", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/0/0", "tile/0/1000",
        "tile/0/x000/001", "tile/0/x001", "tile/0/001/x002", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/01",
        "tile/0/000.p/256", "tile/0/000.p/999", "tile/0/000/", "/tile/0/000", "tile/0/000\n", "tile/entries",
        "tile/entries/../0/000", "tile/0/../../etc/passwd", "tile/data/000", "tile/0/000.p/1/2",
        "tile/0/\N{ARABIC-INDIC DIGIT ZERO}00",
        "tile/0/" + "x001/" * 7 + "001", "Tile/0/000", "checkpoint", "tile/0/000?x",
    ],
)  # fmt: skip
def test_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(PathUnknown):
        parse_tile_path(text)


@pytest.mark.parametrize(
    "text", ["checkpoints/", "checkpoints/01", "checkpoints/-1", "checkpoints/1/2"]
)
def test_a_checkpoint_has_one_path_too(text: str) -> None:
    assert parse_checkpoint_path(checkpoint_path(70_000)) == 70_000
    with pytest.raises(PathUnknown):
        parse_checkpoint_path(text)


@given(st.integers(ENTRIES, 63), st.integers(0, 10**20 - 1), st.integers(1, 256))
def test_every_path_reads_back(level: int, index: int, width: int) -> None:
    path = TilePath(level, index, width)
    assert parse_tile_path(str(path)) == path


@given(st.text(max_size=40))
def test_no_text_parses_to_a_path_of_another_name(text: str) -> None:
    with suppress(PathUnknown):
        assert str(parse_tile_path(text)) == text


def test_the_example_of_the_standard_has_the_tiles_that_it_names() -> None:
    found = [path for path in paths_of(70_000) if path.level != ENTRIES]
    whole = {level: sum(p.is_full for p in found if p.level == level) for level in range(3)}
    assert whole == {0: 273, 1: 1, 2: 0}
    assert [path for path in found if not path.is_full] == [
        TilePath(0, 273, 112), TilePath(1, 1, 17), TilePath(2, 0, 1),
    ]  # fmt: skip
    assert list(paths_of(0)) == []
    assert [str(path) for path in paths_of(256)] == [
        "tile/entries/000", "tile/0/000", "tile/1/000.p/1",
    ]  # fmt: skip


@given(SIZES, SIZES)
def test_growing_adds_what_the_larger_tree_has_and_the_smaller_had_not(
    one: int, other: int
) -> None:
    old, new = sorted((one, other))
    before, after = set(paths_of(old)), set(paths_of(new))
    assert set(paths_of(new, since=old)) == after - before
    assert all(path.needs <= new for path in after)
    assert all(path.needs > old for path in after - before)
    partial = {path.full for path in before if not path.is_full}
    assert set(filled(new, since=old)) == {path for path in partial if path in after}


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_gives_back_its_bodies(bodies: list[bytes]) -> None:
    assert bundled(bundle(bodies)) == bodies


@given(st.binary(max_size=300))
def test_rubbish_is_read_as_far_as_its_lengths_fit(data: bytes) -> None:
    assert data.startswith(bundle(bundled(data)))
