"""Receipts that are asked for later prove what they say, say no more, and wait for nobody without a right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import FilterInvalid, NotFound, NotPermitted, ProofInvalid
from modelwarden.ledger.checkpoint import open_note, open_tlog_proof, unverified_checkpoint
from modelwarden.ledger.keys import parse_vkey
from modelwarden.store import entries, guard_file
from tests.api.town import town
from tests.audit.sample import populate, sign, size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden
    from tests.api.town import Town


def signed(warden: Warden) -> int:
    with warden.store.database.reading() as connection:
        note = entries.newest_checkpoint(connection)
    return 0 if note is None else unverified_checkpoint(note).size


def test_each_receipt_proves_its_entry_and_no_other(warden: Warden) -> None:
    populate(warden)
    bob = warden.acting_as("bob")
    key = parse_vkey(bob.audit.keys()[0])
    for seq in range(size(warden)):
        found, shown = bob.audit.receipt(seq), bob.audit.show(seq)
        assert (found.seq, found.status, found.archived) == (seq, "checkpointed", ())
        assert (found.leaf_hash, found.entry_hash) == (shown.leaf_hash, shown.entry_hash)
        assert (found.at, found.origin) == (shown.entry["at"], key.name)
        proof = str(found.proof).encode()
        proven = open_tlog_proof(proof, bytes.fromhex(found.leaf_hash), [key])
        assert open_note(str(found.checkpoint).encode(), [key]) == proven
        other = bob.audit.receipt((seq + 1) % size(warden))
        with pytest.raises(ProofInvalid):
            open_tlog_proof(proof, bytes.fromhex(other.leaf_hash), [key])


def test_what_no_checkpoint_covers_is_only_committed(sqlite_warden: Warden) -> None:
    populate(sqlite_warden)
    sqlite_warden.store.signer.close()
    sqlite_warden.add_user("late")
    bob, before = sqlite_warden.acting_as("bob"), signed(sqlite_warden)
    late = bob.audit.search(type="user.added", limit=1).items[0].seq
    assert late >= before
    found = bob.audit.receipt(late)
    assert (found.status, found.proof, found.checkpoint) == ("committed", None, None)
    assert signed(sqlite_warden) == before  # asking signed nothing
    waited = bob.audit.receipt(late, wait_s=20)
    assert (waited.status, waited.proof is None) == ("checkpointed", False)


def test_a_reader_of_some_models_gets_receipts_of_those_alone(warden: Warden) -> None:
    populate(warden)
    carol, bob = warden.acting_as("carol"), warden.acting_as("bob")
    warden.add_user("eve")
    carol.roles.grant("eve", "auditor", scope={"model": "churn"})
    sign(warden)
    eve = warden.acting_as("eve")
    mine = bob.audit.search(subject="model:churn", limit=1).items[0].seq
    other = bob.audit.search(subject="model:fraud", limit=1).items[0].seq
    assert eve.audit.receipt(mine) == bob.audit.receipt(mine)
    for seq in (other, 10_000):
        with pytest.raises(NotFound):
            eve.audit.receipt(seq)
    with pytest.raises(NotPermitted):
        warden.acting_as("alice").audit.receipt(mine)


@pytest.mark.parametrize("wait_s", [-0.1, 25.1, float("nan"), float("inf")])
def test_nobody_waits_longer_than_is_allowed(sqlite_warden: Warden, wait_s: float) -> None:
    populate(sqlite_warden)
    with pytest.raises(FilterInvalid):
        sqlite_warden.acting_as("bob").audit.receipt(0, wait_s=wait_s)


@pytest.fixture(name="quiet_town")
def _quiet_town(tmp_path: Path) -> Iterator[Town]:
    with town(tmp_path) as place:
        place.warden.store.signer.close()
        yield place


def test_who_may_not_read_makes_the_server_neither_wait_nor_sign(quiet_town: Town) -> None:
    quiet_town.warden.add_user("late")
    last, before = quiet_town.size - 1, signed(quiet_town.warden)
    refused = quiet_town.call("alice", "GET", f"/audit-log/receipt/{last}?wait=25")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
    stranger = quiet_town.call(None, "GET", f"/audit-log/receipt/{last}?wait=25")
    assert stranger.status_code == 401
    absent = quiet_town.call("erin", "GET", "/audit-log/receipt/100000?wait=25")
    assert (absent.status_code, absent.json()["code"]) == (404, "not_found")
    assert signed(quiet_town.warden) == before


def test_a_wait_ends_with_what_is_known_by_then(quiet_town: Town) -> None:
    quiet_town.warden.add_user("late")
    path = f"/audit-log/receipt/{quiet_town.size - 1}"
    guard = quiet_town.warden.settings.ledger_guard_file
    assert guard is not None
    with guard_file.held(guard):  # nobody can sign meanwhile
        given_up = quiet_town.call("erin", "GET", f"{path}?wait=0.5")
        assert given_up.status_code == 200
        assert (given_up.json()["status"], given_up.json()["proof"]) == ("committed", None)
    found = quiet_town.call("erin", "GET", f"{path}?wait=20").json()
    assert found["status"] == "checkpointed"
    key = parse_vkey(quiet_town.call("erin", "GET", "/audit-log/keys").json()["items"][0])
    open_tlog_proof(found["proof"].encode(), bytes.fromhex(found["leaf_hash"]), [key])


def test_a_wait_that_is_none_is_refused(quiet_town: Town) -> None:
    for wait in ("-1", "26", "nan", "inf", "long", "1&wait=2"):
        answer = quiet_town.call("erin", "GET", f"/audit-log/receipt/0?wait={wait}")
        assert answer.status_code in {400, 422}, wait
