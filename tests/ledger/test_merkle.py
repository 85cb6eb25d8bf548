"""The tree: against a recursive second implementation, and against pymerkle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from modelwarden.errors import ProofInvalid
from modelwarden.ledger.merkle import (
    Frontier,
    Node,
    NodeReader,
    consistency_proof,
    frontier_at,
    frontier_of_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    range_root,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from tests.ledger import naive

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAVES = [naive.h(b"\x00", b"%d" % n) for n in range(600)]
SIZES = st.integers(0, 300)


def reader(leaves: list[bytes]) -> NodeReader:
    def read(nodes: Sequence[Node]) -> list[bytes]:
        for level, index in nodes:
            assert (index + 1) << level <= len(leaves), "not a perfect subtree of the tree"
        return [naive.root(leaves[i << level : (i + 1) << level]) for level, i in nodes]

    return read


NODES = reader(LEAVES)


def frontier(size: int) -> Frontier:
    grown = Frontier()
    grown.extend(LEAVES[:size])
    return grown


def test_hashes_are_told_apart_by_their_first_byte() -> None:
    assert leaf_hash(b"x") == naive.h(b"\x00", b"x")
    assert node_hash(b"l", b"r") == naive.h(b"\x01", b"l", b"r")
    assert tree_root([]) == naive.h() == Frontier().root()
    assert tree_root([b"one"]) == b"one"


def test_all_small_sizes_agree_with_the_second_implementation() -> None:
    for size in range(70):
        root = naive.root(LEAVES[:size])
        assert tree_root(LEAVES[:size]) == range_root(size, NODES) == frontier(size).root() == root
        for index in range(size):
            proof = inclusion_proof(index, size, NODES)
            assert proof == naive.path(index, LEAVES[:size])
            verify_inclusion(LEAVES[index], index, size, proof, root)
            assert frontier_of_proof(index, size, proof) == frontier(index)
        for old in range(1, size + 1):
            proof = consistency_proof(old, size, NODES)
            assert proof == naive.subproof(old, LEAVES[:size])
            verify_consistency(old, naive.root(LEAVES[:old]), size, root, proof)


@given(steps=st.lists(st.integers(0, 130), max_size=6), one_by_one=st.booleans())
def test_a_frontier_grows_the_same_in_any_steps(steps: list[int], *, one_by_one: bool) -> None:
    grown, size = Frontier(), 0
    for step in steps:
        leaves = LEAVES[size : size + step]
        if one_by_one:
            for leaf in leaves:
                grown.append(leaf)
        else:
            grown.extend(leaves)
        size = min(size + step, len(LEAVES))
        assert grown.root() == naive.root(LEAVES[:size])
    assert grown.size == size
    assert Frontier.from_bytes(size, grown.to_bytes()) == grown == frontier_at(size, NODES)


def test_a_copy_grows_apart() -> None:
    grown = frontier(5)
    copied = grown.copy()
    copied.append(LEAVES[5])
    assert (grown, copied) == (frontier(5), frontier(6))
    assert grown != 5


@pytest.mark.parametrize(("size", "length"), [(3, 32), (3, 96), (0, 32), (-1, 32), (1, 31)])
def test_a_frontier_of_another_size_is_refused(size: int, length: int) -> None:
    with pytest.raises(ProofInvalid):
        Frontier.from_bytes(size, bytes(length))


@given(st.data())
def test_large_trees_agree_with_the_second_implementation(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(LEAVES)))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    root = naive.root(LEAVES[:size])
    assert inclusion_proof(index, size, NODES) == naive.path(index, LEAVES[:size])
    assert consistency_proof(old, size, NODES) == naive.subproof(old, LEAVES[:size])
    assert range_root(size, NODES) == root


def test_pymerkle_agrees() -> None:
    tree = InmemoryTree(algorithm="sha256")
    entries = [b"%d" % n for n in range(100)]
    for entry in entries:
        tree.append_entry(entry)
    leaves = [leaf_hash(entry) for entry in entries]
    assert [tree.get_leaf(n + 1) for n in range(100)] == leaves
    for size in range(1, 101):
        assert tree.get_root(size) == tree_root(leaves[:size])


@given(st.data())
def test_a_changed_inclusion_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 64))
    index = data.draw(st.integers(0, size - 1))
    root, proof = naive.root(LEAVES[:size]), naive.path(index, LEAVES[:size])
    changes: list[tuple[bytes, int, int, list[bytes], bytes]] = [
        (LEAVES[599], index, size, proof, root),
        (LEAVES[index], size, size, proof, root),
        (LEAVES[index], -1, size, proof, root),
        (LEAVES[index], index, size, [*proof, LEAVES[0]], root),
        (LEAVES[index], index, size, proof, LEAVES[599]),
    ]
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        broken = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        changes += [
            (LEAVES[index], index, size, [*proof[:at], broken, *proof[at + 1 :]], root),
            (LEAVES[index], index, size, proof[:-1], root),
            (LEAVES[index], index ^ 1, size, proof, root),
            (LEAVES[index], index, size, [*proof[:-1], proof[-1][:31]], root),
        ]
    for change in changes:
        with pytest.raises(ProofInvalid):
            verify_inclusion(*change)


@given(st.data())
def test_a_changed_consistency_proof_is_refused(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 64))
    old = data.draw(st.integers(1, new - 1))
    before, after = naive.root(LEAVES[:old]), naive.root(LEAVES[:new])
    proof = naive.subproof(old, LEAVES[:new])
    at = data.draw(st.integers(0, len(proof) - 1))
    broken = bytes([proof[at][0] ^ 1]) + proof[at][1:]
    verify_consistency(old, before, new, after, proof)
    changes: list[tuple[int, bytes, int, bytes, list[bytes]]] = [
        (old, before, new, after, [*proof[:at], broken, *proof[at + 1 :]]),
        (old, before, new, after, [*proof, LEAVES[0]]),
        (old, before, new, after, proof[:-1]),
        (old, before, new, after, [*proof[:-1], b""]),
        (old, after, new, after, proof),
        (old, before, new, before, proof),
        (new, after, old, before, proof),
        (0, before, new, after, []),
        (new, before, new, after, []),
        (new, after, new, after, proof),
    ]
    for change in changes:
        with pytest.raises(ProofInvalid):
            verify_consistency(*change)


def test_every_tree_extends_the_empty_one() -> None:
    assert consistency_proof(0, 7, NODES) == []
    verify_consistency(0, naive.h(), 7, naive.root(LEAVES[:7]), [])
    verify_consistency(7, naive.root(LEAVES[:7]), 7, naive.root(LEAVES[:7]), [])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_no_proof_is_made_for_an_entry_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ProofInvalid):
        inclusion_proof(index, size, NODES)


def test_no_consistency_proof_leads_backwards() -> None:
    for old, new in ((4, 3), (-1, 3)):
        with pytest.raises(ProofInvalid):
            consistency_proof(old, new, NODES)


@given(SIZES, SIZES, st.lists(st.binary(min_size=32, max_size=32), max_size=12))
def test_random_proofs_prove_nothing(index: int, size: int, proof: list[bytes]) -> None:
    with pytest.raises(ProofInvalid):
        verify_inclusion(LEAVES[0], index, size, proof, LEAVES[1])
    with pytest.raises(ProofInvalid):
        verify_consistency(index, LEAVES[0], size, LEAVES[1], proof)
