"""One entry: its chain, its line, the commitment to its words."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import LineInvalid, NotCanonical
from modelwarden.ledger.entry import Stored, chain, chain_start, commit_text, line, parse_line
from tests.ledger import naive

ORIGIN = "ledger.example/test"
ROWS = [Stored(*row) for row in naive.rows(ORIGIN, naive.bodies(5))]
FIRST = line(ROWS[0], chain_start(ORIGIN))


def test_the_chain_is_that_of_the_second_implementation() -> None:
    entry_hash = chain_start(ORIGIN)
    for row in ROWS:
        entry_hash = chain(entry_hash, row.leaf)
        assert entry_hash == row.entry_hash


def test_the_documented_loop_holds_over_lines() -> None:
    previous = None
    hashes = [chain_start(ORIGIN), *(row.entry_hash for row in ROWS[:-1])]
    for stored, before in zip(ROWS, hashes, strict=True):
        read = json.loads(line(stored, before))
        leaf = hashlib.sha256(b"\x00" + stored.body).digest()
        record_data = b"\x02" + bytes.fromhex(read["previous_hash"]) + leaf
        assert hashlib.sha256(record_data).hexdigest() == read["entry_hash"]
        assert previous in {None, read["previous_hash"]}
        assert read["entry"] == json.loads(stored.body)
        previous = read["entry_hash"]


@given(st.integers(0, 2**62), st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_a_line_is_read_back_with_its_bytes_unchanged(seq: int, words: str) -> None:
    body = json.dumps({"z": words, "a": 1}, ensure_ascii=False).encode()  # not even canonical
    stored = Stored(seq, body, bytes(32), bytes(range(32)))
    for data in (line(stored, ROWS[0].leaf), line(stored, ROWS[0].leaf).removesuffix(b"\n")):
        assert parse_line(data) == (stored, ROWS[0].leaf)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        FIRST[1:],
        FIRST[:-2],
        FIRST + b"\n",
        FIRST + FIRST,
        b" " + FIRST,
        FIRST.replace(b'"seq":0', b'"seq":00'),
        FIRST.replace(b'"seq":0', b'"seq":-1'),
        FIRST.replace(b'"seq":0', b'"seq":1e3'),
        FIRST.replace(b'"seq":0', b'"seq":"0"'),
        FIRST.replace(b'"seq":0,', b'"seq":0, '),
        FIRST.replace(b"previous_hash", b"previous"),
        FIRST.replace(b'"leaf_hash":"', b'"leaf_hash":"00'),
        FIRST.replace(b'"entry":{', b'"entry":[{'),
        FIRST.replace(ROWS[0].leaf.hex().encode(), ROWS[0].leaf.hex().upper().encode()),
        FIRST.replace(b'"type"', b'\n"type"'),
    ],
)
def test_another_form_of_line_is_refused(data: bytes) -> None:
    with pytest.raises(LineInvalid):
        parse_line(data)


@given(st.binary(max_size=200))
def test_random_bytes_are_no_line(data: bytes) -> None:
    with pytest.raises(LineInvalid):
        parse_line(data)


@given(st.integers(0, len(FIRST) - 1), st.integers(0, 255))
def test_a_line_with_one_other_byte_is_refused_or_says_so(at: int, byte: int) -> None:
    data = FIRST[:at] + bytes([byte]) + FIRST[at + 1 :]
    try:
        read = parse_line(data)
    except LineInvalid:
        return
    assert line(read.stored, read.previous_hash) in {data, data + b"\n"}


@given(st.binary(min_size=32, max_size=32), st.text(st.characters(exclude_categories=["Cs"])))
def test_words_are_committed_to_under_a_salt(salt: bytes, words: str) -> None:
    assert commit_text(salt, words) == naive.commitment(salt, words)


def test_words_without_utf_8_are_refused() -> None:
    with pytest.raises(NotCanonical):
        commit_text(bytes(32), "\ud800")
