"""Whoever changes any byte of a stored entry is found and named, in one process or several, which find the same."""
# ruff: noqa: S608  # an insider writes SQL by hand

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from modelwarden.facts.access import AccessUsed
from modelwarden.facts.kinds import Code
from modelwarden.ledger.keys import parse_vkey
from modelwarden.store import ranges
from modelwarden.store.database import Database
from modelwarden.store.verification import verify_ledger
from modelwarden.store.workers import Work
from modelwarden.warden.warden import open_warden
from tests.attack.test_ledger_rows import TRIGGERS
from tests.audit.sample import change, populate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.ledger.result import Result
    from modelwarden.store.change import Change
    from modelwarden.warden.warden import Warden

MANY: Final = 1_500
Named = set[tuple[str, int]]


class Ledger(NamedTuple):
    """A sound ledger in a file."""

    file: Path
    origin: str
    key: str
    size: int


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    def record_many(c: Change) -> None:
        for _ in range(MANY // 3):
            c.record(AccessUsed(permission=Code("audit.export")), tags=["DAILY"])

    folder = tmp_path_factory.mktemp("ledger")
    with open_warden(f"sqlite:///{folder}/warden.db") as warden:
        populate(warden)
        for _ in range(3):
            change(warden, "carol", record_many)
            warden.sign()  # a checkpoint inside a tile, each time
        keyring = warden.store.around.keyring
        size = warden.audit.checkpoint().size
        return Ledger(folder / "warden.db", keyring.origin, keyring.log_key.vkey, size)


@pytest.fixture(autouse=True)
def _small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut even a small ledger into many ranges."""
    monkeypatch.setattr(ranges, "WIDTH", 256)


@contextlib.contextmanager
def copied(sound: Ledger) -> Iterator[Ledger]:
    with tempfile.TemporaryDirectory() as place:
        for file in sound.file.parent.glob("warden.db*"):
            shutil.copy(file, place)
        yield sound._replace(file=Path(place, "warden.db"))


def run(ledger: Ledger, *statements: tuple[str, tuple[object, ...]]) -> None:
    with contextlib.closing(sqlite3.connect(ledger.file)) as database:
        for trigger in TRIGGERS:
            database.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement, values in statements:
            database.execute(statement, values)
        database.commit()


def verified(ledger: Ledger, *, jobs: int = 1, first: int = 0, last: int | None = None) -> Result:
    database = Database(f"sqlite:///{ledger.file}")
    try:
        with database.reading() as connection:
            return verify_ledger(
                connection,
                origin=ledger.origin,
                keys=[parse_vkey(ledger.key)],
                first=first,
                last=last,
                work=Work(jobs),
            )
    finally:
        database.close()


def named(result: Result) -> Named:
    return {(problem.code, problem.seq) for problem in result.problems}


def checked(ledger: Ledger, *, first: int = 0, last: int | None = None) -> Named:
    """Verify in a walk and by ranges, compare what they find, and return it."""
    found = verified(ledger, first=first, last=last)
    with pytest.MonkeyPatch.context() as patch:  # ranges are walked in this process: none starts
        patch.setattr(
            ranges, "in_order", lambda work, tasks, **_: ((task, work(task)) for task in tasks)
        )
        assert verified(ledger, jobs=2, first=first, last=last) == found
    return named(found)


QUICK = settings(
    phases=[Phase.explicit, Phase.generate],  # shrinking copies for minutes what any example shows
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def test_what_nobody_touched_is_sound_in_one_process_and_in_two(sound: Ledger) -> None:
    assert checked(sound) == set()
    assert verified(sound, jobs=2) == verified(sound)
    assert sound.size > MANY


@QUICK
@given(data=st.data())
def test_any_unbroken_part_is_sound_by_ranges(sound: Ledger, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, sound.size - 1))
    last = data.draw(st.integers(first, sound.size - 1) | st.none())
    assert checked(sound, first=first, last=last) == set()


@QUICK
@given(data=st.data())
def test_each_byte_of_an_entry_is_guarded_and_named(sound: Ledger, data: st.DataObject) -> None:
    seq = data.draw(st.integers(0, sound.size - 1), "entry")
    column = data.draw(st.sampled_from(["body", "leaf", "entry_hash"]))
    with copied(sound) as ledger:
        with contextlib.closing(sqlite3.connect(ledger.file)) as database:
            query = f"SELECT {column} FROM ledger_entries WHERE seq = ?"
            value = bytearray(database.execute(query, (seq,)).fetchone()[0])
        value[data.draw(st.integers(0, len(value) - 1), "byte")] ^= data.draw(st.integers(1, 255))
        update = f"UPDATE ledger_entries SET {column} = ? WHERE seq = ?"
        run(ledger, (update, (bytes(value), seq)))
        found = checked(ledger)
    code = "chain_broken" if column == "entry_hash" else "entry_altered"
    assert (code, seq) in found
    if column == "body":
        assert found == {("entry_altered", seq)}
    if column == "entry_hash" and seq < sound.size - 1:
        assert found == {("chain_broken", seq), ("chain_broken", seq + 1)}


@QUICK
@given(data=st.data())
def test_entries_that_are_removed_swapped_or_cut_off_are_named(
    sound: Ledger, data: st.DataObject
) -> None:
    seq = data.draw(st.integers(0, sound.size - 2), "entry")
    other = data.draw(st.integers(0, sound.size - 1).filter(lambda n: n != seq), "other")
    how = data.draw(st.sampled_from(["removed", "swapped", "cut off"]))
    where: tuple[object, ...] = (seq,)
    with copied(sound) as ledger:
        if how == "removed":
            run(ledger, ("DELETE FROM ledger_entries WHERE seq = ?", where))
        elif how == "cut off":
            run(ledger, ("DELETE FROM ledger_entries WHERE seq > ?", where))
        else:
            move = "UPDATE ledger_entries SET seq = ? WHERE seq = ?"
            run(ledger, (move, (-9, seq)), (move, (seq, other)), (move, (other, -9)))
        found = checked(ledger)
    if how == "removed":
        assert ("entry_missing", seq) in found
    elif how == "cut off":
        assert found >= {("entry_missing", seq + 1), ("head_mismatch", sound.size - 1)}
    else:
        assert found >= {("chain_broken", seq), ("chain_broken", other)}


@QUICK
@given(data=st.data())
def test_tiles_and_the_head_are_guarded(sound: Ledger, data: st.DataObject) -> None:
    n = data.draw(st.integers(0, sound.size // 256 - 1), "tile")
    statements = {
        "hashes": "UPDATE ledger_tiles SET hashes = zeroblob(8192) WHERE level = 0 AND n = ?",
        "root": "UPDATE ledger_tiles SET root = zeroblob(32) WHERE level = 0 AND n = ?",
        "gone": "DELETE FROM ledger_tiles WHERE level = 0 AND n = ?",
    }
    how = data.draw(st.sampled_from(sorted(statements)))
    with copied(sound) as ledger:
        run(ledger, (statements[how], (n,)))
        assert ("tile_mismatch", n * 256) in checked(ledger)


@pytest.mark.parametrize("size", [0, 2**40, 2**62])
def test_a_head_that_lies_about_its_size_neither_hides_nor_stalls(sound: Ledger, size: int) -> None:
    with copied(sound) as ledger:
        run(ledger, ("UPDATE ledger_head SET size = ?", (size,)))
        assert "head_mismatch" in {code for code, _ in checked(ledger)}


def test_two_processes_name_the_same_damage(sound: Ledger) -> None:
    with copied(sound) as ledger:
        run(
            ledger,
            ("UPDATE ledger_entries SET body = X'7B7D' WHERE seq IN (?, ?)", (300, 900)),
            ("DELETE FROM ledger_entries WHERE seq = ?", (700,)),
        )
        assert verified(ledger, jobs=2) == verified(ledger)


def test_every_database_verifies_in_two_processes(warden: Warden) -> None:
    populate(warden)

    def record_many(c: Change) -> None:
        for _ in range(600):
            c.record(AccessUsed(permission=Code("audit.export")))

    change(warden, "carol", record_many)
    one = warden.audit.verify()
    told: list[tuple[int, int]] = []
    two = warden.audit.verify(jobs=2, progress=lambda done, total: told.append((done, total)))
    assert (two.ok, two.problems, two.last) == (True, (), one.last + 1)
    assert told[-1] == (two.size, two.size)
