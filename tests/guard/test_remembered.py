"""Last known good: both stores keep one contract, and nothing is served that SG-39 rules out."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import ValueInvalid
from modelwarden.guard.remembered import Good, MemoryStore, key_text, refusal
from modelwarden.guard.sqlite_store import SqliteStore
from tests.house.source import SRC

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.guard.remembered import Store

NewStore = "Callable[[], Store]"


def never(version: str | None) -> bool:
    return version == "not a version"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "good.db"


@pytest.fixture(params=["memory", "sqlite", "sqlite, written"])
def store(request: pytest.FixtureRequest, path: Path) -> Iterator[Store]:
    made: Any = MemoryStore() if request.param == "memory" else SqliteStore(path)
    if request.param == "sqlite, written":
        keep = made.keep
        made.keep = lambda *args: keep(*args) and made.flush()
    yield made
    made.close()


@pytest.mark.parametrize(
    "value", [0.5, -0.0, 10**30, "text", True, None, [1, 2.5], {"a": [0.1]}], ids=repr
)
def test_what_is_kept_is_found(store: Store, value: object) -> None:
    assert store.keep("churn", "C1", Good(value, "1.4.0", 1_000.0))
    found = store.find("churn", "C1")
    assert found is not None
    assert repr(found.value) == repr(value)
    assert (found.version, found.made_at) == ("1.4.0", 1_000.0)
    assert store.find("churn", "C2") is None
    assert store.find("value", "C1") is None


def test_models_and_keys_can_not_be_confused(store: Store) -> None:
    store.keep("a", "b:c", Good(1, None, 1.0))
    assert store.find("a:b", "c") is None
    assert store.find("ab", ":c") is None


def test_the_newer_answer_stands_whichever_comes_first(store: Store) -> None:
    store.keep("churn", "C1", Good("new", None, 2.0))
    store.keep("churn", "C1", Good("old", None, 1.0))
    found = store.find("churn", "C1")
    assert found is not None
    assert found.value == "new"


def test_what_is_forgotten_is_gone(store: Store) -> None:
    store.keep("churn", "C1", Good(0.5, None, 1.0))
    assert store.forget("churn", "C1")
    assert store.find("churn", "C1") is None
    assert store.forget("churn", "never kept")


def test_the_host_can_not_change_what_is_kept(store: Store) -> None:
    answer = {"score": [0.5]}
    store.keep("churn", "C1", Good(answer, None, 1.0))
    answer["score"].append(9)
    for _ in range(2):
        found = store.find("churn", "C1")
        assert found is not None
        assert found.value == {"score": [0.5]}
        found.value["score"].append(7)  # type: ignore[index]


def test_memory_keeps_those_that_were_made_last() -> None:
    store = MemoryStore(most=3)
    for number in range(5):
        store.keep("m", str(number), Good(number, None, float(number)))
        store.keep("m", "2", Good("again", None, 10.0 + number))
    assert len(store) == 3
    assert [n for n in range(5) if store.find("m", str(n))] == [2, 3, 4]


@pytest.mark.parametrize(("key", "text"), [("C1", "C1"), (17, "17"), (-1, "-1"), ("Ünï", "Ünï")])
def test_keys_are_texts_or_whole_numbers(key: object, text: str) -> None:
    assert key_text(key) == text


@pytest.mark.parametrize("key", ["", None, True, 1.0, b"C1", ["C1"]], ids=repr)
def test_other_keys_are_refused(key: object) -> None:
    with pytest.raises(ValueInvalid):
        key_text(key)


# --- what may be served ---------------------------------------------------------------------------

TIMES = st.floats(0, 1_000)


@given(TIMES, TIMES, TIMES, TIMES, st.none() | TIMES, st.sampled_from(["1", "2", None]))
def test_nothing_is_served_that_is_too_old_killed_or_made_too_late(
    made: float, held: float, now: float, most: float, before: float | None, version: str | None
) -> None:
    good = Good(0.5, version, made, held)
    why = refusal(
        good, now=now, max_age_s=most, is_killed=lambda v: v in {"2", None}, before=before
    )
    if why is None:
        assert now - made <= most
        assert held <= most
        assert made <= now + 30
        assert before is None or made < before
        assert version == "1"


@pytest.mark.parametrize(
    ("good", "before", "why"),
    [
        (None, None, "nothing_remembered"),
        (Good(1, "1", 900.0), None, None),
        (Good(1, "1", 899.9), None, "too_old"),
        (Good(1, "1", 990.0, held_s=101.0), None, "too_old"),  # the wall clock was set back
        (Good(1, "1", float("nan")), None, "too_old"),
        (Good(1, "1", 1_030.0), None, None),
        (Good(1, "1", 1_030.1), None, "from_future"),
        (Good(1, "1", 950.0), 950.0, "made_after_lkg_before"),
        (Good(1, "1", 950.0), 950.1, None),
        (Good(1, "not a version", 950.0), None, "version_switched_off"),
    ],
)
def test_each_refusal_says_why(good: Good | None, before: float | None, why: str | None) -> None:
    assert refusal(good, now=1_000.0, max_age_s=100.0, is_killed=never, before=before) == why


def test_memory_knows_how_long_it_holds_by_a_clock_that_nobody_sets() -> None:
    seconds = iter([10.0, 75.0])
    store = MemoryStore(clock=lambda: next(seconds))
    store.keep("m", "k", Good(1, None, 1e9))
    found = store.find("m", "k")
    assert found is not None
    assert found.age_s(now=1e9 - 5_000) == 65.0


# --- the file --------------------------------------------------------------------------------------


def test_a_file_survives_a_restart(path: Path) -> None:
    first = SqliteStore(path)
    first.keep("churn", "C1", Good(0.5, "1.4.0", 1_000.0))
    first.close()
    again = SqliteStore(path)
    assert again.find("churn", "C1") == Good(0.5, "1.4.0", 1_000.0)
    again.close()


def test_a_process_that_just_ends_loses_nothing(path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(SRC)!r})\n"
        "from modelwarden.guard.sqlite_store import SqliteStore\n"
        "from modelwarden.guard.remembered import Good\n"
        f"SqliteStore({str(path)!r}).keep('churn', 'C1', Good(0.5, None, 1.0))\n"
        f"store = SqliteStore({str(path)!r}); store.keep('churn', 'C2', Good(0.5, None, 1.0))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)  # noqa: S603 - our own interpreter
    store = SqliteStore(path)
    assert store.find("churn", "C2") is not None
    store.close()


def test_the_file_is_its_owner_s_alone_and_holds_no_key(path: Path) -> None:
    store = SqliteStore(path)
    store.keep("churn", "customer-4711", Good(0.5, None, 1.0))
    assert store.flush()
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
        assert b"customer-4711" not in file.read_bytes()
    store.close()


def test_what_is_forgotten_is_in_no_byte_of_the_files(path: Path) -> None:
    store = SqliteStore(path)
    store.keep("churn", "C1", Good("to-be-erased", None, 1.0))
    assert store.flush()
    assert any(b"to-be-erased" in file.read_bytes() for file in path.parent.iterdir())
    assert store.forget("churn", "C1")
    assert not any(b"to-be-erased" in file.read_bytes() for file in path.parent.iterdir())
    store.close()


def test_another_process_can_not_write_back_what_was_forgotten(path: Path) -> None:
    ours, theirs = (SqliteStore(path, now=lambda: 100.0) for _ in range(2))
    theirs.keep("churn", "C1", Good("old", None, 99.0))  # waits there
    ours.forget("churn", "C1")
    assert theirs.flush()
    assert ours.find("churn", "C1") is None
    theirs.keep("churn", "C1", Good("new", None, 101.0))
    assert theirs.flush()
    assert ours.find("churn", "C1") == Good("new", None, 101.0)
    ours.close()
    theirs.close()


def test_the_file_keeps_those_that_were_made_last(path: Path) -> None:
    store = SqliteStore(path, most=10)
    for number in range(40):
        store.keep("m", str(number), Good(number, None, float(number)))
        if number % 7 == 0:
            store.flush()
    store.flush()
    assert [n for n in range(40) if store.find("m", str(n))] == list(range(30, 40))
    store.close()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}, b"x"], ids=repr)
def test_what_has_no_json_form_is_not_kept(path: Path, value: object) -> None:
    store = SqliteStore(path)
    assert not store.keep("m", "k", Good(value, None, 1.0))
    store.close()
    assert not store.keep("m", "k", Good(1, None, 1.0))  # closed


def test_a_file_that_is_no_database_is_moved_aside(path: Path) -> None:
    path.write_bytes(b"this was never a database, and is long enough to be read as one" * 50)
    store = SqliteStore(path)
    assert store.problem is None
    store.keep("m", "k", Good(1, None, 1.0))
    assert store.flush()
    assert path.with_name("good.db.broken").exists()
    store.close()


def test_a_file_that_can_not_be_made_leaves_answers_in_memory(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "missing" / "good.db")
    assert store.problem is not None
    assert store.keep("m", "k", Good(1, None, 1.0))
    assert not store.flush()
    assert store.find("m", "k") == Good(1, None, 1.0)
    assert not store.forget("m", "k")
    store.close()


def test_a_file_that_another_one_holds_is_written_later(path: Path) -> None:
    store = SqliteStore(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.keep("m", "k", Good(1, None, 1.0))
    assert not store.flush()
    assert "locked" in str(store.problem)
    assert store.find("m", "k") == Good(1, None, 1.0)
    other.execute("ROLLBACK")
    assert store.flush()
    assert store.problem is None
    other.close()
    store.close()


def test_an_answer_that_comes_while_the_file_is_written_is_not_lost(path: Path) -> None:
    store = SqliteStore(path)
    store.keep("m", "k", Good("first", None, 1.0))
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # so that writing waits
    writing = threading.Thread(target=store.flush)
    writing.start()
    while not store._file.locked():
        time.sleep(0.001)
    time.sleep(0.2)
    store.keep("m", "k", Good("second", None, 2.0))
    other.execute("ROLLBACK")
    other.close()
    writing.join()
    store.close()
    again = SqliteStore(path)
    assert again.find("m", "k") == Good("second", None, 2.0)
    again.close()


def test_threads_keep_find_and_forget_at_once(path: Path) -> None:
    store = SqliteStore(path)
    start = threading.Barrier(6, timeout=30)

    def host(worker: int) -> int:
        start.wait()
        wrong = 0
        for number in range(400):
            key = f"{worker}-{number}"
            store.keep("m", key, Good(number, None, float(number)))
            found = store.find("m", key) if number % 5 == 0 else None
            wrong += found is not None and found.value != number
            if number % 50 == 0:
                wrong += not store.forget("m", key) or store.find("m", key) is not None
        return wrong

    with ThreadPoolExecutor(6) as pool:
        assert [done.result() for done in [pool.submit(host, w) for w in range(6)]] == [0] * 6
    assert store.flush()
    kept = [store.find("m", f"{w}-{n}") is not None for w in range(6) for n in range(400)]
    assert sum(kept) == 6 * 392
    store.close()


def _in_child(store: SqliteStore, number: int) -> None:
    store.keep("m", f"child-{number}", Good(number, None, 5.0))
    found = store.find("m", "parent")
    ok = store.flush() and found is not None and found.value == "kept"
    store.close()
    os._exit(0 if ok else 1)


def test_forked_children_use_the_file_beside_their_parent(path: Path) -> None:
    store = SqliteStore(path)
    store.keep("m", "parent", Good("kept", None, 1.0))
    assert store.flush()
    store.keep("m", "waiting", Good("parent's", None, 1.0))
    context = multiprocessing.get_context("fork")
    with store._lock, store._file:  # held by another thread at the moment of the fork
        children = [context.Process(target=_in_child, args=(store, n)) for n in range(3)]
        for child in children:
            child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert [store.find("m", f"child-{n}") for n in range(3)] == [
        Good(n, None, 5.0) for n in range(3)
    ]
    assert store.flush()
    assert store.find("m", "waiting") == Good("parent's", None, 1.0)
    store.close()


def test_a_child_that_ends_takes_nothing_of_its_parent_s_file_along(path: Path) -> None:
    store = SqliteStore(path)
    store.keep("m", "before", Good(1, None, 1.0))
    assert store.flush()
    child = os.fork()
    if not child:
        store.after_fork()
        os._exit(0)
    os.waitpid(child, 0)
    store.keep("m", "after", Good(2, None, 1.0))
    assert store.flush()
    other = SqliteStore(path)  # reads what is on the disk, not what our connection believes
    assert (other.find("m", "before"), other.find("m", "after")) == (
        Good(1, None, 1.0),
        Good(2, None, 1.0),
    )
    other.close()
    store.close()


def test_what_waits_is_written_without_being_asked(path: Path) -> None:
    store, other = SqliteStore(path), SqliteStore(path)
    store.keep("m", "k", Good(1, None, 1.0))
    for _ in range(300):
        if other.find("m", "k"):
            break
        time.sleep(0.1)
    assert other.find("m", "k") == Good(1, None, 1.0)
    store.close()
    other.close()
