"""Signed notes and proof files, as C2SP writes them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import NoteInvalid, ProofInvalid
from modelwarden.ledger.checkpoint import (
    Checkpoint,
    TlogProof,
    consistency_file,
    note_signers,
    open_note,
    open_tlog_proof,
    parse_checkpoint,
    parse_consistency_file,
    parse_tlog_proof,
    sign_note,
    tlog_proof,
    unverified_checkpoint,
)
from modelwarden.ledger.keys import LogKey, parse_vkey
from modelwarden.ledger.notes import read_checkpoints
from tests.ledger import naive

ORIGIN = "ledger.example/test"
KEY, NEXT_KEY = LogKey(ORIGIN, bytes(range(32))), LogKey(ORIGIN, bytes(range(1, 33)))
OTHER_LOG = LogKey("other.example/log", bytes(range(2, 34)))
LEAVES = [leaf for _, _, leaf, _ in naive.rows(ORIGIN, naive.bodies(7))]
CHECKPOINT = Checkpoint(ORIGIN, 7, naive.root(LEAVES))
NOTE = sign_note(CHECKPOINT, KEY)
WITNESS = f"— witness.example {base64.b64encode(bytes(76)).decode()}\n".encode()
EXAMPLE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""  # noqa: E501  # C2SP tlog-checkpoint


def test_a_note_opens_with_the_key_that_signed_it() -> None:
    assert open_note(NOTE, [KEY.verifier]) == CHECKPOINT
    assert parse_checkpoint(CHECKPOINT.text()) == CHECKPOINT == unverified_checkpoint(NOTE)


def test_the_published_example_parses() -> None:
    found = unverified_checkpoint(EXAMPLE.encode())
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)


def test_the_published_note_of_go_opens() -> None:
    # golang.org/x/mod/sumdb/note, package documentation
    key = parse_vkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    signature = base64.b64decode(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )
    assert signature[:4] == key.key_hash
    key.verify(text.encode(), signature[4:])


def test_unknown_signatures_are_ignored() -> None:
    assert open_note(NOTE + WITNESS, [KEY.verifier]) == CHECKPOINT
    assert open_note(sign_note(CHECKPOINT, OTHER_LOG, KEY), [KEY.verifier]) == CHECKPOINT


def test_both_keys_sign_while_one_hands_over() -> None:
    note = sign_note(CHECKPOINT, KEY, NEXT_KEY)
    assert note_signers(note, [NEXT_KEY.verifier, KEY.verifier]) == (
        KEY.verifier,
        NEXT_KEY.verifier,
    )
    assert open_note(note, [KEY.verifier]) == open_note(note, [NEXT_KEY.verifier])


def test_a_key_of_another_log_opens_nothing_even_if_it_is_trusted() -> None:
    note = sign_note(CHECKPOINT, OTHER_LOG)
    with pytest.raises(NoteInvalid, match="no trusted key"):
        open_note(note, [OTHER_LOG.verifier, KEY.verifier])


def test_a_wrong_signature_of_a_known_key_condemns_the_note() -> None:
    text, _, signatures = sign_note(CHECKPOINT, KEY, NEXT_KEY).partition(b"\n\n")
    forged = text.replace(b"\n7\n", b"\n6\n") + b"\n\n" + signatures
    with pytest.raises(NoteInvalid, match="does not verify"):
        open_note(forged, [KEY.verifier])


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n\n",
        NOTE[:-1],
        NOTE.replace(b"\n\n", b"\n"),
        NOTE + b"\n",
        NOTE + b"no signature\n",
        NOTE.replace("— ".encode(), b"- "),
        NOTE.replace(b"\n", b"\r\n"),
        NOTE.replace(b"\n7\n", b"\n07\n"),
        NOTE.replace(b"\n7\n", b"\n+7\n"),
        NOTE.replace(b"\n7\n", "\n\u0667\n".encode()),
        NOTE.replace(b"\n\n", b"\nextension\n\n"),
        NOTE.replace(b"\n7\n", b"\n7\n\n"),
        NOTE.replace(b"=\n\n", b"\n\n"),
        NOTE + "— a QUE=\n".encode(),
        NOTE + "— a QUFBQR==\n".encode(),
        NOTE + "— a+b QUFBQUE=\n".encode(),
        NOTE + b"\xff\n",
        NOTE + WITNESS * 10_000,
        sign_note(CHECKPOINT, NEXT_KEY),
    ],
)
def test_another_note_is_refused(note: bytes) -> None:
    with pytest.raises(NoteInvalid):
        open_note(note, [KEY.verifier])


def test_base64_with_unused_bits_set_is_refused() -> None:
    root = base64.b64encode(CHECKPOINT.root).decode()
    last = root[-2]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = root[:-2] + alphabet[alphabet.index(last) + 1] + "="
    assert base64.b64decode(other) == CHECKPOINT.root  # the lenient reader sees no difference
    with pytest.raises(NoteInvalid):
        parse_checkpoint(CHECKPOINT.text().replace(root.encode(), other.encode()))


@pytest.mark.parametrize(
    ("origin", "size", "root"), [("", 0, bytes(32)), ("a\nb", 0, bytes(32)), ("a", -1, bytes(32))]
)
def test_a_checkpoint_is_valid_once_built(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(NoteInvalid):
        Checkpoint(origin, size, root)
    with pytest.raises(NoteInvalid):
        Checkpoint("a", 0, root[:-1])


def test_nothing_is_signed_without_a_key() -> None:
    with pytest.raises(NoteInvalid):
        sign_note(CHECKPOINT)


@given(st.binary(max_size=100) | st.text(max_size=100).map(lambda t: t.encode(errors="replace")))
def test_random_bytes_are_no_note_and_no_proof(data: bytes) -> None:
    for parse in (
        unverified_checkpoint,
        parse_checkpoint,
        parse_tlog_proof,
        parse_consistency_file,
    ):
        with pytest.raises((NoteInvalid, ProofInvalid)):
            parse(data)


@given(st.integers(0, len(NOTE) - 1), st.integers(1, 255))
def test_a_note_with_one_other_byte_does_not_open(at: int, flip: int) -> None:
    with pytest.raises(NoteInvalid):
        open_note(NOTE[:at] + bytes([NOTE[at] ^ flip]) + NOTE[at + 1 :], [KEY.verifier])


@given(st.integers(0, 6), st.none() | st.binary(max_size=9))
def test_a_tlog_proof_leads_from_the_leaf_to_the_signed_root(
    index: int, extra: bytes | None
) -> None:
    path = naive.path(index, LEAVES)
    data = tlog_proof(index, path, NOTE, extra=extra)
    assert parse_tlog_proof(data) == TlogProof(index, tuple(path), NOTE, extra)
    assert open_tlog_proof(data, LEAVES[index], [KEY.verifier]) == CHECKPOINT
    with pytest.raises(ProofInvalid):
        open_tlog_proof(data, LEAVES[index - 1], [KEY.verifier])
    with pytest.raises(NoteInvalid):
        open_tlog_proof(data, LEAVES[index], [NEXT_KEY.verifier])


def test_a_tlog_proof_is_written_as_c2sp_says() -> None:
    one, two = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
    assert tlog_proof(5, [b"\x01" * 32, b"\x02" * 32], NOTE) == (
        f"c2sp.org/tlog-proof@v1\nindex 5\n{one}\n{two}\n\n".encode() + NOTE
    )
    assert tlog_proof(0, [], NOTE, extra=b"x") == (
        b"c2sp.org/tlog-proof@v1\nextra eA==\nindex 0\n\n" + NOTE
    )


GOOD = tlog_proof(3, naive.path(3, LEAVES), NOTE)


@pytest.mark.parametrize(
    "data",
    [
        GOOD.replace(b"@v1", b"@v2"),
        GOOD.replace(b"index 3", b"index 03"),
        GOOD.replace(b"index 3", b"index"),
        GOOD.replace(b"index 3\n", b""),
        GOOD.replace(b"index 3", b"extra eA=\nindex 3"),
        GOOD.replace(b"index 3", b"index 3\n" + b"A" * 43 + b"=" + b"\n" + b"QQ=="),
        GOOD.replace(b"index 3", b"index 3" + b"\n" + (b"A" * 43 + b"=\n") * 66),
        GOOD.replace(b"index 3\n", b"index 3\n\xff\n"),
        b"c2sp.org/tlog-proof@v1",
    ],
)
def test_another_tlog_proof_is_refused(data: bytes) -> None:
    with pytest.raises(ProofInvalid):
        parse_tlog_proof(data)


def test_a_consistency_proof_is_the_body_of_add_checkpoint() -> None:
    proof = naive.subproof(3, LEAVES)
    data = consistency_file(3, proof, NOTE)
    assert data.startswith(b"old 3\n")
    assert parse_consistency_file(data) == (3, tuple(proof), NOTE)
    for wrong in (data[4:], data.replace(b"old 3", b"old x"), data.replace(b"old 3\n", b"")):
        with pytest.raises(ProofInvalid):
            parse_consistency_file(wrong)


def test_notes_of_a_source_are_read_oldest_first() -> None:
    older = sign_note(Checkpoint(ORIGIN, 3, naive.root(LEAVES[:3])), NEXT_KEY)
    read = read_checkpoints([older, NOTE], origin=ORIGIN, keys=[KEY.verifier])
    assert read.roots == {3: naive.root(LEAVES[:3]), 7: CHECKPOINT.root}
    assert (read.newest, read.signer, read.problems, read.not_checked) == (
        CHECKPOINT, KEY.vkey, (), (),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("notes", "code"),
    [
        ([NOTE, NOTE[:-1]], "checkpoint_invalid"),
        ([sign_note(Checkpoint("other.example/log", 7, bytes(32)), KEY)], "checkpoint_invalid"),
        ([NOTE, sign_note(Checkpoint(ORIGIN, 3, bytes(32)), KEY)], "checkpoint_invalid"),
        ([NOTE, sign_note(Checkpoint(ORIGIN, 7, bytes(32)), KEY)], "root_mismatch"),
        ([NOTE, sign_note(Checkpoint(ORIGIN, 8, bytes(32)), NEXT_KEY)], "checkpoint_invalid"),
    ],
)
def test_notes_that_cannot_be_are_problems(notes: list[bytes], code: str) -> None:
    read = read_checkpoints(notes, origin=ORIGIN, keys=[KEY.verifier])
    assert [problem.code for problem in read.problems] == [code]


def test_without_a_trusted_key_the_source_is_unpinned() -> None:
    read = read_checkpoints([NOTE], origin=ORIGIN, keys=[])
    assert (read.signer, read.problems) == (None, ())
    assert [text.partition(":")[0] for text in read.not_checked] == ["unpinned"]
    read = read_checkpoints([], origin=ORIGIN, keys=[KEY.verifier])
    assert [text.partition(":")[0] for text in read.not_checked] == ["unsigned"]
