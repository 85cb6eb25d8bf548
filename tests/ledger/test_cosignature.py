"""Cosignatures of outside witnesses, as C2SP tlog-cosignature writes them."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import KeyInvalid, NoteInvalid, SignatureInvalid
from modelwarden.ledger.checkpoint import Checkpoint, note_line, open_note, sign_note, split_note
from modelwarden.ledger.cosignature import (
    ED25519_COSIGNATURE,
    ML_DSA_44,
    WitnessKey,
    WitnessSigner,
    cosignatures,
    known_lines,
    parse_lines,
    parse_witness_key,
    with_lines,
)
from modelwarden.ledger.keys import LogKey, key_hash, parse_vkey

ORIGIN = "ledger.example/test"
LOG = LogKey(ORIGIN, bytes(range(32)))
WITNESS = WitnessSigner("witness.example/w1", bytes(range(1, 33)))
OTHER = WitnessSigner("witness.example/w2", bytes(range(2, 34)))
AT = 1_679_315_147
CHECKPOINT = Checkpoint(ORIGIN, 7, bytes(32))
TEXT = CHECKPOINT.text()
NOTE = sign_note(CHECKPOINT, LOG)
POST_QUANTUM = WitnessKey("witness.example/pq", ML_DSA_44, bytes(1312))
PQ_LINE = note_line(POST_QUANTUM.name, POST_QUANTUM.key_hash + bytes(8 + 2420))

EXAMPLE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
""".encode()  # noqa: E501  # C2SP tlog-cosignature


def test_a_witness_signs_a_checkpoint_with_its_time() -> None:
    line = WITNESS.cosign(TEXT, AT)
    (found,) = known_lines(TEXT, [line], [WITNESS.verifier])
    assert (found.key, found.line, found.at) == (WITNESS.verifier, line, AT)


def test_the_bytes_that_are_signed_are_those_of_the_specification() -> None:
    # tlog-cosignature, "Ed25519 signed message": header line, time line, the whole text
    line = WITNESS.cosign(TEXT, AT)
    data = base64.b64decode(line.rsplit(" ", 1)[1])
    LogKey("x", bytes(range(1, 33))).verifier.verify(
        b"cosignature/v1\ntime 1679315147\n" + TEXT, data[12:]
    )
    assert data[:4] == key_hash("witness.example/w1", b"\x04" + WITNESS.verifier.public)
    assert int.from_bytes(data[4:12]) == AT


def test_the_published_example_has_the_form_of_a_cosignature() -> None:
    text, lines = split_note(EXAMPLE)
    assert parse_lines(f"{lines[1]}\n".encode()) == (f"{lines[1]}\n",)
    data = base64.b64decode(lines[1].rsplit(" ", 1)[1])
    assert (len(data), int.from_bytes(data[4:12])) == (4 + 8 + 64, AT)
    assert text.startswith(b"example.com/behind-the-sofa\n")


def test_a_note_with_cosignatures_opens_as_before() -> None:
    note = with_lines(NOTE, [WITNESS.cosign(TEXT, AT), PQ_LINE])
    assert open_note(note, [LOG.verifier]) == CHECKPOINT
    assert [each.at for each in cosignatures(note, [POST_QUANTUM, WITNESS.verifier])] == [AT, None]


def test_a_line_is_added_once() -> None:
    line = WITNESS.cosign(TEXT, AT)
    note = with_lines(NOTE, [line])
    assert with_lines(note, [line, line]) == note


def test_lines_of_unknown_witnesses_are_ignored() -> None:
    lines = [OTHER.cosign(b"another text\n", AT), WITNESS.cosign(TEXT, AT)]
    assert len(known_lines(TEXT, lines, [WITNESS.verifier])) == 1
    assert known_lines(TEXT, lines[:1], [WITNESS.verifier]) == ()


@pytest.mark.parametrize(
    "line",
    [
        WITNESS.cosign(TEXT + b"an extension\n", AT),
        note_line(WITNESS.verifier.name, WITNESS.verifier.key_hash + bytes(64)),
        note_line(WITNESS.verifier.name, WITNESS.verifier.key_hash + b"\xff" * 8 + bytes(64)),
        note_line(WITNESS.verifier.name, WITNESS.verifier.key_hash + LOG.sign(TEXT)),
    ],
)
def test_a_wrong_line_by_a_known_witness_condemns_the_note(line: str) -> None:
    with pytest.raises(NoteInvalid):
        cosignatures(with_lines(NOTE, [line]), [WITNESS.verifier])


def test_the_time_of_a_cosignature_is_signed() -> None:
    data = bytearray(base64.b64decode(WITNESS.cosign(TEXT, AT).rsplit(" ", 1)[1])[4:])
    data[7] ^= 1
    with pytest.raises(SignatureInvalid):
        WITNESS.verifier.verify(TEXT, bytes(data))


def test_a_signature_of_a_log_is_no_cosignature_and_the_other_way_round() -> None:
    seed = bytes(range(3, 35))
    log, witness = LogKey("one.example", seed), WitnessSigner("one.example", seed)
    assert log.key_hash != witness.verifier.key_hash
    with pytest.raises(KeyInvalid):
        parse_vkey(witness.verifier.vkey)
    with pytest.raises(KeyInvalid):
        parse_witness_key(log.vkey)


def test_a_post_quantum_line_is_carried_on_and_never_verified() -> None:
    (found,) = known_lines(TEXT, [PQ_LINE], [POST_QUANTUM])
    assert (found.line, found.at) == (PQ_LINE, None)
    short = note_line(POST_QUANTUM.name, POST_QUANTUM.key_hash + bytes(100))
    with pytest.raises(NoteInvalid):
        known_lines(TEXT, [short], [POST_QUANTUM])
    with pytest.raises(SignatureInvalid):
        POST_QUANTUM.verify(TEXT, bytes(8 + 2420))


def test_keys_of_both_types_read_back() -> None:
    for key in (WITNESS.verifier, POST_QUANTUM):
        assert parse_witness_key(key.vkey) == key


def test_a_private_key_reads_back() -> None:
    text = WITNESS.to_text()
    assert text.startswith("PRIVATE+KEY+witness.example/w1+")
    assert WitnessSigner.from_text(text).verifier == WITNESS.verifier


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PRIVATE+KEY+",
        "witness.example+00000000+BAAA",
        f"PRIVATE+KEY+{LOG.vkey}",
        "PRIVATE+KEY+a+b",
    ],
)
def test_a_damaged_private_key_is_refused(text: str) -> None:
    with pytest.raises(KeyInvalid):
        WitnessSigner.from_text(text)
    with pytest.raises(KeyInvalid):
        WitnessSigner.from_text(WITNESS.to_text().replace("w1", "w9"))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(KeyInvalid):
        WitnessKey("w", ED25519_COSIGNATURE, bytes(size))


@given(st.binary(max_size=300))
def test_any_answer_is_lines_or_refused(body: bytes) -> None:
    with contextlib.suppress(NoteInvalid):
        assert all(line.endswith("\n") for line in parse_lines(body))


@pytest.mark.parametrize("body", [b"", b"\n", b"hello\n", WITNESS.cosign(TEXT, AT).encode()[:-1]])
def test_an_answer_without_whole_lines_is_refused(body: bytes) -> None:
    with pytest.raises(NoteInvalid):
        parse_lines(body)


def test_an_answer_can_not_smuggle_text_in() -> None:
    with pytest.raises(NoteInvalid):
        parse_lines(b"one more text\n\n" + WITNESS.cosign(TEXT, AT).encode())
