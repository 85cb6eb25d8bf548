"""The strict reading: form of bodies, known types, revisions without gaps, order of time."""

from __future__ import annotations

import json

import pytest

from modelwarden.ledger.strict import StrictReading
from modelwarden.ledger.verify import verify
from tests.ledger import naive

ORIGIN = "ledger.example/test"
BODIES = naive.bodies(12)
FIRST = json.loads(BODIES[0])


def read(bodies: list[bytes], *, first: int = 0) -> tuple[list[tuple[str, int]], list[int]]:
    strict = StrictReading({"switch.released", "objects.carried"}, first=first)
    rows = naive.rows(ORIGIN, bodies)[first:]
    result = strict.added_to(verify(strict.watch([rows]), origin=ORIGIN, first=first))
    problems = [(problem.code, problem.seq) for problem in result.problems]
    return problems, [warning.seq for warning in result.warnings]


def test_sound_bodies_pass() -> None:
    assert read(BODIES) == ([], [])


def test_a_part_takes_the_first_revisions_as_it_finds_them() -> None:
    assert read(BODIES, first=7) == ([], [])


def test_a_skipped_and_a_repeated_revision_are_gaps() -> None:
    bodies = [*BODIES[:5], *BODIES[6:], BODIES[11]]
    assert read(bodies)[0] == [("revision_gap", 9), ("revision_gap", 11)]


def carried(rev: int, *, fact: dict[str, object]) -> list[bytes]:
    """Return a first entry with a fact, and one that carries an object over at a revision."""
    moved = {"kind": "model", "id": "churn", "rev": rev, "after": "00"}
    begins = {key: value for key, value in FIRST.items() if key != "objects"}
    first = naive.canonical(begins | {"fact": fact})
    return [first, naive.canonical(begins | {"type": "objects.carried", "objects": [moved]})]


def test_objects_come_over_at_any_revision_once_and_only_into_a_ledger_that_followed_another() -> (
    None
):
    follows: dict[str, object] = {"predecessor": "ledger.example/old"}
    assert read(carried(7, fact=follows))[0] == []
    assert read(carried(7, fact={}))[0] == [("revision_gap", 1)]
    twice = [*carried(7, fact=follows), carried(9, fact={})[1]]
    assert read(twice)[0] == [("revision_gap", 2)]


def test_time_that_steps_back_is_a_warning() -> None:
    late = naive.canonical(FIRST | {"at": "2026-11-20T12:00:00.000000Z", "objects": []})
    assert read([late, *BODIES[:2]]) == ([], [1, 2])


@pytest.mark.parametrize(
    "body",
    [
        b'{"v": 1}',
        b'{"v":1,"at":"x"}',
        b"[]",
        b"{",
        b'{"at":1.5}',
        b'{"a":1,"a":1}',
        naive.canonical(FIRST | {"type": "never.heard"}),
        naive.canonical({"type": "switch.released"}),
        naive.canonical(FIRST | {"objects": [{"kind": "switch"}]}),
        naive.canonical(FIRST | {"objects": [{"kind": "switch", "id": "a", "rev": "1"}]}),
        naive.canonical(FIRST | {"fact": {"UPPER": 1}}),
    ],
)
def test_another_body_is_not_canonical(body: bytes) -> None:
    assert read([body])[0] == [("entry_not_canonical", 0)]


def test_an_unreadable_row_is_left_to_the_walk() -> None:
    strict = StrictReading(set())
    result = strict.added_to(verify(strict.watch([[(-1, b"", b"", b"")]]), origin=ORIGIN))
    assert [problem.code for problem in result.problems] == ["line_invalid"]
