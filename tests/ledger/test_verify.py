"""Verification: what is sound passes, and each change is named by code and entry."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import ProofInvalid
from modelwarden.ledger.checkpoint import Checkpoint
from modelwarden.ledger.entry import Stored, chain_start, line
from modelwarden.ledger.lines import verify_lines
from modelwarden.ledger.merkle import (
    Frontier,
    consistency_proof,
    frontier_at,
    frontier_of_proof,
    verify_consistency,
)
from modelwarden.ledger.result import MAX_PROBLEMS
from modelwarden.ledger.verify import Problem, head_problems, in_batches, part_problems, verify
from tests.ledger import naive
from tests.ledger.test_merkle import reader

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.ledger.verify import Result

ORIGIN = "ledger.example/test"
SIZE = 40
ROWS = naive.rows(ORIGIN, naive.bodies(SIZE))
LEAVES = [leaf for _, _, leaf, _ in ROWS]
ROOTS = {size: naive.root(LEAVES[:size]) for size in (0, 1, 13, 32, SIZE)}
NODES = reader(LEAVES)
CREATE = "CREATE TABLE e(seq INTEGER PRIMARY KEY, body BLOB, leaf BLOB, entry_hash BLOB) STRICT"
Change = Callable[[naive.Rows], naive.Rows]


def verified(rows: naive.Rows, roots: dict[int, bytes] | None = None, *, batch: int = 7) -> Result:
    batches = [rows[at : at + batch] for at in range(0, len(rows), batch)]
    return verify(batches, origin=ORIGIN, checkpoints=ROOTS if roots is None else roots)


def named(result: Result) -> list[tuple[str, int]]:
    return [(problem.code, problem.seq) for problem in result.problems]


def flipped(seq: int, column: int, *, byte: int = 0) -> Change:
    def change(rows: naive.Rows) -> naive.Rows:
        row = list(rows[seq])
        value = bytearray(row[column])  # type: ignore[call-overload]
        value[byte] ^= 1
        row[column] = bytes(value)
        return [*rows[:seq], tuple(row), *rows[seq + 1 :]]  # type: ignore[list-item]

    return change


def rebuilt(seq: int) -> Change:
    """Replace a body and everything that follows from it."""

    def change(rows: naive.Rows) -> naive.Rows:
        bodies = [body for _, body, _, _ in rows]
        return naive.rows(ORIGIN, [*bodies[:seq], b'{"v":1}', *bodies[seq + 1 :]])

    return change


def without(*seqs: int) -> Change:
    return lambda rows: [row for row in rows if row[0] not in seqs]


@pytest.mark.parametrize("batch", [1, 2, 7, 13, 256])
def test_a_sound_ledger_verifies_in_any_batches(batch: int) -> None:
    result = verified(ROWS, batch=batch)
    assert (result.ok, bool(result), result.problems, result.not_checked) == (True, True, (), ())
    assert (result.first, result.last, result.size) == (0, SIZE - 1, SIZE)
    assert (result.root, result.uncovered) == (ROOTS[SIZE], 0)
    assert (result.entry_hash, result.leaf) == (ROWS[-1][3], LEAVES[-1])


def test_an_empty_ledger_verifies() -> None:
    result = verified([], {0: naive.h()})
    assert (result.ok, result.size, result.last, result.root) == (True, 0, -1, naive.h())


def test_entries_past_the_newest_checkpoint_are_counted() -> None:
    assert verified(ROWS, {13: ROOTS[13]}).uncovered == SIZE - 13
    assert verified(ROWS, {}).uncovered == SIZE


@pytest.mark.parametrize("seq", [0, 1, 6, 7, 20, SIZE - 1])
@pytest.mark.parametrize("batch", [1, 7, 256])
def test_a_flipped_byte_is_named_by_its_entry(seq: int, batch: int) -> None:
    body = verified(flipped(seq, 1, byte=5)(ROWS), batch=batch)
    assert named(body) == [("entry_altered", seq)]
    assert body.root == ROOTS[SIZE]  # from the stored leaves
    entry_hash = verified(flipped(seq, 3)(ROWS), batch=batch)
    both = [("chain_broken", seq), ("chain_broken", seq + 1)]
    assert named(entry_hash) == (both if seq < SIZE - 1 else both[:1])
    leaf = verified(flipped(seq, 2)(ROWS), batch=batch)
    assert named(leaf)[:2] == [("entry_altered", seq), ("chain_broken", seq)]
    assert [code for code, _ in named(leaf)[2:]] == ["root_mismatch"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (without(5), [("entry_missing", 5)]),
        (without(0), [("entry_missing", 0)]),
        (without(5, 6, 7, 20), [("entry_missing", 5), ("entry_missing", 20)]),
        (lambda rows: rows[:30], [("entry_missing", 30)]),
        (lambda rows: rows[:0], [("entry_missing", 0)]),
        (lambda rows: [*rows[:9], rows[8], *rows[9:]], [("entry_duplicated", 8)]),
        (lambda rows: [*rows, *rows[:2]], [("entry_duplicated", 0), ("entry_duplicated", 1)]),
        (
            lambda rows: [*rows[:3], rows[4], rows[3], *rows[5:]],
            [("entry_missing", 3), ("entry_duplicated", 3)],
        ),
        (
            lambda rows: [*rows[:3], (3, *rows[4][1:]), (4, *rows[3][1:]), *rows[5:]],
            [("chain_broken", 3), ("chain_broken", 4), ("chain_broken", 5), ("root_mismatch", 12)],
        ),
        (rebuilt(20), [("root_mismatch", 31)]),
        (rebuilt(0), [("root_mismatch", 0)]),
        (
            lambda rows: [*rows[:2], (2, b"", LEAVES[2], "text"), *rows[3:]],  # type: ignore[list-item]
            [("line_invalid", 2)],
        ),
        (lambda rows: [*rows[:2], (2, None, b"", b""), *rows[3:]], [("line_invalid", 2)]),  # type: ignore[list-item]
    ],
)
def test_what_was_done_to_the_ledger_is_named(
    change: Change, expected: list[tuple[str, int]]
) -> None:
    for batch in (1, 7, 256):
        result = verified(change(ROWS), batch=batch)
        assert named(result) == expected
        assert not result


@given(st.integers(0, SIZE - 1), st.integers(1, 3), st.integers(0, 300), st.integers(1, 255))
def test_any_changed_byte_is_found(seq: int, column: int, byte: int, flip: int) -> None:
    row = list(ROWS[seq])
    value = bytearray(row[column])  # type: ignore[call-overload]
    value[byte % len(value)] ^= flip
    row[column] = bytes(value)
    rows = [*ROWS[:seq], tuple(row), *ROWS[seq + 1 :]]
    result = verified(rows, {SIZE: ROOTS[SIZE]})  # type: ignore[arg-type]
    assert seq in {problem.seq for problem in result.problems}


@given(st.permutations(range(SIZE)))
def test_no_other_order_of_the_same_entries_verifies(order: list[int]) -> None:
    shuffled = [(seq, *ROWS[at][1:]) for seq, at in enumerate(order)]
    assert verified(shuffled, {}).ok == (order == list(range(SIZE)))


def test_an_appended_entry_without_checkpoint_is_uncovered_not_wrong() -> None:
    longer = naive.rows(ORIGIN, naive.bodies(SIZE + 1))
    result = verified(longer)
    assert (result.ok, result.uncovered) == (True, 1)


def test_another_origin_breaks_the_chain_at_once() -> None:
    result = verify([ROWS], origin="ledger.example/other")
    assert named(result) == [("chain_broken", 0)]


def test_only_so_many_problems_are_kept_and_all_are_counted() -> None:
    bodies = [b"{%d}" % n for n in range(MAX_PROBLEMS + 500)]
    forged = [(seq, b"", leaf, end) for seq, _, leaf, end in naive.rows(ORIGIN, bodies)]
    result = verified(forged, {})
    assert (len(result.problems), result.problem_count) == (MAX_PROBLEMS, MAX_PROBLEMS + 500)
    added = result.adding([Problem("head_mismatch", 0, "")])
    assert (len(added.problems), added.problem_count) == (MAX_PROBLEMS, MAX_PROBLEMS + 501)


def test_other_steps_add_to_the_result_without_repeating_it() -> None:
    result = verified(flipped(3, 1)(ROWS))
    added = result.adding(
        [Problem("entry_altered", 3, "again"), Problem("tile_mismatch", 0, "")],
        not_checked=["witnesses"],
        signer="key",
    )
    assert named(added) == [("entry_altered", 3), ("tile_mismatch", 0)]
    assert (added.problem_count, added.not_checked, added.signer) == (2, ("witnesses",), "key")
    assert added.adding(count=4, warnings=[Problem("clock_stepped", 1, "")]).problem_count == 6


@pytest.mark.parametrize("first", [1, 8, 13, 39])
def test_a_part_verifies_and_says_what_it_took_as_given(first: int) -> None:
    part = ROWS[first:]
    before = ROWS[first - 1][3]
    bare = verify(in_batches(part), origin=ORIGIN, first=first, before=before)
    assert (bare.ok, bare.root) == (True, None)
    assert [text.partition(":")[0] for text in bare.not_checked] == [
        f"the hash of entry {first - 1}", "roots",
    ]  # fmt: skip
    whole = verify(
        in_batches(part),
        origin=ORIGIN,
        first=first,
        before=before,
        frontier=frontier_at(first, NODES),
        checkpoints=ROOTS,
    )
    assert (whole.ok, whole.root) == (True, ROOTS[SIZE])
    assert whole.not_checked[1].startswith("older checkpoints: ")


def test_a_part_without_the_hash_before_checks_the_chain_from_its_second_entry() -> None:
    result = verify([ROWS[5:]], origin=ORIGIN, first=5)
    assert (result.ok, result.not_checked[0]) == (True, "the hash of entry 4: unknown")
    broken = verify([flipped(6, 3)(ROWS)[5:]], origin=ORIGIN, first=5)
    assert named(broken) == [("chain_broken", 6), ("chain_broken", 7)]


def test_a_frontier_of_another_size_is_refused() -> None:
    with pytest.raises(ProofInvalid):
        verify([ROWS[5:]], origin=ORIGIN, first=5, frontier=frontier_at(4, NODES))


def test_the_frontier_that_was_handed_in_does_not_grow() -> None:
    given_frontier = frontier_at(5, NODES)
    verify([ROWS[5:]], origin=ORIGIN, first=5, frontier=given_frontier)
    assert given_frontier == frontier_at(5, NODES)


@given(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1))
def test_an_exported_part_leads_to_the_newest_root(one: int, other: int) -> None:
    first, last = min(one, other), max(one, other)
    newest = Checkpoint(ORIGIN, SIZE, ROOTS[SIZE])
    start, end = naive.path(first, LEAVES), naive.path(last, LEAVES)

    def run(rows: naive.Rows) -> tuple[Problem, ...]:
        result = verify(
            [rows],
            origin=ORIGIN,
            first=first,
            frontier=frontier_of_proof(first, SIZE, start),
        )
        assert result.ok
        return part_problems(result, end, newest)

    assert run(ROWS[first : last + 1]) == ()
    forged = naive.rows(ORIGIN, [b"{}"] * SIZE)[first : last + 1]
    assert [problem.code for problem in run(forged)] == ["proof_invalid"]


def test_a_part_between_tiles_leads_to_the_newest_root() -> None:
    result = verify([ROWS[5:20]], origin=ORIGIN, first=5, frontier=frontier_at(5, NODES))
    proof = consistency_proof(20, SIZE, NODES)
    verify_consistency(20, result.root or b"", SIZE, ROOTS[SIZE], proof)


def test_a_part_with_a_gap_proves_nothing() -> None:
    result = verify([without(6)(ROWS)[5:]], origin=ORIGIN, first=5, frontier=frontier_at(5, NODES))
    found = part_problems(result, [], Checkpoint(ORIGIN, SIZE, ROOTS[SIZE]))
    assert [problem.code for problem in found] == ["proof_invalid"]
    assert named(result) == [("entry_missing", 6)]


def test_a_part_with_the_proof_of_another_entry_proves_nothing() -> None:
    result = verify([ROWS[5:20]], origin=ORIGIN, first=5, frontier=frontier_at(5, NODES))
    newest = Checkpoint(ORIGIN, SIZE, ROOTS[SIZE])
    assert part_problems(result, naive.path(19, LEAVES), newest) == ()
    for proof in (naive.path(18, LEAVES), naive.path(19, LEAVES)[:-1], []):
        found = part_problems(result, proof, newest)
        assert [(problem.code, problem.seq) for problem in found] == [("proof_invalid", 19)]


def test_an_empty_batch_changes_nothing() -> None:
    result = verify([[], ROWS[:5], [], ROWS[5:], []], origin=ORIGIN, checkpoints=ROOTS)
    assert result == verified(ROWS)


def test_the_head_is_compared_with_what_was_computed() -> None:
    result = verified(ROWS)
    frontier = frontier_at(SIZE, NODES).to_bytes()
    assert head_problems(result, (SIZE, ROWS[-1][3], frontier)) == ()
    assert head_problems(verified([], {}), (0, chain_start(ORIGIN), b"")) == ()
    for head in (
        (SIZE - 1, ROWS[-1][3], frontier),
        (SIZE, ROWS[0][3], frontier),
        (SIZE, ROWS[-1][3], b""),
    ):
        assert [problem.code for problem in head_problems(result, head)] == ["head_mismatch"]


def lines(rows: naive.Rows) -> list[bytes]:
    stored = [Stored(*row) for row in ROWS]
    before = [chain_start(ORIGIN), *(row.entry_hash for row in stored)]
    return [line(Stored(*row), before[row[0]]) for row in rows]


def test_lines_verify_like_rows() -> None:
    assert verify_lines(lines(ROWS), origin=ORIGIN, checkpoints=ROOTS) == verified(ROWS)
    part = verify_lines(lines(ROWS)[9:], origin=ORIGIN, first=9)
    assert (part.ok, part.not_checked[0]) == (True, "the hash of entry 8: taken as given")
    assert verify_lines([], origin=ORIGIN).size == 0


@given(st.integers(0, SIZE - 1), st.data())
def test_any_changed_byte_of_a_line_is_found(seq: int, data: st.DataObject) -> None:
    export = lines(ROWS)
    at = data.draw(st.integers(0, len(export[seq]) - 2))
    byte = export[seq][at] ^ data.draw(st.integers(1, 255))
    export[seq] = export[seq][:at] + bytes([byte]) + export[seq][at + 1 :]
    result = verify_lines(export, origin=ORIGIN, checkpoints=ROOTS)
    assert seq in {problem.seq for problem in result.problems}


def test_a_line_that_does_not_parse_is_named_and_the_rest_goes_on() -> None:
    export = lines(flipped(30, 1, byte=5)(ROWS))
    export[4] = b"garbage\n"
    result = verify_lines(export, origin=ORIGIN, checkpoints=ROOTS)
    assert named(result) == [("line_invalid", 4), ("entry_altered", 30)]
    assert result.not_checked == ("roots past entry 4: a leaf is missing",)


def test_a_line_that_names_another_hash_before_it_is_found() -> None:
    export = lines(ROWS)
    export[6] = export[6].replace(ROWS[5][3].hex().encode(), ROWS[4][3].hex().encode())
    assert named(verify_lines(export, origin=ORIGIN)) == [("chain_broken", 6)]


def test_a_flipped_byte_in_a_copied_database_is_named(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.execute(CREATE)
        database.executemany("INSERT INTO e VALUES (?, ?, ?, ?)", ROWS)
        select = "SELECT seq, body, leaf, entry_hash FROM e ORDER BY seq"
        assert verify(in_batches(database.execute(select)), origin=ORIGIN, checkpoints=ROOTS).ok
        database.execute("UPDATE e SET body = ? WHERE seq = 17", (ROWS[17][1] + b" ",))
        result = verify(in_batches(database.execute(select)), origin=ORIGIN, checkpoints=ROOTS)
    database.close()
    assert named(result) == [("entry_altered", 17)]


def test_memory_does_not_grow_with_the_ledger() -> None:
    frontier = Frontier()
    frontier.extend(LEAVES * 100)
    assert len(frontier.to_bytes()) == 32 * (SIZE * 100).bit_count()
