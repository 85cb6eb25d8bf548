"""A key revoked from before it handed over: whoever pinned it follows where a witness of the policy saw it (LG-65)."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from modelwarden.audit import actions
from modelwarden.ledger.cosignature import WitnessSigner
from modelwarden.ledger.keys import new_seed
from modelwarden.sinks.verifying import Asked, verify_copy
from modelwarden.warden.warden import open_warden
from tests import tables
from tests.audit.sample import populate, sign
from tests.sinks import logs
from tests.sinks.laptop import laptop, listening
from tests.sinks.test_witnessing import asking, cosigned_notes

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.values.answers import VerificationAnswer
    from modelwarden.warden.warden import Warden

NOBODY = b"quorum none\n"


class House:
    """A ledger whose first key handed over before a witness's eyes, and was then revoked from before that."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with open_warden(tables.fresh(folder), scrub_hours=0) as warden:
            populate(warden)
            self.began = warden.clock.now()
            self.old = warden.audit.keys()[0]
            warden.add_user("between")
            carol = warden.acting_as("carol")
            first = carol.server_keys.list()[0]
            carol.server_keys.rotate("ledger")
            sign(warden)
            warden.add_user("seen")
            self._witness(warden)
            carol.server_keys.revoke("ledger", first.id, since=self.began)
            warden.add_user("last")
            sign(warden)
            self.rotation = warden.audit.search(type="ledger.key_rotated").items[0].seq
            warden.audit.export(folder / "export")
            logs.follow(warden, f"worm://{folder}/worm?immutable=false")

    def _witness(self, warden: Warden) -> None:
        """Let a witness cosign what both keys sign; the checkpoint right behind the rotation it did not see."""
        key = warden.store.around.keyring.log_key.verifier
        with (
            laptop(self.folder / "laptop", key) as witness,
            listening(witness) as url,
            asking(warden, url, witness.signer.verifier) as asked,
        ):
            sign(warden)
            asked.ask()
        self.seen = cosigned_notes(warden)[0]
        self.policy = f"witness W {witness.signer.verifier.vkey}\nquorum W\n".encode()

    def exported(self, policy: bytes | None, folder: Path | None = None) -> VerificationAnswer:
        where = folder or self.folder / "export"
        return actions.verify_export(where, trusted=[self.old], witness_policy=policy)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


def _other() -> bytes:
    signer = WitnessSigner("audit.example/other", new_seed())
    return f"witness W {signer.verifier.vkey}\nquorum W\n".encode()


def test_an_export_is_followed_where_the_policys_witness_saw_it(house: House) -> None:
    found = house.exported(house.policy)
    assert found.problems == ()
    assert found.signer is not None


@pytest.mark.parametrize("policy", [None, NOBODY, _other()], ids=["none", "nobody", "other"])
def test_nobody_else_vouches_for_a_revoked_key(house: House, policy: bytes | None) -> None:
    found = house.exported(policy)
    assert ("key_not_followed", house.rotation) in {(p.code, p.seq) for p in found.problems}


def test_a_cosignature_that_was_forged_or_moved_does_not_vouch(
    house: House, tmp_path: Path
) -> None:
    for number, (what, to) in enumerate(((rb"(W1|w1) \S{20}", b""), (rb"\S{8}\n$", b"AAAAAAA=\n"))):
        folder = tmp_path / str(number)
        shutil.copytree(house.folder / "export", folder)
        (path,) = (folder / "handovers").iterdir()
        path.write_bytes(re.sub(what, to, path.read_bytes()))
        assert not house.exported(house.policy, folder).ok


def test_a_copy_is_followed_by_a_cosigned_checkpoint_that_was_kept(house: House) -> None:
    def verified(policy: bytes | None, *notes: bytes) -> set[str]:
        asked = Asked(trusted=(house.old,), remembered=notes, policy=policy)
        result = verify_copy(f"worm://{house.folder}/worm", asked)
        return {problem.code for problem in result.problems}

    assert verified(house.policy, house.seen) == set()
    for left in (verified(None, house.seen), verified(NOBODY, house.seen), verified(house.policy)):
        assert "key_not_followed" in left


def test_the_database_follows_by_the_policy_of_its_settings(house: House, tmp_path: Path) -> None:
    policy = tmp_path / "witnesses.policy"
    url = f"sqlite:///{house.folder}/warden.db"
    with open_warden(url, scrub_hours=0) as warden:  # so that the server's own key is two steps on
        warden.acting_as("carol").server_keys.rotate("ledger")
        sign(warden)
    for text, codes in ((house.policy, set[str]()), (NOBODY, {"key_not_followed"})):
        policy.write_bytes(text)
        with open_warden(url, ledger_witness_policy=policy, scrub_hours=0) as warden:
            found = warden.audit.verify(checkpoint_keys=[house.old])
            assert {problem.code for problem in found.problems} == codes
