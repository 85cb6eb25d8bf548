"""The formats do not move: LG-22 and the golden file, held against both implementations."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from modelwarden.ledger import vectors
from modelwarden.ledger.checkpoint import (
    Checkpoint,
    consistency_file,
    open_note,
    sign_note,
    tlog_proof,
)
from modelwarden.ledger.dsse import parse_envelope, seal, verify
from modelwarden.ledger.entry import Stored, chain_start, commit_text, line
from modelwarden.ledger.keys import LogKey, SigningKey, parse_vkey
from modelwarden.ledger.lines import verify_lines
from modelwarden.ledger.merkle import tree_root
from modelwarden.values.canonical import encode, encode_any
from tests.ledger import naive

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "ledger.json").read_bytes())
SECRET = bytes(range(32))
ORIGIN = GOLDEN["origin"]
BODIES = [body.encode() for body in GOLDEN["bodies"]]
ROWS = [Stored(*row) for row in naive.rows(ORIGIN, BODIES)]
LEAVES = [row.leaf for row in ROWS]


def test_the_published_vectors_are_reproduced() -> None:
    assert vectors.check_vectors() == []


def test_a_vector_that_differs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = dict(vectors.EXPECTED) | {"root_3": "00"}
    monkeypatch.setattr(vectors, "EXPECTED", changed)
    assert [text.partition(":")[0] for text in vectors.check_vectors()] == ["root_3"]


def test_the_second_implementation_reproduces_the_published_vectors() -> None:
    assert [body.decode() for body in BODIES] == list(vectors.BODIES)
    assert ROWS[2].entry_hash.hex() == vectors.EXPECTED["chain_2"]
    assert naive.root(LEAVES).hex() == vectors.EXPECTED["root_3"]
    assert naive.commitment(SECRET, "Café").hex() == vectors.EXPECTED["text"]
    assert sha256(GOLDEN["note"].encode()).hexdigest() == vectors.EXPECTED["note_3"]


@pytest.mark.parametrize("case", GOLDEN["canonical"], ids=lambda case: case["name"])
def test_canonical_bytes_stay_the_same(case: dict[str, object]) -> None:
    assert encode_any(case["value"]) == str(case["text"]).encode()
    if case["narrow"]:
        assert encode(case["value"]) == str(case["text"]).encode()


def test_lines_stay_the_same_and_verify() -> None:
    before = [chain_start(ORIGIN), *(row.entry_hash for row in ROWS)]
    written = [line(row, previous) for row, previous in zip(ROWS, before, strict=False)]
    assert [data.decode() for data in written] == GOLDEN["lines"]
    assert verify_lines(written, origin=ORIGIN, checkpoints={3: tree_root(LEAVES)}).ok


def test_note_and_proofs_stay_the_same() -> None:
    note = sign_note(Checkpoint(ORIGIN, 3, tree_root(LEAVES)), LogKey(ORIGIN, SECRET))
    assert note.decode() == GOLDEN["note"]
    assert open_note(note, [parse_vkey(GOLDEN["vkey"])]).size == 3
    assert tlog_proof(1, naive.path(1, LEAVES), note).decode() == GOLDEN["tlog_proof"]
    proof = naive.subproof(2, LEAVES)
    assert consistency_file(2, proof, note).decode() == GOLDEN["consistency"]


def test_an_envelope_stays_the_same() -> None:
    key = SigningKey.from_pem(GOLDEN["signing_key"].encode(), None)
    envelope = seal("application/vnd.in-toto+json", BODIES[0], key)
    assert (envelope.to_line().decode(), key.keyid) == (GOLDEN["envelope"], GOLDEN["keyid"])
    assert envelope.digest == GOLDEN["envelope_digest"]
    verify(parse_envelope(GOLDEN["envelope"]), key.public)


def test_commitments_stay_the_same() -> None:
    assert {words: commit_text(SECRET, words).hex() for words in GOLDEN["texts"]} == GOLDEN["texts"]
