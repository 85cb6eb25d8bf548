from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import PolicyInvalid
from modelwarden.policies.reading import place, read

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_json_is_read_as_json(value: object) -> None:
    source = read(json.dumps({"root": value}))
    assert source.problems == []
    assert source.tree == {"root": value}


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        source = read(text)
    except PolicyInvalid:
        return
    assert all(problem.startswith("line ") for problem in source.problems)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x 1\nb: *x", "line 1: anchors"),
        ("a: 1\nb: *x", "line 2: anchors"),
        ("a: !!python/object:os.system x", "line 1: tags"),
        ("a: !!str 1", "line 1: tags"),
        ("a: [1, 2", "line 1: not YAML"),
        ("a: 1\n---\nb: 2", "not YAML"),
        ("a: \x07", "not YAML"),
        ("[" * 41, "nested deeper than 40"),
        ("[" * 200_000, "nested deeper than 40"),
        ("a: [" + "1," * 5_000 + "]", "more than 4,000 values"),
        ("#" * 300_000, "over 256 KiB"),
    ],
)
def test_a_document_with_tricks_is_refused(text: str, words: str) -> None:
    with pytest.raises(PolicyInvalid, match=words):
        read(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\na: 2", "line 2, a: the key stands there twice"),
        ("a:\n  b: 1\n  b: 1", "line 3, a.b: the key stands there twice"),
        ("a: yes", "line 1, a: YAML reads 'yes' as bool; write it plainly, or quote it"),
        ("a: 010", "line 1, a: YAML reads '010' as int; write it plainly, or quote it"),
        ("a: 1:30", "line 1, a: YAML reads '1:30' as int; write it plainly, or quote it"),
        ("a: .inf", "line 1, a: YAML reads '.inf' as float; write it plainly, or quote it"),
        ("on: 1", "line 1, on: a key has to be plain text; quote it"),
        ("<<: {a: 1}", "line 1, <<: a key has to be plain text; quote it"),
        ("1: a", "line 1, 1: a key has to be plain text; quote it"),
        ("? [a]\n: 1", "a key has to be plain text"),
    ],
)
def test_what_yaml_would_guess_is_named_with_its_line(text: str, problem: str) -> None:
    (found,) = read(text).problems
    assert problem in found


def test_plain_values_keep_their_type() -> None:
    text = "a: true\nb: 3\nc: 0.5\nd: null\ne: 2026-11-20\nf: 'yes'\ng: P30D\nh:"
    assert read(text).tree == {
        "a": True, "b": 3, "c": 0.5, "d": None, "e": "2026-11-20", "f": "yes", "g": "P30D", "h": None
    }  # fmt: skip


def test_a_place_is_the_nearest_known_line() -> None:
    lines = read("a:\n  - b: 1").lines
    assert place(("a", 0, "b"), lines) == "line 2, a[0].b"
    assert place(("a", 0, "missing", 1), lines) == "line 2, a[0].missing[1]"
    assert place((), lines) == "line 1"
