"""The seal: how long the ledger is, and what was last found when it was verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.audit import actions as audit
from modelwarden.facts.kinds import Code, Outcome
from modelwarden.facts.ledger import LedgerVerificationFailed, LedgerVerified
from modelwarden.values.ids import Digest
from modelwarden.values.system import system
from modelwarden.warden.warden import Warden, open_warden

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.audit.actions import Seal
    from modelwarden.store.change import Change

TEST = system("test")


@pytest.fixture
def warden(store_url: str, tmp_path: Path) -> Iterator[Warden]:
    with open_warden(store_url, keys_folder=tmp_path / "keys") as opened:
        opened.add_user("root", roles=["admin"])
        opened.add_user("frank")
        opened.sign()
        yield opened


def seal(warden: Warden, name: str = "root") -> Seal | None:
    return warden.view(warden.acting_as(name).users._bound.principal, audit.seal)


def told(warden: Warden, first: int, last: int, *, ok: bool) -> None:
    def record(change: Change) -> None:
        if ok:
            change.record(LedgerVerified(first=first, last=last, root=Digest("0" * 64)))
            return
        fact = LedgerVerificationFailed(
            first=first, last=last, problems=1, codes=(Code("chain_broken"),)
        )
        change.record(fact, outcome=Outcome.FAILED)

    warden.change(TEST, record)


def test_it_shows_size_and_root_and_that_nobody_verified_yet(warden: Warden) -> None:
    found, newest = seal(warden), warden.audit.checkpoint()
    assert found is not None
    assert (found.size, found.root, found.ok) == (newest.size, newest.root, None)
    assert seal(warden, "frank") is None


def test_a_failure_stands_until_the_same_range_is_verified(warden: Warden) -> None:
    seen = []
    for first, last, ok in (
        (0, 1, True), (0, 3, False), (0, 2, True), (1, 3, True), (2, 2, False), (0, 2, True), (0, 9, True),
    ):  # fmt: skip
        told(warden, first, last, ok=ok)
        found = seal(warden)
        assert found is not None
        seen.append(found.ok)
        assert warden.view(TEST, audit.is_broken) is not found.ok
    assert seen == [True, False, False, False, False, False, True]


def test_a_real_verification_is_told_by_its_entry(warden: Warden) -> None:
    warden.acting_as("root").audit.verify()
    found = seal(warden)
    assert found is not None
    (entry,) = warden.audit.search(type="ledger.verified").items
    assert (found.ok, found.entry) == (True, entry.seq)
