"""The server's own keys are rotated and revoked under a permit; what they did before still counts (LG-63 to LG-65)."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from modelwarden.audit import actions as audit
from modelwarden.errors import (
    Conflict,
    IllegalMove,
    KeyUnusable,
    NotFound,
    NotPermitted,
    PermitNeeded,
    PermitSpent,
    ValueInvalid,
)
from modelwarden.ledger.checkpoint import note_signers, unverified_checkpoint
from modelwarden.ledger.keys import parse_vkey
from modelwarden.warden.warden import open_warden
from tests.store.deeds import ME, define, verified

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.warden.warden import Warden
    from tests.access.company import Company

PURPOSES = ("ledger", "decision", "encryption")


def signers(warden: Warden, *keys: str) -> set[str]:
    """Sign what is committed, and return which of these keys did."""
    note = warden.store.signer.sign()
    try:
        return {key.vkey for key in note_signers(note, [parse_vkey(key) for key in keys])}
    except Exception:  # noqa: BLE001  # none of them
        return set()


def key_files(company: Company) -> set[str]:
    folder = company.warden.settings.keys_folder
    assert folder is not None
    return {path.name for path in folder.glob("[!.]*")}


def test_both_log_keys_sign_for_thirty_days_then_the_new_one_alone(any_company: Company) -> None:
    root, warden = any_company.acting("root"), any_company.warden
    old = warden.audit.keys()[0]
    new = root.server_keys.rotate("ledger")
    assert new.status == "current"
    assert new.public != old
    assert signers(warden, old, new.public) == {old, new.public}
    assert warden.audit.keys() == (new.public, old)
    any_company.clock.advance(days=29)
    any_company.join("dora")
    assert signers(warden, old, new.public) == {old, new.public}
    any_company.clock.advance(days=2)
    any_company.join("erik")
    assert signers(warden, old, new.public) == {new.public}
    assert warden.audit.keys() == (new.public,)
    assert warden.view(ME, audit.verify_database).problems == ()
    assert verified(warden, state=True).problems == ()


def test_the_old_key_signs_on_until_a_checkpoint_handed_over(company: Company) -> None:
    warden = company.warden
    old = warden.audit.keys()[0]
    warden.store.signer._closing.set()  # nothing is signed in the background meanwhile
    warden.store.signer._work.set()
    warden.store.signer._thread.join()
    warden.store.signer.sign()
    new = company.acting("root").server_keys.rotate("ledger").public
    company.clock.advance(days=40)
    assert signers(warden, old, new) == {old, new}
    company.join("dora")
    assert signers(warden, old, new) == {new}


def test_the_ledger_tells_of_a_rotation(company: Company) -> None:
    before = company.warden.audit.keys()[0]
    new = company.acting("root").server_keys.rotate("ledger")
    told = company.last()
    assert (told["type"], told["severity"]) == ("ledger.key_rotated", "HIGH")
    assert (told["fact"]["old"], told["fact"]["new"]) == (before, new.public)
    assert told["fact"]["size"] == len(company.entries()) - 1
    assert [moved["kind"] for moved in told["objects"]] == ["server_key", "server_key"]


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_new_key_lies_beside_the_old_for_its_owner_alone(
    company: Company, purpose: str
) -> None:
    before = key_files(company)
    company.acting("root").server_keys.rotate(purpose)
    (made,) = key_files(company) - before
    assert before < key_files(company)
    folder = company.warden.settings.keys_folder
    assert folder is not None
    assert stat.S_IMODE((folder / made).stat().st_mode) == 0o600


@pytest.mark.parametrize("purpose", PURPOSES)
def test_rotating_takes_the_permission_and_a_permit(company: Company, purpose: str) -> None:
    company.with_approvers()
    before = key_files(company)
    with pytest.raises(NotPermitted):
        company.acting("bob").server_keys.rotate(purpose)
    with pytest.raises(PermitNeeded):
        company.acting("root").server_keys.rotate(purpose)
    assert key_files(company) == before
    company.permitted("root", "server_key.rotate", {"purpose": purpose})
    company.acting("root").server_keys.rotate(purpose)
    with pytest.raises(PermitSpent):
        company.acting("root").server_keys.rotate(purpose)
    assert len(key_files(company)) == len(before) + 1


def test_another_purpose_than_the_approved_is_refused(company: Company) -> None:
    company.with_approvers()
    company.permitted("root", "server_key.rotate", {"purpose": "encryption"})
    with pytest.raises(PermitNeeded.__mro__[1]):
        company.acting("root").server_keys.rotate("ledger")
    with pytest.raises(ValueInvalid):
        company.acting("root").server_keys.rotate("witness")


def test_decisions_by_an_older_server_key_still_count(company: Company) -> None:
    company.with_approvers()
    company.permitted("root", "server_key.rotate", {"purpose": "decision"})
    company.acting("root").server_keys.rotate("decision")
    first, second = [key for key in company.acting("root").server_keys.list()
                     if key.purpose == "decision"]  # fmt: skip
    assert (first.status, second.status) == ("retired", "current")
    assert first.until == second.since


def test_only_an_older_key_is_revoked_and_once(company: Company) -> None:
    root = company.acting("root")
    first = root.server_keys.list()[0]
    since = company.clock.now()
    with pytest.raises(IllegalMove):
        root.server_keys.revoke("ledger", first.id, since=since)
    root.server_keys.rotate("ledger")
    with pytest.raises(NotFound):
        root.server_keys.revoke("ledger", "0" * 16, since=since)
    done = root.server_keys.revoke("ledger", first.id, since=since)
    assert done.status == "revoked"
    told = company.last()
    assert (told["type"], told["severity"]) == ("ledger.key_revoked", "CRITICAL")
    assert told["fact"]["key"] == first.public
    with pytest.raises(IllegalMove):
        root.server_keys.revoke("ledger", first.id, since=since)
    root.server_keys.rotate("encryption")
    older = next(key for key in root.server_keys.list() if key.purpose == "encryption")
    with pytest.raises(ValueInvalid):
        root.server_keys.revoke("encryption", older.id, since=since)


def test_a_revoked_key_signs_no_more(company: Company) -> None:
    root, warden = company.acting("root"), company.warden
    old = root.server_keys.list()[0]
    new = root.server_keys.rotate("ledger")
    assert signers(warden, old.public, new.public) == {old.public, new.public}
    root.server_keys.revoke("ledger", old.id, since=company.clock.now())
    assert signers(warden, old.public, new.public) == {new.public}


def test_another_process_changes_over_with_the_commit(any_company: Company, tmp_path: Path) -> None:
    warden = any_company.warden
    with open_warden(
        warden.settings.url, keys_folder=tmp_path / "keys", clock=any_company.clock
    ) as other:
        old = warden.audit.keys()[0]
        new = any_company.acting("root").server_keys.rotate("ledger").public
        assert signers(other, old, new) == {old, new}
        any_company.clock.advance(days=31)
        other.change(ME, define("later"))
        assert signers(other, old, new) == {new}


def test_a_process_without_the_new_key_signs_nothing(company: Company, tmp_path: Path) -> None:
    warden = company.warden
    company.acting("root").server_keys.rotate("ledger")
    before = unverified_checkpoint(warden.store.signer.sign()).size
    new = company.acting("root").server_keys.rotate("ledger")
    key = tmp_path / "keys" / f"log.{new.id.partition(':')[2]}.key"
    key.rename(tmp_path / "away")
    warden.store.around.keyring = _first_state(warden)
    with pytest.raises(KeyUnusable, match=key.name):
        warden.store.signer.sign()
    (tmp_path / "away").rename(key)
    assert unverified_checkpoint(warden.store.signer.sign()).size > before


def _first_state(warden: Warden):  # noqa: ANN202
    from modelwarden.store import keyring  # noqa: PLC0415

    assert warden.settings.keys_folder is not None
    return keyring.load(warden.settings.keys_folder)


def test_of_two_rotations_at_once_on_two_processes_each_leads_to_one_current_key(
    any_company: Company, tmp_path: Path
) -> None:
    warden = any_company.warden
    with (
        open_warden(
            warden.settings.url, keys_folder=tmp_path / "keys", clock=any_company.clock
        ) as other,
        ThreadPoolExecutor(2) as pool,
    ):
        rooms = (warden.acting_as("root"), other.acting_as("root"))
        doing = [pool.submit(each.server_keys.rotate, "ledger") for each in rooms]
        failed = [error for each in doing if (error := each.exception(60)) is not None]
        assert all(isinstance(error, Conflict) for error in failed)
        keys = [key for key in rooms[0].server_keys.list() if key.purpose == "ledger"]
        assert [key.status for key in keys].count("current") == 1
        assert len(keys) == 3 - len(failed)
        warden.store.signer.sign()
        other.store.signer.sign()
        assert verified(other, state=True).problems == ()
