"""`ledger.sign_after: replicated`: no head is signed that a synchronous standby could lose (LG-24)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from modelwarden.config import Settings, load
from modelwarden.errors import NotReplicated, SettingInvalid
from modelwarden.ledger.checkpoint import unverified_checkpoint
from modelwarden.store import entries, guard_file, replication
from modelwarden.store.database import Database
from modelwarden.warden.warden import open_warden
from tests.faults.conftest import serving
from tests.faults.standby import execute, following
from tests.store.deeds import define, submitted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden
    from tests.faults.conftest import Server
from tests.faults.standby import Standby

pytestmark = pytest.mark.services

NAMED = {
    "": "no synchronous standby is named",
    "other": "0 of 1",
    "ANY 2 (spare, other)": "1 of 2",
}


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(name="standby", scope="module")
def _standby(server: Server) -> Iterator[Standby]:
    with following(server) as standby:
        yield standby


@pytest.fixture(name="url")
def _url(server: Server, standby: Standby, tmp_path: Path) -> str:
    """Return a database of the test's own on the server; the standby follows all of them."""
    assert standby.processes
    name = f"warden_{abs(hash(tmp_path))}"
    execute(server.url, f"CREATE DATABASE {name}")
    return str(server.process.get_uri(database=name))


@pytest.fixture(name="warden")
def _warden(url: str, tmp_path: Path) -> Iterator[Warden]:
    with open_warden(url, keys_folder=tmp_path / "keys", ledger_sign_after="replicated") as warden:
        yield warden


def name_standbys(server: Server, names: str) -> None:
    """Name the synchronous standbys, and wait until sessions see it."""
    execute(server.url, f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
    execute(server.url, "SELECT pg_reload_conf()")
    query = "SELECT current_setting('synchronous_standby_names')"
    for _ in range(200):
        with psycopg.connect(server.url, autocommit=True) as connection:
            if connection.execute(query).fetchone() == (names,):
                return
        time.sleep(0.05)
    raise AssertionError(names)


def signed(warden: Warden) -> int:
    with warden.store.database.reading() as connection:
        note = entries.newest_checkpoint(connection)
    return 0 if note is None else unverified_checkpoint(note).size


def size(warden: Warden) -> int:
    with warden.store.database.reading() as connection:
        return entries.read_head(connection).size


def until_signed(warden: Warden) -> None:
    """Wait until the background has signed all that is committed."""
    for _ in range(600):
        if signed(warden) == size(warden):
            return
        time.sleep(0.05)
    raise AssertionError(
        f"{signed(warden)} of {size(warden)} are signed: {warden.store.signer.lacking}"
    )


def test_with_the_standby_at_hand_all_is_signed(warden: Warden) -> None:
    submitted(warden, define("one"))
    until_signed(warden)
    warden.sign()
    assert signed(warden) == size(warden)


def test_while_the_standby_is_held_still_nothing_is_signed(
    warden: Warden, standby: Standby
) -> None:
    until_signed(warden)
    before = signed(warden)
    standby.pause()
    last = submitted(warden, define("one")).receipt.seq  # answered: commits do not wait
    for _ in range(2):
        with pytest.raises(NotReplicated, match="spare"):
            warden.sign()
    assert (signed(warden), size(warden) > before) == (before, True)
    guard = guard_file.read(warden.settings.ledger_guard_file)  # type: ignore[arg-type]
    assert guard is not None
    assert guard.size == before  # so that failing over to it is no rollback
    warden.add_user("erin", roles=["auditor"])
    erin = warden.acting_as("erin")
    assert erin.audit.receipt(last, wait_s=1).status == "committed"
    health = {part.name: part for part in warden.operation.health().components}
    assert (health["standbys"].status, "spare" in health["standbys"].detail) == ("degraded", True)
    standby.resume()
    until_signed(warden)
    assert erin.audit.receipt(last, wait_s=20).status == "checkpointed"


def test_under_steady_writing_signing_comes_after_and_not_never(warden: Warden) -> None:
    """At each look the log has moved on; a head that was looked at before is signed nevertheless."""
    until_signed(warden)
    before, n = signed(warden), 0
    while signed(warden) < before + 50:
        n += 1
        assert n < 5_000, "nothing was signed under load"
        submitted(warden, define(f"role{n}"))
    until_signed(warden)


def test_a_standby_that_is_gone_or_named_nowhere_confirms_nothing(
    warden: Warden, server: Server
) -> None:
    until_signed(warden)
    before = signed(warden)
    try:
        for number, (names, reason) in enumerate(NAMED.items()):
            name_standbys(server, names)
            submitted(warden, define(f"role{number}"))
            with pytest.raises(NotReplicated, match=reason):
                warden.sign()
            assert signed(warden) == before
    finally:
        name_standbys(server, "FIRST 1 (spare)")
    until_signed(warden)


def test_what_the_role_may_not_see_confirms_nothing(standby: Standby, server: Server) -> None:
    """A role without pg_read_all_stats sees standbys without their positions."""
    assert standby.processes
    execute(server.url, "CREATE ROLE plain LOGIN")
    with psycopg.connect(server.url.replace("postgres:", "plain:"), autocommit=True) as plain:
        assert plain.execute("SELECT flush_lsn FROM pg_stat_replication").fetchone() == (None,)
        database = Database(server.url.replace("postgres:", "plain:"))
        with database.reading() as connection:
            assert "pg_read_all_stats" in str(replication.missing(connection, 0))
        database.close()


def test_by_default_a_committed_head_is_signed(url: str, standby: Standby, tmp_path: Path) -> None:
    standby.pause()
    with open_warden(url, keys_folder=tmp_path / "keys") as warden:
        submitted(warden, define("one"))
        warden.sign()
        assert signed(warden) == size(warden)
    standby.resume()


@pytest.mark.parametrize("url", ["sqlite:///warden.db", "sqlite://"])
def test_sqlite_has_no_standby(url: str) -> None:
    with pytest.raises(SettingInvalid, match="PostgreSQL"):
        load({"url": url}, environment={"MODELWARDEN_LEDGER_SIGN_AFTER": "replicated"})
    with pytest.raises(SettingInvalid, match="sign_after"):
        Settings(url=url, ledger_sign_after="never")
