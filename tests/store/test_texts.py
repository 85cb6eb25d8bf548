"""Words stand beside the ledger, encrypted and bound to their row; entries hold a salted digest (LG-60, AC-81)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, select, update

from modelwarden.errors import KeyUnusable, NotCanonical, ValueInvalid
from modelwarden.ledger.entry import commit_text
from modelwarden.store.schema.ledger import texts
from tests.store.deeds import ME, bodies, files_with, submitted, tell, verified

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.store.change import Change
    from modelwarden.values.ids import Commitment
    from modelwarden.warden.warden import Warden

WORDS = "Jane Doe asked for it by telephone"


def _kept(warden: Warden, words: str, *, salt: bytes | None = None) -> Commitment:
    def act(change: Change) -> Commitment:
        commitment = change.text(words, salt=salt)
        tell(change, "words")
        return commitment

    found: Commitment = submitted(warden, act).value
    return found


def test_words_are_read_back(warden: Warden) -> None:
    commitment = _kept(warden, "Café — 日本語")
    assert warden.view(ME, lambda view: view.words(commitment)) == "Café — 日本語"


def test_equal_words_have_different_commitments(warden: Warden) -> None:
    assert _kept(warden, WORDS) != _kept(warden, WORDS)


def test_no_words_and_erased_words_are_none(warden: Warden) -> None:
    commitment = _kept(warden, WORDS)
    warden.change(ME, lambda change: (change.execute(delete(texts)), tell(change, "erased")))
    assert warden.view(ME, lambda view: (view.words(commitment), view.words(None))) == (None, None)
    assert verified(warden, state=True).problems == ()


def test_words_stand_in_no_file_and_no_entry(tmp_path: Path, sqlite_warden: Warden) -> None:
    sqlite_warden.add_user("jane", roles=["developer"], email="jane.doe@example.org")
    _kept(sqlite_warden, WORDS)

    secrets = (WORDS.encode(), b"jane.doe@example.org", b"jane")
    assert (tmp_path / "warden.db-wal").stat().st_size > 0
    assert files_with(tmp_path, b"SQLite format 3") == ["warden.db"]
    assert files_with(tmp_path, *secrets) == []
    sqlite_warden.close()
    assert files_with(tmp_path, *secrets) == []


def test_ciphertexts_swapped_between_rows_do_not_open(warden: Warden) -> None:
    one, other = _kept(warden, "one"), _kept(warden, "other")
    with warden.store.database.writing() as connection:
        row = connection.execute(select(texts).where(texts.c.commitment == other)).one()
        connection.execute(
            update(texts)
            .where(texts.c.commitment == one)
            .values(wrapped=row.wrapped, ciphertext=row.ciphertext)
        )
    with pytest.raises(KeyUnusable):
        warden.view(ME, lambda view: view.words(one))
    assert [p.code for p in verified(warden, state=True).problems] == ["text_altered"]


def test_a_flipped_bit_does_not_open(warden: Warden) -> None:
    commitment = _kept(warden, WORDS)
    with warden.store.database.writing() as connection:
        row = connection.execute(select(texts)).one()
        changed = row.ciphertext[:-1] + bytes([row.ciphertext[-1] ^ 1])
        connection.execute(update(texts).values(ciphertext=changed))
    with pytest.raises(KeyUnusable):
        warden.view(ME, lambda view: view.words(commitment))


def test_words_under_another_key_do_not_open(warden: Warden) -> None:
    keyring = warden.store.around.keyring
    sealed = keyring.seal(WORDS)
    other = replace(keyring, encryption_key=bytes(32), folder=None)
    assert keyring.unseal(sealed) == WORDS
    with pytest.raises(KeyUnusable):
        other.unseal(sealed)


def test_a_client_commits_to_its_words_before_the_server_has_them(warden: Warden) -> None:
    salt = bytes(range(32))
    commitment = _kept(warden, WORDS, salt=salt)
    assert commitment == commit_text(salt, WORDS).hex()


def test_the_same_words_under_the_same_salt_are_kept_once(warden: Warden) -> None:
    salt = bytes(range(32))
    assert _kept(warden, WORDS, salt=salt) == _kept(warden, WORDS, salt=salt)
    assert warden.view(ME, lambda view: len(view.rows(select(texts)))) == 1


@pytest.mark.parametrize("words", ["x" * 20_001, "lone \ud800 surrogate"])
def test_words_that_are_too_many_or_no_unicode_are_refused(warden: Warden, words: str) -> None:
    with pytest.raises((ValueInvalid, NotCanonical)):
        _kept(warden, words)
    assert len(bodies(warden)) == 1


def test_20_000_characters_are_kept(warden: Warden) -> None:
    words = "é" * 20_000
    commitment = _kept(warden, words)
    assert warden.view(ME, lambda view: view.words(commitment)) == words
