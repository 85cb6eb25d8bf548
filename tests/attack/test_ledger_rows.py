"""An insider edits rows in the database file, triggers dropped first: each change is found, by code and entry.

Whoever rewrites everything, even with the log key, is found by what is kept elsewhere: guard file, older checkpoint.
"""
# ruff: noqa: S608  # an insider writes SQL by hand

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.audit import actions
from modelwarden.config import Settings
from modelwarden.errors import RollbackSuspected
from modelwarden.facts.access import AccessUsed
from modelwarden.facts.kinds import Code
from modelwarden.ledger.checkpoint import Checkpoint, sign_note
from modelwarden.ledger.entry import chain, chain_start
from modelwarden.ledger.merkle import Frontier, leaf_hash, tree_root
from modelwarden.store import keyring
from modelwarden.store.change import Surroundings, View
from modelwarden.store.database import Database
from modelwarden.values.clock import SystemClock
from modelwarden.values.system import system
from modelwarden.warden.warden import Warden
from tests.audit.sample import change, populate, sign

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.store.change import Change
    from modelwarden.store.keyring import Keyring
    from modelwarden.values.answers import VerificationAnswer

TRIGGERS: Final = (
    "ledger_entries_no_update",
    "ledger_entries_no_delete",
    "ledger_head_grows",
    "ledger_head_stays",
)
MANY: Final = 800
Named = set[tuple[str, int | None]]


@dataclass(frozen=True)
class House:
    """A warden's files, with what an attack needs to know of them."""

    folder: Path
    size: int
    early: str
    """A checkpoint, signed early on and kept elsewhere."""

    def copied(self, to: Path) -> House:
        shutil.copytree(self.folder, to)
        return House(to, self.size, self.early)

    @property
    def settings(self) -> Settings:
        return Settings(url=f"sqlite:///{self.folder}/warden.db").located()

    @property
    def keys(self) -> Keyring:
        assert self.settings.keys_folder is not None
        return keyring.load(self.settings.keys_folder)

    def run(self, *statements: str) -> None:
        with contextlib.closing(sqlite3.connect(self.folder / "warden.db")) as database:
            for trigger in TRIGGERS:
                database.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            for statement in statements:
                database.execute(statement)
            database.commit()

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(self.folder / "warden.db")) as database:
            return database.execute(query).fetchall()

    def verified(self, **wanted: object) -> VerificationAnswer:
        database = Database(self.settings.url)
        around = Surroundings(keyring=self.keys, settings=self.settings)
        try:
            with database.reading() as connection:
                view = View(
                    connection,
                    now=SystemClock().now(),
                    principal=system("process"),
                    around=around,
                )
                return actions.verify_database(view, **wanted)  # type: ignore[arg-type]
        finally:
            database.close()

    def named(self, **wanted: object) -> Named:
        return {(p.code, p.seq) for p in self.verified(**wanted).problems}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("house") / "it"
    folder.mkdir()

    def record_many(c: Change) -> None:
        for _ in range(MANY):
            c.record(AccessUsed(permission=Code("audit.export")), tags=["DAILY"])

    with Warden(Settings(url=f"sqlite:///{folder}/warden.db")) as warden:
        populate(warden)
        early = sign(warden)
        change(warden, "carol", record_many)
        newest = sign(warden)
    return House(folder, int(newest.split("\n")[1]), early)


@pytest.fixture
def house(built: House, tmp_path: Path) -> House:
    return built.copied(tmp_path / "copy")


def test_the_house_is_sound_before_anybody_touches_it(built: House) -> None:
    found = built.verified(strict=True, state=True, remembered=[built.early])
    assert (found.problems, found.not_checked, found.uncovered) == ((), (), 0)
    assert built.size > 3 * 256


# --- entries, head, tiles, checkpoints -------------------------------------------------------------

V2 = "CAST(replace(CAST(body AS TEXT), '\"v\":1', '\"v\":2') AS BLOB)"
EXACT: Final[dict[str, tuple[tuple[str, ...], Named]]] = {
    "a body edited": (
        (f"UPDATE ledger_entries SET body = {V2} WHERE seq = 7",),
        {("entry_altered", 7)},
    ),
    "two bodies exchanged": (
        (
            "CREATE TEMP TABLE t AS SELECT * FROM ledger_entries WHERE seq IN (7, 9)",
            (
                "UPDATE ledger_entries SET body = (SELECT body FROM t WHERE t.seq = 16 - ledger_entries.seq)"
                " WHERE seq IN (7, 9)"
            ),
        ),
        {("entry_altered", 7), ("entry_altered", 9)},
    ),
    "an entry hash edited": (
        ("UPDATE ledger_entries SET entry_hash = zeroblob(32) WHERE seq = 7",),
        {("chain_broken", 7), ("chain_broken", 8)},
    ),
    "a tile edited": (
        ("UPDATE ledger_tiles SET hashes = zeroblob(8192) WHERE level = 0 AND n = 1",),
        {("tile_mismatch", 256)},
    ),
    "a tile deleted": (
        ("DELETE FROM ledger_tiles WHERE level = 0 AND n = 2",),
        {("tile_mismatch", 512)},
    ),
    "a tile added": (
        ("INSERT INTO ledger_tiles VALUES (0, 9, zeroblob(8192), zeroblob(32))",),
        {("tile_mismatch", 9 * 256)},
    ),
    "a tile replayed": (
        (
            "UPDATE ledger_tiles SET hashes = (SELECT hashes FROM ledger_tiles WHERE n = 0) WHERE n = 2",
        ),
        {("tile_mismatch", 512)},
    ),
}


@pytest.mark.parametrize("attack", EXACT)
def test_one_edited_row_is_named_and_nothing_else(house: House, attack: str) -> None:
    statements, expected = EXACT[attack]
    house.run(*statements)
    assert house.named() == expected


FOUND: Final[dict[str, tuple[tuple[str, ...], Named]]] = {
    "a leaf edited": (
        ("UPDATE ledger_entries SET leaf = zeroblob(32) WHERE seq = 7",),
        {("entry_altered", 7), ("chain_broken", 7), ("tile_mismatch", 0)},
    ),
    "an entry deleted": (("DELETE FROM ledger_entries WHERE seq = 7",), {("entry_missing", 7)}),
    "the end cut off": (
        ("DELETE FROM ledger_entries WHERE seq >= 600",),
        {("entry_missing", 600), ("head_mismatch", -1)},
    ),
    "the beginning cut off": (
        ("DELETE FROM ledger_entries WHERE seq < 4",),
        {("entry_missing", 0)},
    ),
    "two entries exchanged": (
        (
            "UPDATE ledger_entries SET seq = -1 WHERE seq = 7",
            "UPDATE ledger_entries SET seq = 7 WHERE seq = 8",
            "UPDATE ledger_entries SET seq = 8 WHERE seq = -1",
        ),
        {("chain_broken", 7), ("chain_broken", 8), ("chain_broken", 9)},
    ),
    "an entry replayed": (
        (
            (
                "UPDATE ledger_entries SET (body, leaf) ="
                " (SELECT body, leaf FROM ledger_entries WHERE seq = 7) WHERE seq = 20"
            ),
        ),
        {("chain_broken", 20), ("tile_mismatch", 0)},
    ),
    "an entry appended behind the head": (
        (
            "INSERT INTO ledger_entries SELECT max(seq) + 1, body, leaf, entry_hash FROM ledger_entries",
        ),
        {("head_mismatch", -1)},
    ),
    "the head moved": (("UPDATE ledger_head SET size = size - 1",), {("head_mismatch", None)}),
    "the head's hash edited": (
        ("UPDATE ledger_head SET entry_hash = zeroblob(32)",),
        {("head_mismatch", -1)},
    ),
    "the head's frontier edited": (
        ("UPDATE ledger_head SET frontier = zeroblob(length(frontier))",),
        {("head_mismatch", -1)},
    ),
    "the head renamed": (("UPDATE ledger_head SET origin = 'x'",), {("head_mismatch", -1)}),
    "the head deleted": (("DELETE FROM ledger_head",), {("head_mismatch", None)}),
    "a checkpoint's signature edited": (
        (
            (
                "UPDATE ledger_checkpoints SET note = CAST(substr(CAST(note AS TEXT), 1,"
                " length(CAST(note AS TEXT)) - 12) || 'AAAAAAAAAAA' || char(10) AS BLOB)"
                " WHERE size = (SELECT max(size) FROM ledger_checkpoints)"
            ),
        ),
        {("checkpoint_invalid", None)},
    ),
    "a checkpoint emptied": (
        ("UPDATE ledger_checkpoints SET note = x'' WHERE size = 1",),
        {("checkpoint_invalid", None), ("checkpoint_invalid", 0)},
    ),
    "a checkpoint replayed at another size": (
        (
            (
                "UPDATE ledger_checkpoints SET note = (SELECT note FROM ledger_checkpoints WHERE size = 1)"
                " WHERE size = (SELECT max(size) FROM ledger_checkpoints)"
            ),
        ),
        {("checkpoint_invalid", -1)},
    ),
}


@pytest.mark.parametrize("attack", FOUND)
def test_each_attack_on_the_ledger_is_found(house: House, attack: str) -> None:
    statements, expected = FOUND[attack]
    house.run(*statements)
    found = house.named()
    last = house.size - 1
    for code, seq in expected:
        if seq == -1:  # somewhere at the end
            assert any(c == code and s is not None and s >= 599 for c, s in found), (found, last)
        elif seq is None:
            assert any(c == code for c, _ in found), found
        else:
            assert (code, seq) in found


def test_an_older_checkpoint_with_another_root_is_found(house: House) -> None:
    keys, size = house.keys, int(house.early.split("\n")[1])
    note = sign_note(Checkpoint(keys.origin, size, bytes(32)), keys.log_key)
    house.run(f"UPDATE ledger_checkpoints SET note = x'{note.hex()}' WHERE size = {size}")
    assert ("root_mismatch", size - 1) in house.named()
    assert ("root_mismatch", size - 1) in house.named(first=300, last=400)
    assert ("rolled_back", size - 1) in house.named(remembered=[house.early])


# --- the search index ------------------------------------------------------------------------------

INDEX: Final[dict[str, tuple[str, int]]] = {
    "a type edited": ("UPDATE ledger_index SET type = 'model.updated' WHERE seq = 7", 7),
    "an actor edited": ("UPDATE ledger_index SET actor = 'usr_x' WHERE seq = 9", 9),
    "a time edited": ("UPDATE ledger_index SET at = '2020' WHERE seq = 9", 9),
    "a row deleted": ("DELETE FROM ledger_index WHERE seq = 11", 11),
    "a row added": ("INSERT INTO ledger_index VALUES (9999, '', '', 0, '', '')", 9999),
    "a subject deleted": ("DELETE FROM ledger_subjects WHERE seq = 5", 5),
    "a subject added": ("INSERT INTO ledger_subjects VALUES ('model', 'x', 500, NULL)", 500),
    "a revision edited": ("UPDATE ledger_subjects SET rev = 9 WHERE seq = 6 AND rev = 1", 6),
    "a tag deleted": ("DELETE FROM ledger_tags WHERE seq = 300", 300),
    "a tag added": ("INSERT INTO ledger_tags VALUES ('X', 301)", 301),
}


@pytest.mark.parametrize("attack", INDEX)
def test_each_attack_on_the_index_is_found(house: House, attack: str) -> None:
    statement, seq = INDEX[attack]
    house.run(statement)
    assert house.named(strict=True) == {("index_mismatch", seq)}
    assert ("index_mismatch", seq) in house.named(state=True)
    unread = [text for text in house.verified().not_checked if text.startswith("search index")]
    assert unread != []


# --- governed rows and texts -----------------------------------------------------------------------

STATE: Final[dict[str, tuple[str, str]]] = {
    "an owner edited": ("UPDATE models SET owner = 'usr_x' WHERE name = 'churn'", "model:churn"),
    "a purpose taken away": (
        "UPDATE models SET purpose = NULL WHERE name = 'churn'",
        "model:churn",
    ),
    "a figure edited": (
        "UPDATE versions SET evaluation = replace(evaluation, '0.85', '0.99') WHERE label = '1.1.0'",
        "version:churn@1.1.0",
    ),
    "an approval forged": (
        "UPDATE versions SET approvals = '{\"production\":\"approved\"}' WHERE label = '1.1.0'",
        "version:churn@1.1.0",
    ),
    "a revision put back": (
        "UPDATE versions SET revision = 1 WHERE label = '1.1.0'",
        "version:churn@1.1.0",
    ),
    "a row deleted": ("DELETE FROM versions WHERE name = 'fraud@1.0.0'", "version:fraud@1.0.0"),
}


@pytest.mark.parametrize("attack", STATE)
def test_each_attack_on_governed_rows_is_found(house: House, attack: str) -> None:
    statement, subject = STATE[attack]
    kind, _, name = subject.partition(":")
    newest = house.ask(
        f"SELECT max(seq) FROM ledger_subjects WHERE kind = '{kind}' AND id = '{name}' AND rev IS NOT NULL"
    )
    house.run(statement)
    assert house.named() == set()
    assert house.named(state=True) == {("state_mismatch", newest[0][0])}


def test_a_role_that_nobody_granted_is_found(house: House) -> None:
    house.run("UPDATE bindings SET role = 'admin' WHERE role = 'developer'")
    (problem,) = house.verified(state=True).problems
    assert problem.code == "state_mismatch"
    granted = house.ask(f"SELECT body FROM ledger_entries WHERE seq = {problem.seq}")
    assert json.loads(str(granted[0][0], "utf-8"))["fact"]["role"] == "developer"  # type: ignore[arg-type]


def test_a_row_without_any_entry_is_found(house: House) -> None:
    house.run("INSERT INTO models SELECT 'ghost', " + _columns_after_name(house) + " LIMIT 1")
    assert house.named(state=True) == {("state_mismatch", None)}


def _columns_after_name(house: House) -> str:
    names = [str(row[1]) for row in house.ask("PRAGMA table_info(models)")][1:]
    return f"{', '.join(names)} FROM models"


def test_an_older_state_replayed_with_its_index_is_found(house: House) -> None:
    """The row as it was at revision 1, and the index made to say that there was no later one."""
    ((name, before),) = house.ask(
        "SELECT id, seq FROM ledger_subjects WHERE id = 'churn@1.1.0' AND rev = 2"
    )
    house.run(
        "UPDATE versions SET evaluation = replace(evaluation, '0.85', '0.84'), revision = 1"
        f" WHERE name = '{name}'",
        f"UPDATE ledger_subjects SET rev = NULL WHERE id = '{name}' AND rev = 2",
    )
    assert ("index_mismatch", before) in house.named(state=True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE texts SET ciphertext = zeroblob(60) WHERE rowid = 1",
        "UPDATE texts SET wrapped = zeroblob(60) WHERE rowid = 1",
        (
            "UPDATE texts SET (wrapped, ciphertext) = (SELECT wrapped, ciphertext FROM texts WHERE rowid = 2)"
            " WHERE rowid = 1"
        ),
    ],
)
def test_altered_words_are_found(house: House, statement: str) -> None:
    house.run(statement)
    (problem,) = house.verified(state=True).problems
    (commitment,) = house.ask("SELECT commitment FROM texts WHERE rowid = 1")[0]
    assert problem.code == "text_altered"
    assert str(commitment) in problem.detail


# --- rows that facts hold a digest of --------------------------------------------------------------

FIGURES: Final = {
    "edited": "UPDATE metrics SET value = '0.99' WHERE name = 'auc'",
    "one deleted": "DELETE FROM metrics WHERE name = 'auc'",
    "all deleted": "DELETE FROM metrics",
    "one added": "INSERT INTO metrics SELECT 'met_x', version, 'f1', '0.99', at, recorded_by, recorded_at"
    " FROM metrics LIMIT 1",
    "moved in time": "UPDATE metrics SET at = '2020-01-01T00:00:00.000000Z'",
}


@pytest.mark.parametrize("attack", FIGURES)
def test_observed_figures_have_to_be_those_that_were_recorded(house: House, attack: str) -> None:
    ((told,),) = house.ask("SELECT max(seq) FROM ledger_index WHERE type = 'metrics.recorded'")
    house.run(FIGURES[attack])
    assert house.named(state=True) == {("evidence_mismatch", told)}


