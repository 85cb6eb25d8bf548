"""Whoever pinned one log key is led to the next by a checkpoint that both signed, and by nothing else (LG-64)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from modelwarden.ledger.checkpoint import Checkpoint, sign_note
from modelwarden.ledger.keys import LogKey
from modelwarden.ledger.rotation import Handover, KeyEntry, Trust, find_handover, follow
from tests.ledger import naive

ORIGIN = "ledger.example/keys"
A, B, C, D, EVIL = (LogKey(ORIGIN, bytes([n]) * 32) for n in range(5))


def rotated(old: LogKey, new: LogKey) -> bytes:
    fact = {"old": old.vkey, "new": new.vkey}
    return naive.canonical({"type": "ledger.key_rotated", "fact": fact})


def revoked(key: LogKey, size: int) -> bytes:
    fact = {"key": key.vkey, "size": size}
    return naive.canonical({"type": "ledger.key_revoked", "fact": fact})


@dataclass
class Log:
    """A ledger that grows, and the entries of it that say something of keys."""

    bodies: list[bytes] = field(default_factory=lambda: naive.bodies(5))
    said: list[KeyEntry] = field(default_factory=list)

    def note(self, *keys: LogKey) -> bytes:
        leaves = [naive.h(b"\x00", body) for body in self.bodies]
        return sign_note(Checkpoint(ORIGIN, len(leaves), naive.root(leaves)), *keys)

    def proof(self, seq: int) -> tuple[bytes, ...]:
        return tuple(naive.path(seq, [naive.h(b"\x00", body) for body in self.bodies]))

    def rotate(self, old: LogKey, new: LogKey, *signers: LogKey) -> int:
        """Append a rotation and hand over under a checkpoint by these keys; by both unless named."""
        self.bodies.append(rotated(old, new))
        seq = len(self.bodies) - 1
        note = self.note(*(signers or (new, old)))
        self.said.append(KeyEntry(seq, self.bodies[seq], Handover(note, self.proof(seq))))
        self.bodies += naive.bodies(3)
        return seq

    def revoke(self, key: LogKey, size: int) -> None:
        self.bodies.append(revoked(key, size))
        self.said.append(KeyEntry(len(self.bodies) - 1, self.bodies[-1]))

    def trust(self, *keys: LogKey) -> Trust:
        return follow([key.verifier for key in keys], self.said)

    def counts(self, trust: Trust, key: LogKey, size: int | None = None) -> bool:
        return key.verifier in trust.at(len(self.bodies) if size is None else size)


def codes(trust: Trust) -> list[tuple[str, int]]:
    return [(problem.code, problem.seq) for problem in trust.problems]


def test_the_new_key_is_trusted_through_the_old() -> None:
    log = Log()
    seq = log.rotate(A, B)
    trust = log.trust(A)
    assert codes(trust) == []
    assert log.counts(trust, B)
    assert log.counts(trust, A, seq)


def test_the_old_key_alone_counts_for_nothing_that_covers_the_rotation() -> None:
    log = Log()
    seq = log.rotate(A, B)
    for pinned in ((A,), (B,), (A, B)):
        trust = log.trust(*pinned)
        assert not log.counts(trust, A, seq + 1)
        assert not log.counts(trust, A)


def test_three_rotations_are_followed_one_by_one() -> None:
    log = Log()
    log.rotate(A, B)
    log.rotate(B, C, C, B, A)
    log.rotate(C, D, D, C, B, A)
    trust = log.trust(A)
    assert codes(trust) == []
    assert trust.at(len(log.bodies)) == (D.verifier,)


def test_whoever_pinned_the_newest_key_knows_what_the_older_ones_signed() -> None:
    log = Log()
    first, second = log.rotate(A, B), log.rotate(B, C)
    trust = log.trust(C)
    assert log.counts(trust, A, first)
    assert not log.counts(trust, A, first + 1)
    assert log.counts(trust, B, second)
    assert not log.counts(trust, B, second + 1)


@pytest.mark.parametrize("signers", [(A,), (B,), (EVIL,), (A, EVIL), (B, EVIL)])
def test_a_handover_that_one_of_both_keys_did_not_sign_is_not_followed(
    signers: tuple[LogKey, ...],
) -> None:
    log = Log()
    seq = log.rotate(A, B, *signers)
    trust = log.trust(A)
    assert codes(trust) == [("key_not_followed", seq)]
    assert not log.counts(trust, B)


def test_a_forged_entry_is_not_followed() -> None:
    log = Log()
    seq = log.rotate(A, B)
    real = log.said[0]
    log.said[0] = KeyEntry(seq, rotated(A, EVIL), real.handover)
    trust = log.trust(A)
    assert codes(trust) == [("key_not_followed", seq)]
    assert not log.counts(trust, EVIL)


def test_a_forged_entry_with_a_checkpoint_of_its_own_needs_the_old_key() -> None:
    log = Log()
    seq = log.rotate(A, EVIL, EVIL)
    assert codes(log.trust(A)) == [("key_not_followed", seq)]


def test_a_proof_of_another_place_is_refused() -> None:
    log = Log()
    seq = log.rotate(A, B)
    entry = log.said[0]
    log.said[0] = entry._replace(seq=seq - 1)
    assert codes(log.trust(A)) == [("key_not_followed", seq - 1)]


def test_a_checkpoint_that_does_not_cover_the_rotation_hands_over_nothing() -> None:
    log = Log()
    before = log.note(A, B)
    seq = log.rotate(A, B)
    log.said[0] = log.said[0]._replace(handover=Handover(before, ()))
    assert codes(log.trust(A)) == [("key_not_followed", seq)]
    log.said[0] = log.said[0]._replace(handover=Handover(before, None))
    assert codes(log.trust(A)) == [("key_not_followed", seq)]


def test_a_key_that_handed_over_can_not_hand_over_again() -> None:
    log = Log()
    log.rotate(A, B)
    log.rotate(A, EVIL)
    trust = log.trust(A)
    assert not log.counts(trust, EVIL)
    assert trust.at(len(log.bodies)) == (B.verifier,)


def test_a_rotation_to_a_key_of_another_log_says_nothing() -> None:
    log = Log()
    log.rotate(A, LogKey("elsewhere.example/log", bytes(32)))
    assert log.trust(A).at(len(log.bodies)) == (A.verifier,)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"type":"ledger.key_rotated"}', b"\xff", b'{"fact":1}']
)
def test_what_can_not_be_read_says_nothing(body: bytes) -> None:
    log = Log()
    log.said.append(KeyEntry(3, body))
    trust = log.trust(A)
    assert (codes(trust), trust.at(9)) == ([], (A.verifier,))


def test_a_revoked_key_counts_up_to_the_size_it_had() -> None:
    log = Log()
    seq = log.rotate(A, B)
    log.revoke(A, 3)
    for pinned in (A, B):
        trust = log.trust(pinned)
        assert log.counts(trust, A, 3)
        assert not log.counts(trust, A, 4)
    assert not log.counts(log.trust(A), B)
    assert codes(log.trust(A)) == [("key_not_followed", seq)]
    assert log.counts(log.trust(B), B)
    assert codes(log.trust(B)) == []


def test_a_revoked_key_hands_over_where_witnesses_saw_it() -> None:
    log = Log()
    log.rotate(A, B)
    log.revoke(A, 3)
    seen = follow([A.verifier], log.said, witnessed=lambda _note: True)
    assert log.counts(seen, B)


def test_the_checkpoint_by_both_keys_is_found_among_others() -> None:
    log = Log()
    before = log.note(A, B)
    log.bodies.append(rotated(A, B))
    seq = len(log.bodies) - 1
    alone, both = log.note(A), log.note(B, A)
    proof = log.proof(seq)
    found = find_handover(
        [before, alone, b"torn", both], log.bodies[seq], seq=seq, prove=lambda _seq, _size: proof
    )
    assert found == Handover(both, proof)
    assert find_handover([before], log.bodies[seq], seq=seq, prove=lambda _s, _n: proof) is None
