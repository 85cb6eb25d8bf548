"""Importing the guard's parts costs little: no package, no event loop, no database."""

from __future__ import annotations

from tests.house.source import PACKAGE
from tests.house.test_imports import run


def test_parts_load_no_event_loop_no_database_and_no_package() -> None:
    parts = sorted(f"modelwarden.guard.{p.stem}" for p in (PACKAGE / "guard").glob("[a-z]*.py"))
    parts.remove("modelwarden.guard.sqlite_store")  # loaded by whoever asks for that store
    heavy = ("asyncio", "sqlite3", "numpy", "pandas", "polars", "pyarrow", "cryptography", "ssl")
    done = run(
        f"import {', '.join(parts)}\nprint(*sorted(set({heavy!r}) & set(sys.modules)))", "-I"
    )
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_the_guard_alone_loads_nothing_of_others_and_not_what_fetches_and_verifies() -> None:
    heavy = {"json", "hashlib", "urllib.parse", "socket", "concurrent.futures", "tempfile"}
    heavy |= {"dataclasses", "inspect"}
    done = run(
        "before = set(sys.modules)\nimport modelwarden.guard.guard\n"
        "loaded = {n: m for n, m in sys.modules.items() if n not in before}\n"
        "theirs = {n for n, m in loaded.items() if 'site-packages' in str(getattr(m, '__file__', ''))}\n"
        f"print(*sorted(theirs | ({heavy!r} & set(loaded))))",
        "-I",
    )
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr
