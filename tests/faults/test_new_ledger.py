"""All copies of the ledger's end are lost: a backup goes on under a new origin, which names the old one (LG-47)."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modelwarden.audit.offline import verify_export
from modelwarden.config import Settings
from modelwarden.errors import (
    AccountActive,
    ActorNotFound,
    BackupInvalid,
    KeyUnusable,
    NotFound,
    PayloadChanged,
    PermitNeeded,
    RestoreNeedsLedger,
    RestoreRefused,
    TextsLocked,
    ValueInvalid,
)
from modelwarden.warden import upkeep
from modelwarden.warden.warden import Warden
from tests import tables
from tests.access.company import Company, HeldClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelwarden.store.restore import BegunAnew
    from modelwarden.values.answers import VerificationAnswer
    from tests.postgres import NewDatabase

PURPOSE = "predicts which customers leave next month"
WHY = "they were erased on Tuesday, and the backup is of Monday"
NOBODY: Mapping[str, list[str]] = {"identity": [], "authored": []}


class Lost:
    """A warden whose database is gone with every copy of what came after Monday's backup; eve was erased on Tuesday."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(
            url=tables.fresh(folder),
            keys_folder=folder / "keys",
            ledger_guard_file=folder / "guard",
        )
        self.company = company = Company(self.opened(), HeldClock())  # the real clock runs
        company.join("root", "admin")
        company.with_approvers()
        company.join("erin", "auditor")
        company.join("ada", "developer")
        company.join("eve", "developer", email="eve@example.org")
        eve = company.acting("eve")
        eve.models.register("churn", owner="eve", business_purpose=PURPOSE)
        eve.versions.register("churn", "1", metrics={"auc": "0.8"}, description="by eve")
        eve.versions.record_metrics("churn", "1", {"auc": "0.7"}, kind="observed")
        company.join("twin")
        company.acting("root").users.link("twin", to="eve")
        self.token = company.acting("erin").tokens.create().secret or ""
        self.backup = upkeep.backup(company.warden, folder / "monday").path
        self.old = company.acting("erin").audit.checkpoint()
        self.old_keys = company.acting("erin").audit.keys()
        company.acting("ada").models.register("later", business_purpose=PURPOSE)
        self.known = company.acting("erin").audit.checkpoint().size
        company.warden.close()
        (folder / "warden.db").unlink()

    def opened(self) -> Warden:
        return Warden(self.settings)

    @property
    def archive(self) -> Path:
        return self.folder / "old-ledger.zip"

    def begin_anew(self, **changed: object) -> BegunAnew:
        wanted = {"confirmed": self.old.origin, "archive": self.archive} | changed
        return upkeep.begin_anew(self.backup, self.settings, **wanted)  # type: ignore[arg-type]

    def begun(self) -> Company:
        """Begin anew and return the company, open; it waits for its owner to close it."""
        self.begin_anew()
        self.company.warden = self.opened()
        return self.company


@pytest.fixture(name="lost")
def _lost(tmp_path: Path) -> Lost:
    return Lost(tmp_path)


def verified(warden: Warden) -> VerificationAnswer:
    return warden.acting_as("erin").audit.verify(strict=True, state=True)


def test_the_first_entry_names_the_last_checkpoint_of_the_backup(lost: Lost) -> None:
    with pytest.raises(RestoreNeedsLedger):
        upkeep.restore(lost.backup, lost.settings, tell=[].append)
    done = lost.begin_anew()
    with lost.opened() as warden:
        erin = warden.acting_as("erin")
        first = erin.audit.show(0).entry
        fact = first["fact"]
        assert (first["type"], first["severity"]) == ("ledger.started", "HIGH")
        named = (fact["predecessor"], fact["predecessor_size"], fact["predecessor_root"])
        assert named == (lost.old.origin, lost.old.size, lost.old.root)
        assert (fact["origin"] != lost.old.origin, fact["origin"]) == (True, done.origin)
        assert fact["predecessor_known"] == lost.known
        assert erin.audit.checkpoint().origin == done.origin
        pinned = erin.audit.keys()
        assert all(key.startswith(f"{done.origin}+") for key in pinned)
        assert warden.authenticate(lost.token).actor
        found = verified(warden)
        assert (found.ok, found.problems) == (True, ())


def test_the_old_ledger_stays_whole_in_an_export_that_verifies_by_its_own_key(lost: Lost) -> None:
    lost.begin_anew()
    found = verify_export(lost.archive, trusted=lost.old_keys, strict=True)
    assert (found.ok, found.last + 1, found.root) == (True, lost.old.size, lost.old.root)


@pytest.mark.parametrize("typed", ["", "yes", "modelwarden.local/0000000000000000"])
def test_without_the_origin_typed_nothing_is_touched(lost: Lost, typed: str) -> None:
    before = sorted(str(path) for path in lost.folder.rglob("*"))
    with pytest.raises(ValueInvalid):
        lost.begin_anew(confirmed=typed)
    assert sorted(str(path) for path in lost.folder.rglob("*")) == before


def test_a_larger_database_in_place_is_never_replaced(lost: Lost) -> None:
    lost.begin_anew()
    lost.company.warden = lost.opened()
    for number in range(40):
        lost.company.acting("ada").models.register(f"m{number}")
    lost.company.warden.close()
    (lost.folder / "keys" / "log.key").rename(lost.folder / "new")
    (old,) = (
        path
        for path in (lost.folder / "keys").glob("log.*.key")
        if lost.old.origin in path.read_text()
    )
    shutil.copy(old, lost.folder / "keys" / "log.key")  # somebody wants the old name back
    with pytest.raises(RestoreRefused):
        lost.begin_anew(archive=lost.folder / "again.zip")


def test_an_altered_backup_is_refused(lost: Lost) -> None:
    data = bytearray(lost.backup.read_bytes())
    data[-100] ^= 1
    lost.backup.write_bytes(data)
    with pytest.raises(BackupInvalid):
        lost.begin_anew()
    assert not lost.archive.exists()


def test_a_name_that_was_used_is_refused(lost: Lost) -> None:
    lost.settings = replace(lost.settings, ledger_origin=lost.old.origin)
    with pytest.raises(RestoreRefused):
        lost.begin_anew()


def test_stopped_before_the_new_key_took_over_the_next_start_ends_it(lost: Lost) -> None:
    done = lost.begin_anew()
    keys = lost.folder / "keys"
    new = next(p for p in keys.glob("log*.key") if done.origin in p.read_text())
    old = next(p for p in keys.glob("log*.key") if lost.old.origin in p.read_text())
    (was, name) = (new.read_bytes(), old.read_bytes())
    vkey_id = old.name
    old.unlink()
    new.write_bytes(
        name
    )  # as it stood before: the old key without an id, the new one under its own
    from modelwarden.store import key_files  # noqa: PLC0415

    (keys / "aside").write_bytes(was)
    (keys / "aside").chmod(0o600)
    found = key_files.log_id(key_files._log_key(keys / "aside"))
    (keys / "aside").rename(keys / f"log.{found}.key")
    with lost.opened() as warden:
        assert warden.acting_as("erin").audit.checkpoint().origin == done.origin
    assert (keys / vkey_id).read_bytes() == name


def test_a_database_that_only_claims_to_follow_ours_does_not_open(lost: Lost) -> None:
    """Entry 0 may name our ledger as the one before: without the key that it names, our keys do not give way."""
    done = lost.begin_anew()
    keys = lost.folder / "keys"
    (keys / "log.key").unlink()
    (old,) = (p for p in keys.glob("log.*.key") if lost.old.origin in p.read_text())
    old.rename(keys / "log.key")
    with pytest.raises(KeyUnusable, match=done.origin):
        lost.opened()


def test_what_came_over_is_pinned(lost: Lost) -> None:
    lost.begin_anew()
    for statement, code in (
        ("UPDATE models SET team = 'fraud'", "state_mismatch"),
        ("DELETE FROM models", "state_mismatch"),
        ("UPDATE metrics SET value = '0.9'", "evidence_mismatch"),
        ("DELETE FROM metrics", "evidence_mismatch"),
        ("UPDATE person_links SET person = previous", "evidence_mismatch"),
        ("DELETE FROM person_links", "evidence_mismatch"),
    ):
        whole = (lost.folder / "warden.db").read_bytes()
        with sqlite3.connect(lost.folder / "warden.db") as raw:
            raw.execute(statement)
        raw.close()
        with lost.opened() as warden:
            codes = {problem.code for problem in verified(warden).problems}
        assert code in codes, statement
        for suffix in ("-wal", "-shm"):
            (lost.folder / f"warden.db{suffix}").unlink(missing_ok=True)
        (lost.folder / "warden.db").write_bytes(whole)
        (lost.folder / "guard").unlink()  # each attempt signed its own


