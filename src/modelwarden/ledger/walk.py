"""One pass over entries: dense numbers, leaves, chain, tree (steps 3 to 6 and 9 of section 6).

Entries come as rows, or as spans that were walked elsewhere. What `verify` and `lines` share.
"""

from __future__ import annotations

from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.errors import ProofInvalid
from modelwarden.ledger.entry import chain, chain_start
from modelwarden.ledger.merkle import TILE_LEVEL, TILE_WIDTH, Frontier, leaf_hash
from modelwarden.ledger.result import Findings, Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.ledger.span import Span

Row = tuple[int, bytes, bytes, bytes]
"""seq, body, leaf, entry_hash; `Stored` is one."""

UNREADABLE: Final[Row] = (-1, b"", b"", b"")
"""Stands for an entry whose line does not parse (step 4)."""

NO_CHECKPOINTS: Final[Mapping[int, bytes]] = MappingProxyType({})


class Walk:
    """One pass over the rows of a range; the arguments are those of `verify`.

    What it finds does not depend on how rows are cut into batches, nor on which came as spans.
    """

    def __init__(
        self,
        origin: str,
        first: int = 0,
        *,
        before: bytes | None = None,
        frontier: Frontier | None = None,
        checkpoints: Mapping[int, bytes] = NO_CHECKPOINTS,
    ) -> None:
        if first == 0:
            before, frontier = chain_start(origin), Frontier()
        elif frontier is not None and frontier.size != first:
            raise ProofInvalid(f"a frontier of size {frontier.size} does not stand before {first}")
        self.first = self.next = first
        self.previous = before
        self._leaf: bytes | None = None
        self._frontier = None if frontier is None else frontier.copy()
        self._checkpoints = checkpoints
        self._ahead = sorted((size for size in checkpoints if size >= first), reverse=True)
        self._findings = Findings()
        self._not_checked = _given(first, before, frontier, checkpoints)
        self._fold([])

    def take(self, rows: Sequence[Row]) -> None:
        """Go on with these rows."""
        leaves = sound(rows, self.next, self.previous)
        if leaves is None:  # something is wrong in this batch: find out what, entry by entry
            for row in rows:
                self._examine(row)
        elif leaves:
            self.pass_on(leaves, rows[-1][3])

    def skip(self, span: Span) -> bool:
        """Go on behind a span that was walked elsewhere. False if it does not fit here: take its rows then."""
        if span.first != self.next or span.before != self.previous:
            return False
        self._fold(span.head)
        marks = list(reversed(span.marks))
        for root in span.tiles:
            self._join(root, marks)
        self._fold(span.tail)
        self.next, self.previous, self._leaf = span.size, span.entry_hash, span.leaf
        return True

    def pass_on(self, leaves: Sequence[bytes], entry_hash: bytes) -> None:
        """Go on behind entries that are sound: their leaves, and the hash of the last one."""
        self.next += len(leaves)
        self.previous, self._leaf = entry_hash, leaves[-1]
        self._fold(leaves)

    def result(self, seconds: float) -> Result:
        """Return what was found; nothing follows."""
        newest = max(self._checkpoints, default=0)
        if newest > self.next:
            detail = f"a checkpoint covers {newest} entries; here they end before {self.next}"
            self._findings.add("entry_missing", self.next, detail)
        return Result(
            first=self.first,
            size=self.next,
            root=None if self._frontier is None else self._frontier.root(),
            problems=tuple(self._findings.problems),
            problem_count=self._findings.count,
            not_checked=tuple(self._not_checked),
            uncovered=max(0, self.next - max(newest, self.first)),  # step 9
            seconds=seconds,
            entry_hash=self.previous,
            leaf=self._leaf,
            frontier=self._frontier,
        )

    def _examine(self, row: Row) -> None:
        seq, body, leaf, entry_hash = row
        if row == UNREADABLE or tuple(map(type, row)) != (int, bytes, bytes, bytes):
            self._findings.add("line_invalid", self.next, f"entry {self.next} cannot be read")
            self._lose(self.next + 1)
            return
        if seq < self.next:
            self._findings.add("entry_duplicated", seq, f"entry {seq} comes again, or too late")
            return
        if seq > self.next:  # step 3
            detail = f"entries {self.next} to {seq - 1} are missing"
            self._findings.add("entry_missing", self.next, detail)
            self._lose(seq)
        if leaf_hash(body) != leaf:  # step 4
            detail = f"the body of entry {seq} is not the one hashed"
            self._findings.add("entry_altered", seq, detail)
        if self.previous is not None and chain(self.previous, leaf) != entry_hash:  # step 5
            detail = f"the hash of entry {seq} does not follow from the one before and its leaf"
            self._findings.add("chain_broken", seq, detail)
        self.next, self.previous, self._leaf = seq + 1, entry_hash, leaf
        self._fold([leaf])

    def _lose(self, resume_at: int) -> None:
        """Go on behind an entry that is not there: its hash and its leaf are unknown."""
        if self._frontier is not None:
            self._not_checked.append(f"roots past entry {self.next}: a leaf is missing")
        self.previous = self._frontier = self._leaf = None
        self.next = resume_at

    def _fold(self, leaves: Sequence[bytes]) -> None:
        """Take leaves into the tree, stopping at each checkpoint's size (step 6)."""
        tree, ahead = self._frontier, self._ahead
        if tree is None:
            return
        start = tree.size
        while ahead and ahead[-1] <= start + len(leaves):
            size = ahead.pop()
            tree.extend(leaves[tree.size - start : size - start])
            self._compare(size, tree)
        tree.extend(leaves[tree.size - start :])

    def _join(self, tile: bytes, marks: list[tuple[int, Frontier]]) -> None:
        """Take a full tile into the tree by its root; checkpoints inside it have their marks."""
        tree, ahead = self._frontier, self._ahead
        if tree is None:
            return
        end = tree.size + TILE_WIDTH
        while ahead and ahead[-1] <= end:
            size = ahead.pop()
            while marks[-1][0] < size:  # of a checkpoint that is not looked at any more
                marks.pop()
            self._compare(size, tree.joined(marks[-1][1]))
        tree.join(TILE_LEVEL, tile)

    def _compare(self, size: int, tree: Frontier) -> None:
        """Hold the tree against the checkpoint of its size; past one that differs nothing is to be learnt."""
        if tree.root() == self._checkpoints[size]:
            return
        detail = f"the first {size} entries do not give the root of that checkpoint"
        self._findings.add("root_mismatch", size - 1, detail)
        if self._ahead:
            left = f"later checkpoints: {len(self._ahead)} after size {size}"
            self._not_checked.append(left)
        self._ahead.clear()


