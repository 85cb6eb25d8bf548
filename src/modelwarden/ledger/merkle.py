"""The Merkle tree over the ledger's leaves: RFC 6962 §2.1, proofs checked as RFC 9162 §2.1 says.

Everything is a function of hashes. Where a stored tree is needed, the caller hands in a
`NodeReader`; nothing here reads a database, a tile or a body.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, Self

from modelwarden.errors import ProofInvalid

TILE_WIDTH: Final = 256
"""How many hashes of one level make a full tile (C2SP tlog-tiles)."""

TILE_LEVEL: Final = 8
"""The tree level of a full tile's root."""

HASH_SIZE: Final = 32

Node = tuple[int, int]
"""A perfect subtree as (level, index): the leaves index · 2^level up to (index + 1) · 2^level."""

NodeReader = Callable[[Sequence[Node]], Sequence[bytes]]
"""Answers the hashes of the nodes asked for, in their order."""


def leaf_hash(data: bytes) -> bytes:
    """Return H(00 ‖ data), the leaf of an entry's body (LG-20)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return H(01 ‖ left ‖ right), an inner node."""
    return sha256(b"\x01" + left + right).digest()


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes: of none H of nothing, of one that leaf (LN-4)."""
    level = list(leaves)
    while len(level) > 1:
        # Pairing each level, the odd one carried up, is the split at the largest power of two.
        level = _parents(level) + level[len(level) & ~1 :]
    return level[0] if level else sha256().digest()


class Frontier:
    """A growing tree, kept as the roots of its perfect subtrees: O(log n) hashes.

    Not safe to share between threads.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: dict[int, bytes] = {}  # level → root; a level stands here if size has that bit

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frontier):
            return NotImplemented
        return self.size == other.size and self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]  # it grows

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        self.join(0, leaf)

    def join(self, level: int, node: bytes) -> None:
        """Add a perfect subtree of 2^level leaves by its root. Raises ProofInvalid if none can stand here."""
        if self.size & ((1 << level) - 1):
            raise ProofInvalid(f"no subtree of level {level} begins at {self.size}")
        self.size += 1 << level
        while level in self._peaks:
            node = node_hash(self._peaks.pop(level), node)
            level += 1
        self._peaks[level] = node

    def joined(self, other: Frontier) -> Frontier:
        """Return the tree of these leaves followed by the other's. Raises ProofInvalid unless those begin a subtree."""
        whole = self.copy()
        for level in sorted(other._peaks, reverse=True):
            whole.join(level, other._peaks[level])
        return whole

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add many leaf hashes in order; about one hash a leaf, cheapest in batches of hundreds."""
        nodes, level, peaks = list(leaves), 0, self._peaks
        self.size += len(nodes)
        while nodes:
            waiting = peaks.pop(level, None)
            if waiting is not None:
                nodes.insert(0, waiting)
            if len(nodes) & 1:
                peaks[level] = nodes.pop()
            nodes = _parents(nodes)
            level += 1

    def root(self) -> bytes:
        """Return the root of the leaves so far."""
        return _fold(self._descending())

    def copy(self) -> Frontier:
        """Return an independent frontier of the same leaves."""
        return Frontier.from_bytes(self.size, self.to_bytes())

    def to_bytes(self) -> bytes:
        """Return the hashes one after the other, the largest subtree first."""
        return b"".join(self._descending())

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Self:
        """Read back what `to_bytes` wrote. Raises ProofInvalid if the size needs more or fewer."""
        if size < 0 or len(data) != HASH_SIZE * size.bit_count():
            raise ProofInvalid(f"{len(data)} bytes are no frontier of a tree of size {size}")
        frontier = cls()
        frontier.size = size
        levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
        for number, level in enumerate(levels):
            frontier._peaks[level] = data[HASH_SIZE * number : HASH_SIZE * (number + 1)]
        return frontier

    def _descending(self) -> list[bytes]:
        return [self._peaks[level] for level in sorted(self._peaks, reverse=True)]


def inclusion_proof(index: int, size: int, nodes: NodeReader) -> list[bytes]:
    """Return the proof that leaf `index` is in the tree of `size` leaves (RFC 9162 §2.1.3.1)."""
    if not 0 <= index < size:
        raise ProofInvalid(f"there is no entry {index} in a tree of size {size}")
    begin, end = 0, size
    siblings: list[tuple[int, int]] = []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((begin, middle))
            begin = middle
    return _range_roots(siblings[::-1], nodes)


def consistency_proof(old: int, new: int, nodes: NodeReader) -> list[bytes]:
    """Return the proof that the tree of `new` leaves begins with that of `old` (§2.1.4.1).

    It is empty for equal sizes and for an old tree without leaves, as in C2SP tlog-witness.
    """
    if not 0 <= old <= new:
        raise ProofInvalid(f"a tree of size {new} does not extend one of size {old}")
    if old == 0:
        return []
    begin, end = 0, new
    ranges: list[tuple[int, int]] = []
    while old < end:
        middle = begin + _split(end - begin)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
    if begin:  # otherwise the old root itself, which the verifier has
        ranges.append((begin, end))
    return _range_roots(ranges[::-1], nodes)


def range_root(size: int, nodes: NodeReader) -> bytes:
    """Return the root of the first `size` leaves from stored nodes."""
    return _range_roots([(0, size)], nodes)[0]


def frontier_at(size: int, nodes: NodeReader) -> Frontier:
    """Return the frontier of the first `size` leaves from stored nodes."""
    return Frontier.from_bytes(size, b"".join(nodes(_perfect(0, size))))


def frontier_of_proof(index: int, size: int, proof: Sequence[bytes]) -> Frontier:
    """Return the frontier of the leaves before `index`: the left siblings of its inclusion proof.

    It is worth as much as the proof: check that first.
    """
    lefts: list[bytes] = []
    number, last = index, size - 1
    for sibling in proof:
        while not number & 1 and number == last and last:  # no sibling on this level
            number, last = number >> 1, last >> 1
        if number & 1:
            lefts.append(sibling)
        number, last = number >> 1, last >> 1
    return Frontier.from_bytes(index, b"".join(reversed(lefts)))


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that the leaf hash stands at `index` under `root`. Raises ProofInvalid (§2.1.3.2)."""
    if not 0 <= index < size:  # step 1
        raise ProofInvalid(f"there is no entry {index} in a tree of size {size}")
    number, last, result = index, size - 1, leaf  # steps 2, 3
    for sibling in _whole(proof):  # step 4
        if last == 0:
            raise ProofInvalid("the inclusion proof is too long")
        if number & 1 or number == last:
            result = node_hash(sibling, result)
            number, last = _climb(number, last)
        else:
            result = node_hash(result, sibling)
        number, last = number >> 1, last >> 1
    if last != 0 or result != root:  # step 5
        raise ProofInvalid(f"the proof of entry {index} does not lead to the root of size {size}")


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the new tree begins with the old one. Raises ProofInvalid (§2.1.4.2)."""
    if not 0 <= old_size <= new_size:
        raise ProofInvalid(f"a tree of size {new_size} does not extend one of size {old_size}")
    if old_size in {0, new_size}:
        same = new_root if old_size else sha256().digest()
        if proof or old_root != same:
            raise ProofInvalid(f"two different roots, or a needless proof, for size {old_size}")
        return
    path = _whole(proof)
    if old_size & (old_size - 1) == 0:  # step 2
        path.insert(0, old_root)
    if not path:  # step 1
        raise ProofInvalid("the consistency proof is empty")
    if _both_roots(old_size, new_size, path) != (old_root, new_root):  # step 7
        raise ProofInvalid(f"size {new_size} is not shown to extend size {old_size}")


def _both_roots(old_size: int, new_size: int, path: list[bytes]) -> tuple[bytes, bytes]:
    number, last = old_size - 1, new_size - 1  # step 3
    while number & 1:  # step 4
        number, last = number >> 1, last >> 1
    old = new = path[0]  # step 5
    for sibling in path[1:]:  # step 6
        if last == 0:
            raise ProofInvalid("the consistency proof is too long")
        if number & 1 or number == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            number, last = _climb(number, last)
        else:
            new = node_hash(new, sibling)
        number, last = number >> 1, last >> 1
    if last != 0:
        raise ProofInvalid("the consistency proof is too short")
    return old, new


def _parents(nodes: list[bytes]) -> list[bytes]:
    """Return the parents of the pairs; a last node without a partner is left out."""
    start, parents, pairs = sha256(b"\x01").copy, list[bytes](), iter(nodes)
    for left, right in zip(pairs, pairs, strict=False):
        state = start()  # a tenth cheaper than `node_hash`, and this is a third of verification
        state.update(left)
        state.update(right)
        parents.append(state.digest())
    return parents


def _fold(roots: Sequence[bytes]) -> bytes:
    """Join the roots of perfect subtrees, the largest first."""
    if not roots:
        return sha256().digest()
    result = roots[-1]
    for left in reversed(roots[:-1]):
        result = node_hash(left, result)
    return result


def _split(width: int) -> int:
    """Return the largest power of two below a width of at least 2."""
    return 1 << (width - 1).bit_length() - 1


def _perfect(begin: int, end: int) -> list[Node]:
    """Return the perfect subtrees of an RFC 6962 subtree's range, the largest first."""
    subtrees: list[Node] = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        subtrees.append((level, begin >> level))
        begin += 1 << level
    return subtrees


def _range_roots(ranges: Sequence[tuple[int, int]], nodes: NodeReader) -> list[bytes]:
    """Return the root of each range; all their nodes are read at once."""
    parts = [_perfect(begin, end) for begin, end in ranges]
    hashes = iter(nodes([node for part in parts for node in part]))
    return [_fold([next(hashes) for _ in part]) for part in parts]


def _whole(proof: Sequence[bytes]) -> list[bytes]:
    if any(len(item) != HASH_SIZE for item in proof):
        raise ProofInvalid("a hash of the proof is not 32 bytes long")
    return list(proof)


def _climb(number: int, last: int) -> tuple[int, int]:
    """Pass the levels on which a node has no sibling (the inner loop of both algorithms)."""
    while not number & 1 and number:
        number, last = number >> 1, last >> 1
    return number, last