def test_texts_from_before_are_locked_and_new_ones_are_not(lost: Lost) -> None:
    company = lost.begun()
    with company.warden as warden:
        erin = warden.acting_as("erin")
        model = erin.models.show("churn")
        assert (model.business_purpose, model.owner) == ("locked", model.owner_id)
        assert erin.versions.show("churn", "1").description == "locked"
        assert warden.audit.search(text="customers", include_texts=True).items == ()
        with pytest.raises(TextsLocked):  # it would go by words that it can't read
            company.acting("eve").models.update("churn", business_purpose=PURPOSE)
        company.acting("ada").models.register(
            "new", business_purpose="words that were written today"
        )
        assert erin.models.show("new").business_purpose == "words that were written today"
        health = {part.name: part.status for part in warden.operation.health().components}
        assert (health["texts"], warden.operation.unready()) == ("degraded", ())
    with lost.opened() as again:  # it does not wear off
        assert again.acting_as("erin").models.show("churn").business_purpose == "locked"


def test_one_person_opens_nothing(lost: Lost) -> None:
    company = lost.begun()
    with company.warden:
        root = company.acting("root")
        with pytest.raises(PermitNeeded):
            root.audit.unlock_texts(reason=WHY)
        request = company.ask("root", "texts.unlock", NOBODY)
        company.agree(request.id, "bob")
        with pytest.raises(PermitNeeded):
            root.audit.unlock_texts(reason=WHY)
        assert company.acting("erin").models.show("churn").business_purpose == "locked"
        with pytest.raises(ValueInvalid):
            company.ask("root", "texts.unlock", {"identity": []})
        with pytest.raises(ActorNotFound):
            company.ask("root", "texts.unlock", {"identity": ["nobody"], "authored": []})


def test_what_was_agreed_to_is_erased_before_anything_opens(lost: Lost) -> None:
    company = lost.begun()
    with company.warden as warden:
        root = company.acting("root")
        company.permitted("root", "texts.unlock", {"identity": [], "authored": ["eve"]})
        with pytest.raises(PayloadChanged):
            root.audit.unlock_texts(reason=WHY)  # and whoever was erased would be back
        with pytest.raises(AccountActive):
            root.audit.unlock_texts(authored=["eve"], reason=WHY)
        root.users.deactivate("eve", reason="erased")
        root.users.deactivate("twin", reason="erased")
        done = root.audit.unlock_texts(authored=["eve"], reason=WHY)
        assert (len(done.users), done.waiting, done.texts > 2) == (1, (), True)
        erin = company.acting("erin")
        version = erin.versions.show("churn", "1")
        assert (version.description, erin.models.show("churn").business_purpose) == (
            "erased",
            PURPOSE,
        )
        with pytest.raises(ActorNotFound):
            root.users.show("eve")
        assert erin.models.show("churn").registered_by != "eve"
        told = [each.entry for each in erin.audit.search(type="texts.unlocked,person.erased").items]
        assert [each["type"] for each in told] == ["texts.unlocked", "person.erased"]
        assert told[0]["fact"]["permit"] == told[1]["fact"]["permit"]
        found = verified(warden)
        assert (found.ok, found.problems) == (True, ())
        with pytest.raises(NotFound):
            root.audit.unlock_texts(reason=WHY)


def test_with_nobody_to_erase_all_opens(lost: Lost) -> None:
    company = lost.begun()
    with company.warden:
        company.permitted("root", "texts.unlock", NOBODY)
        assert company.acting("root").audit.unlock_texts(reason=WHY).users == ()
        assert company.acting("erin").models.show("churn").owner == "eve"
    with lost.opened() as again:
        assert again.acting_as("erin").models.show("churn").business_purpose == PURPOSE


def test_where_nothing_was_lost_there_is_nothing_to_unlock(tmp_path: Path) -> None:
    company = Company.at(f"sqlite:///{tmp_path}/warden.db", tmp_path)
    with company.warden, pytest.raises(NotFound):
        company.acting("root").audit.unlock_texts(reason=WHY)


def test_it_goes_on_on_postgresql_too(lost: Lost, postgres_url: NewDatabase) -> None:
    lost.settings = replace(lost.settings, url=postgres_url())
    company = lost.begun()
    with company.warden as warden:
        assert verified(warden).ok
        assert company.acting("erin").models.show("churn").business_purpose == "locked"
        company.permitted("root", "texts.unlock", NOBODY)
        company.acting("root").audit.unlock_texts(reason=WHY)
        assert company.acting("erin").models.show("churn").business_purpose == PURPOSE


def test_a_backup_of_the_new_ledger_restores_as_any(lost: Lost) -> None:
    lost.begin_anew()
    with lost.opened() as warden:
        made = upkeep.backup(warden, lost.folder / "wednesday")
    (lost.folder / "warden.db").unlink()
    upkeep.restore(made.path, lost.settings, tell=[].append)
    with lost.opened() as warden:
        assert verified(warden).ok
        assert json.loads((lost.folder / "guard").read_text())["origin"] != lost.old.origin