def sound(rows: Sequence[Row], expected: int, previous: bytes | None) -> list[bytes] | None:
    """Return the leaves if every row is right, else None: the hot loop, steps 3 to 5 at once."""
    # Copying a started state is a tenth cheaper than starting one and joining the prefix.
    start_leaf, start_link = sha256(b"\x00").copy, sha256(b"\x02").copy
    leaves: list[bytes] = []
    if previous is None:
        return None
    try:
        for seq, body, leaf, entry_hash in rows:
            state = start_leaf()
            state.update(body)
            if state.digest() != leaf or seq != expected:
                return None
            state = start_link()
            state.update(previous)
            state.update(leaf)
            previous = state.digest()
            if previous != entry_hash:
                return None
            expected += 1
            leaves.append(leaf)
    except TypeError:  # a column that is not bytes
        return None
    return leaves


def _given(
    first: int, before: bytes | None, frontier: Frontier | None, checkpoints: Mapping[int, bytes]
) -> list[str]:
    """List what a part cannot show by itself."""
    if first == 0:
        return []
    hash_before = "taken as given" if before is not None else "unknown"
    unchecked = [f"the hash of entry {first - 1}: {hash_before}"]
    if frontier is None:
        unchecked.append("roots: the tree before the first entry is unknown")
    older = sum(size < first for size in checkpoints)
    if older:
        unchecked.append(f"older checkpoints: {older} lie before entry {first}")
    return unchecked
