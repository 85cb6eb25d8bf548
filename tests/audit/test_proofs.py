"""Proofs verify with the pure mathematics alone, away from the database that gave them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.audit import actions
from modelwarden.errors import NotFound, SizeUnknown
from modelwarden.ledger.checkpoint import (
    open_note,
    open_tlog_proof,
    parse_consistency_file,
    parse_tlog_proof,
)
from modelwarden.ledger.entry import parse_line
from modelwarden.ledger.keys import parse_vkey
from modelwarden.ledger.merkle import leaf_hash, verify_consistency
from tests.audit.sample import populate, sign, size, view

if TYPE_CHECKING:
    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.warden.warden import Warden


def key(warden: Warden) -> VerifierKey:
    (text,) = view(warden, "bob", actions.vkeys)
    return parse_vkey(text)


def test_the_checkpoint_is_signed_and_names_the_ledger(warden: Warden) -> None:
    populate(warden)
    answer = view(warden, "bob", actions.checkpoint)
    checkpoint = open_note(answer.note.encode(), [key(warden)])
    assert (checkpoint.origin, checkpoint.size) == (answer.origin, answer.size)
    assert checkpoint.root.hex() == answer.root
    assert answer.origin == warden.store.around.keyring.origin


def test_each_entry_is_proven(warden: Warden) -> None:
    populate(warden)
    for seq in range(size(warden)):
        answer = view(warden, "bob", partial(actions.prove, seq=seq))
        body = parse_line(answer.line.encode()).stored.body
        proven = open_tlog_proof(answer.proof.encode(), leaf_hash(body), [key(warden)])
        assert parse_tlog_proof(answer.proof.encode()).index == seq
        assert open_note(answer.checkpoint.encode(), [key(warden)]) == proven


def test_an_entry_past_the_checkpoint_is_not_proven_yet(sqlite_warden: Warden) -> None:
    populate(sqlite_warden)
    sqlite_warden.store.signer.close()
    sqlite_warden.add_user("late")
    with pytest.raises(SizeUnknown):
        view(sqlite_warden, "bob", partial(actions.prove, seq=size(sqlite_warden)))
    with pytest.raises(NotFound):
        view(sqlite_warden, "bob", partial(actions.prove, seq=10_000))


def test_every_size_is_consistent_with_every_later_checkpoint(warden: Warden) -> None:
    populate(warden)
    early = open_note(sign(warden).encode(), [key(warden)])
    warden.add_user("late", roles=["auditor"])
    sign(warden)
    for new in (early.size, None):
        for old in range(1, early.size + 1):
            text = view(warden, "bob", partial(actions.consistency, old=old, new=new))
            told, proof, note = parse_consistency_file(text.encode())
            newest = open_note(note, [key(warden)])
            assert (told, newest.size) == (old, new or size(warden))
        verify_consistency(early.size, early.root, newest.size, newest.root, proof)


@pytest.mark.parametrize(("old", "new"), [(-1, None), (10_000, None), (1, 10_000)])
def test_a_size_that_never_was_is_unknown(sqlite_warden: Warden, old: int, new: int | None) -> None:
    populate(sqlite_warden)
    with pytest.raises(SizeUnknown):
        view(sqlite_warden, "bob", partial(actions.consistency, old=old, new=new))