def test_figures_of_a_version_that_nobody_registered_are_found(house: House) -> None:
    house.run("INSERT INTO metrics VALUES ('met_x', 'ghost@1', 'f1', '0.99', 'x', 'usr_x', 'x')")
    assert house.named(state=True) == {("evidence_mismatch", None)}


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("INSERT INTO person_links VALUES ('per_x', 'per_y')", None),
        ("DELETE FROM person_links", -1),
        ("UPDATE person_links SET person = 'per_x'", -1),
    ],
)
def test_a_link_of_persons_has_to_be_one_that_was_recorded(
    house: House, statement: str, seq: int | None
) -> None:
    ((told,),) = house.ask("SELECT max(seq) FROM ledger_index WHERE type = 'persons.linked'")
    house.run(statement)
    assert house.named(state=True) == {("evidence_mismatch", told if seq else None)}


# --- everything rewritten --------------------------------------------------------------------------


def rewrite(house: House, *, size: int, key: Keyring | None) -> None:
    """Change entry 7, cut at `size`, and make chain, tiles, head fit again; sign if the key was stolen."""
    origin = house.keys.origin
    previous, leaves = chain_start(origin), list[bytes]()
    frontier = Frontier()
    with contextlib.closing(sqlite3.connect(house.folder / "warden.db")) as database:
        bodies = database.execute("SELECT seq, body FROM ledger_entries ORDER BY seq").fetchall()
        for table in ("ledger_entries", "ledger_tiles", "ledger_checkpoints"):
            database.execute(f"DELETE FROM {table}")
        for seq, body in bodies[:size]:
            changed = body.replace(b'"v":1', b'"v":3') if seq == 7 else body
            leaf = leaf_hash(changed)
            previous = chain(previous, leaf)
            leaves.append(leaf)
            database.execute(
                "INSERT INTO ledger_entries VALUES (?, ?, ?, ?)", (seq, changed, leaf, previous)
            )
        for n in range(size // 256):
            tile = b"".join(leaves[n * 256 : (n + 1) * 256])
            row = (n, tile, tree_root(leaves[n * 256 : (n + 1) * 256]))
            database.execute("INSERT INTO ledger_tiles VALUES (0, ?, ?, ?)", row)
        frontier.extend(leaves)
        database.execute(
            "UPDATE ledger_head SET size = ?, entry_hash = ?, frontier = ?",
            (size, previous, frontier.to_bytes()),
        )
        if key is not None:
            note = sign_note(Checkpoint(origin, size, tree_root(leaves)), key.log_key)
            database.execute("INSERT INTO ledger_checkpoints VALUES (?, ?)", (size, note))
        database.commit()


@pytest.mark.parametrize("key", ["stolen", "safe"])
@pytest.mark.parametrize("cut", [0, 100])
def test_a_rewritten_ledger_is_found_by_the_guard_file(house: House, key: str, cut: int) -> None:
    house.run()
    rewrite(house, size=house.size - cut, key=house.keys if key == "stolen" else None)
    assert house.named() == {("rolled_back", house.size - 1)}
    unsigned = any(text.startswith("unsigned") for text in house.verified().not_checked)
    assert unsigned == (key == "safe")


@pytest.mark.parametrize("cut", [0, 100])
def test_a_rewritten_ledger_is_found_by_an_older_checkpoint(house: House, cut: int) -> None:
    """Key stolen, guard file deleted: what somebody noted down elsewhere still tells."""
    house.run()
    rewrite(house, size=house.size - cut, key=house.keys)
    assert house.settings.ledger_guard_file is not None
    house.settings.ledger_guard_file.unlink()
    assert house.verified().ok
    known = int(house.early.split("\n")[1])
    assert house.named(remembered=[house.early]) == {("rolled_back", known - 1)}


def test_a_database_put_back_to_an_older_copy_takes_no_writes(built: House, tmp_path: Path) -> None:
    """An older file under a newer guard file: found by verification, and before that by the start."""
    house = built.copied(tmp_path / "old")
    with Warden(built.copied(tmp_path / "new").settings) as warden:
        warden.add_user("late")
        newer = sign(warden)
    shutil.copy(tmp_path / "new" / "warden.guard", house.folder / "warden.guard")
    size = int(newer.split("\n")[1])
    assert house.named() == {("rolled_back", size - 1)}
    assert house.named(remembered=[newer]) == {("rolled_back", size - 1)}
    with Warden(house.settings) as warden, pytest.raises(RollbackSuspected):
        warden.add_user("late")
