"""The ledger's room, the same way everywhere: what happened, and the proof of it on other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.audit.offline import verify_export
from modelwarden.errors import FilterInvalid, NotPermitted
from modelwarden.ledger.checkpoint import open_note, open_tlog_proof, parse_tlog_proof
from modelwarden.ledger.entry import parse_line
from modelwarden.ledger.keys import parse_vkey
from modelwarden.ledger.merkle import verify_inclusion
from modelwarden.sinks.verifying import Asked, verify_copy

if TYPE_CHECKING:
    from tests.conformance.places import Company


@pytest.fixture(scope="module", autouse=True)
def _model(company: Company) -> None:
    alice = company.as_user("alice")
    alice.models.register("churn", business_purpose="predicts which customers leave next month")
    alice.versions.register("churn", "1")


def test_entries_are_found_by_what_they_are_about(company: Company) -> None:
    frank = company.as_user("frank")
    found = frank.audit.search(subject="model:churn", limit=10).items
    assert [one.entry["type"] for one in found] == ["version.registered", "model.registered"]
    assert frank.audit.show(found[0].seq) == found[0]
    by_actor = frank.audit.search(actor="alice", type="version.registered").items
    assert by_actor == found[:1]
    assert frank.audit.search(first=0, last=1).items[-1].entry["type"] == "ledger.started"


def test_whoever_may_read_a_model_may_read_its_history(company: Company) -> None:
    alice = company.as_user("alice")
    assert len(alice.audit.history("churn").items) == 2
    page = alice.audit.history("churn", "1", limit=1)
    assert [one.entry["type"] for one in page.items] == ["version.registered"]


def test_the_ledger_verifies_and_says_by_which_key(company: Company) -> None:
    frank = company.as_user("frank")
    (key,) = frank.audit.keys()
    found = frank.audit.verify(strict=True, state=True, checkpoint_keys=[key])
    assert (found.ok, found.problems, found.signer) == (True, (), key)
    part = frank.audit.verify(2, 5)
    assert (part.ok, part.first, part.last) == (True, 2, 5)
    assert frank.audit.search(type="ledger.verified").items


def test_every_verification_says_in_steps_what_was_proved(company: Company) -> None:
    found = company.as_user("frank").audit.verify(jobs=1, progress=lambda _done, _all: None)
    status = {step.number: step.status for step in found.steps}
    assert list(status) == list(range(1, 13))
    assert (status[2], status[3], status[10], status[12]) == (
        "proved",
        "proved",
        "proved",
        "not_checked",
    )


def test_entries_of_a_time_are_verified(company: Company) -> None:
    frank = company.as_user("frank")
    at = frank.audit.show(2).entry["at"]
    found = frank.audit.verify(since=at)
    assert (found.ok, found.first <= 2) == (True, True)
    assert frank.audit.verify(since=at, until=at).last >= 2
    with pytest.raises(FilterInvalid):
        frank.audit.verify(until="2001-01-01")
    made = frank.audit.export(company.folder / "of-a-time", since=at, until=at)
    assert made.first <= 2 <= made.last


def test_an_entry_is_proven_by_a_key_that_is_pinned(company: Company) -> None:
    frank = company.as_user("frank")
    key = parse_vkey(frank.audit.keys()[0])
    proven = frank.audit.prove(3)
    proof = parse_tlog_proof(proven.proof.encode())
    root = open_note(proof.note, [key])
    leaf = parse_line(proven.line.encode()).stored.leaf
    verify_inclusion(leaf, 3, root.size, proof.proof, root.root)
    newest = frank.audit.checkpoint()
    assert newest.size >= root.size
    assert frank.audit.consistency(2).startswith("old 2\n")


def test_a_receipt_says_the_same_everywhere(company: Company) -> None:
    frank = company.as_user("frank")
    key = parse_vkey(frank.audit.keys()[0])
    found = frank.audit.receipt(3, wait_s=20)
    assert (found.seq, found.status, found.archived) == (3, "checkpointed", ())
    assert (found.origin, found.leaf_hash) == (key.name, frank.audit.show(3).leaf_hash)
    open_tlog_proof(str(found.proof).encode(), bytes.fromhex(found.leaf_hash), [key])
    with pytest.raises(FilterInvalid):
        frank.audit.receipt(3, wait_s=26)
    with pytest.raises(NotPermitted):
        company.as_user("alice").audit.receipt(3)


@pytest.mark.parametrize("zipped", [False, True])
def test_an_export_verifies_without_us(company: Company, *, zipped: bool) -> None:
    frank = company.as_user("frank")
    steps: list[int] = []
    place = company.folder / ("export.zip" if zipped else "export")
    made = frank.audit.export(place, zipped=zipped, progress=steps.append)
    assert (made.path, made.first, place.is_dir()) == (str(place), 0, not zipped)
    assert steps
    found = verify_export(place, trusted=frank.audit.keys(), strict=True)
    assert (found.ok, found.last, found.signer is None) == (True, made.last, False)
    part = frank.audit.export(company.folder / f"part-{zipped}", first=2, last=4, zipped=zipped)
    assert (part.first, part.last) == (2, 4)
    files = len(list(place.rglob("*"))) if place.is_dir() else made.files
    assert made.files <= files


def test_a_static_log_is_written_and_brought_up_to_date(company: Company) -> None:
    frank = company.as_user("frank")
    steps: list[int] = []
    place = company.folder / "static-log"
    made = frank.audit.tiles(place, progress=steps.append)
    assert (made.path, made.files, steps[-1]) == (str(place), len(steps), len(steps))
    again = frank.audit.tiles(place)
    assert again.size >= made.size
    found = verify_copy(f"tiles://{place}", Asked(trusted=frank.audit.keys()))
    assert (found.problems, found.size, found.uncovered) == ((), again.size, 0)
    with pytest.raises(NotPermitted):
        company.as_user("alice").audit.tiles(company.folder / "not-for-alice")
