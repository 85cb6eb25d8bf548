"""A ledger that asks outside witnesses after each checkpoint, and what it makes of their answers (LG-53)."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import RollbackSuspected, SettingInvalid, Unreachable
from modelwarden.ledger.checkpoint import Checkpoint, consistency_file, sign_note
from modelwarden.ledger.keys import LogKey
from modelwarden.sinks.witness import WitnessClient
from modelwarden.sinks.witnessing import Asking, open_witnessing
from modelwarden.store import witnesses
from modelwarden.warden.warden import open_warden
from tests.client.scripted import Said, Scripted
from tests.sinks.laptop import Laptop, laptop, listening
from tests.store.deeds import define, submitted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from modelwarden.ledger.cosignature import WitnessKey
    from modelwarden.warden.warden import Warden


@contextmanager
def asking(warden: Warden, url: str, *keys: WitnessKey) -> Iterator[Asking]:
    with closing(WitnessClient(url, keys)) as client:
        yield Asking(warden, warden.store, client)


@contextmanager
def witnessed(warden: Warden, folder: Path) -> Iterator[tuple[Asking, Laptop]]:
    """Give a witness that knows this ledger, and what asks it."""
    key = warden.store.around.keyring.log_key.verifier
    with (
        laptop(folder / "laptop", key) as witness,
        listening(witness) as url,
        asking(warden, url, witness.signer.verifier) as asked,
    ):
        yield asked, witness


def facts(warden: Warden, name: str) -> list[dict[str, Any]]:
    found = warden.audit.search(type=name).items
    return [dict(entry.entry["fact"]) for entry in found]


def cosigned_notes(warden: Warden) -> tuple[bytes, ...]:
    with warden.store.database.reading() as connection:
        return witnesses.cosigned_notes(connection)


def cosigned_sizes(warden: Warden, witness: Laptop) -> list[int]:
    key = warden.store.around.keyring.log_key.verifier
    notes = cosigned_notes(warden)
    assert all(witness.signer.verifier.name.encode() in note for note in notes)
    assert all(key.name.encode() in note for note in notes)
    return [int(note.split(b"\n")[1]) for note in notes]


def signed_elsewhere(warden: Warden, size: int) -> bytes:
    """Return a note that whoever holds the log's key could sign for somebody else."""
    key = warden.store.around.keyring.log_key
    return sign_note(Checkpoint(key.name, size, bytes(32)), key)


def test_each_new_checkpoint_is_cosigned_and_kept(warden: Warden, tmp_path: Path) -> None:
    with witnessed(warden, tmp_path) as (asked, witness):
        for name in ("one", "two", "three"):
            submitted(warden, define(name))
            warden.sign()
            assert asked.ask()
            assert not asked.ask()
        assert cosigned_sizes(warden, witness) == [4, 3, 2]


def test_the_witness_need_not_be_asked_about_every_size(warden: Warden, tmp_path: Path) -> None:
    with witnessed(warden, tmp_path) as (asked, witness):
        warden.sign()
        asked.ask()
        for number in range(40):
            submitted(warden, define(f"role{number}"))
        warden.sign()
        asked.ask()
        assert cosigned_sizes(warden, witness) == [41, 1]


def test_a_witness_that_is_further_than_we_remember_is_asked_from_there(
    warden: Warden, tmp_path: Path
) -> None:
    with witnessed(warden, tmp_path) as (asked, witness):
        note = warden.store.signer.sign()
        witness.server.add_checkpoint(consistency_file(0, [], note))  # somebody else showed it
        submitted(warden, define("one"))
        warden.sign()
        asked.ask()
        assert cosigned_sizes(warden, witness) == [2]


def test_a_fork_is_told_once_with_both_notes_and_writes_go_on(
    warden: Warden, tmp_path: Path
) -> None:
    with witnessed(warden, tmp_path) as (asked, witness):
        theirs = signed_elsewhere(warden, 2)
        witness.server.add_checkpoint(consistency_file(0, [], theirs))
        submitted(warden, define("one"))
        submitted(warden, define("two"))
        for name in ("three", "four"):
            submitted(warden, define(name))
            warden.sign()
            with pytest.raises(Unreachable, match="split_view"):
                asked.ask()
        (fact,) = facts(warden, "witness.disagreed")
        assert (fact["cause"], fact["proven"], fact["known_size"]) == ("split_view", True, 2)
        with warden.store.database.reading() as connection:
            (both,) = witnesses.all_differing(connection)
        assert both.theirs is not None
        assert both.theirs.startswith(theirs)
        assert asked.health().status == "degraded"


def test_a_database_behind_what_a_witness_shows_stops_writing(
    warden: Warden, tmp_path: Path
) -> None:
    with witnessed(warden, tmp_path) as (asked, witness):
        witness.server.add_checkpoint(consistency_file(0, [], signed_elsewhere(warden, 500)))
        warden.sign()
        with pytest.raises(Unreachable, match="rolled_back"):
            asked.ask()
        with pytest.raises(RollbackSuspected, match="larger checkpoint"):
            submitted(warden, define("one"))
        assert facts(warden, "witness.disagreed")[0]["cause"] == "rolled_back"


def test_a_witness_that_agrees_again_is_told(warden: Warden, tmp_path: Path) -> None:
    with laptop(tmp_path / "laptop") as witness:
        key, line = witness.signer.verifier, witness.signer.cosign
    with (
        Scripted(Said(status=422), Said(status=404)) as lying,
        asking(warden, lying.url, key) as it,
    ):
        warden.sign()
        with pytest.raises(Unreachable, match="split_view"):
            it.ask()
    assert facts(warden, "witness.disagreed")[0]["proven"] is False
    note = warden.store.signer.sign()
    body = line(note.partition(b"\n\n")[0] + b"\n", 5).encode()
    with Scripted(Said(body=body)) as honest, asking(warden, honest.url, key) as it:
        it.ask()
    assert len(facts(warden, "witness.agreed")) == 1


def lies(witness: Laptop, warden: Warden) -> dict[str, Sequence[Said]]:
    """Return what a witness may say to make us stop, with nothing to show for it."""
    other = LogKey(warden.store.around.keyring.origin, bytes(32))
    forged = sign_note(Checkpoint(other.name, 10**9, bytes(32)), other)
    cosigned = forged + witness.signer.cosign(forged.partition(b"\n\n")[0] + b"\n", 5).encode()
    far = Said(status=409, body=b"1000000000\n", kind="text/x.tlog.size")
    return {
        "refuses": [Said(status=422), Said(status=404)],
        "claims more": [far, Said(status=404)],
        "shows a note of another key": [far, Said(body=cosigned)],
        "shows garbage": [Said(status=422), Said(body=b"\xff" * 500)],
        "shows our own ledger": [Said(status=422), Said(body=warden.store.signer.sign())],
        "shows another ledger's": [Said(status=422), Said(body=signed_by_a_stranger())],
    }


def signed_by_a_stranger() -> bytes:
    key = LogKey("other.example/log", bytes(32))
    return sign_note(Checkpoint(key.name, 3, bytes(32)), key)


LIES = [
    "refuses", "claims more", "shows a note of another key", "shows garbage",
    "shows our own ledger", "shows another ledger's",
]  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_witness_stops_no_write_and_proves_nothing(
    sqlite_warden: Warden, tmp_path: Path, lie: str
) -> None:
    warden = sqlite_warden
    with laptop(tmp_path / "laptop") as witness:
        said = lies(witness, warden)[lie]
        key = witness.signer.verifier
    with (
        Scripted(*said) as server,
        asking(warden, server.url, key) as it,
        pytest.raises(Unreachable),
    ):
        it.ask()
    submitted(warden, define("one"))
    (fact,) = facts(warden, "witness.disagreed")
    assert fact["proven"] is False


def test_a_witness_at_a_newer_size_of_ours_is_no_disagreement(
    sqlite_warden: Warden, tmp_path: Path
) -> None:
    warden = sqlite_warden
    warden.sign()
    newer = Said(status=409, body=b"2\n", kind="text/x.tlog.size")
    with laptop(tmp_path / "laptop") as witness:
        key = witness.signer.verifier
        with Scripted(newer, Said(status=404)) as server, asking(warden, server.url, key) as it:
            submitted(warden, define("one"))
            with pytest.raises(Unreachable):
                it.ask()
    assert facts(warden, "witness.disagreed") == []


# --- the threads of an open warden -----------------------------------------------------------------


def wait_until_cosigned(warden: Warden, seq: int) -> None:
    policy = warden.witnessing.policy
    assert policy is not None
    for _ in range(600):
        with warden.store.database.reading() as connection:
            if witnesses.witnessed(connection, seq, policy):
                return
        time.sleep(0.05)
    raise AssertionError("nobody cosigned")


def test_an_open_warden_asks_by_itself_and_a_dead_witness_delays_no_other(
    store_url: str, tmp_path: Path
) -> None:
    with open_warden(store_url, keys_folder=tmp_path / "keys") as warden:
        key = warden.store.around.keyring.log_key.verifier
    with laptop(tmp_path / "laptop", key) as witness, listening(witness) as url:
        with laptop(tmp_path / "off", name="audit.example/off") as off:
            dead = off.signer.verifier
        policy = tmp_path / "witnesses"
        policy.write_text(
            f"log {key.vkey}\nwitness D {dead.vkey} http://127.0.0.1:9\nwitness W"
            f" {witness.signer.verifier.vkey} {url}\ngroup G any D W\nquorum G\n"
        )
        with open_warden(
            store_url, keys_folder=tmp_path / "keys", ledger_witness_policy=policy
        ) as warden:
            entry = submitted(warden, define("one"))
            wait_until_cosigned(warden, entry.receipt.seq)
            parts = {part.name: part.status for part in warden.operation.health().components}
            assert parts["witness audit.example/w1"] == "ok"
            assert parts["witness audit.example/off"] == "degraded"


@pytest.mark.parametrize(
    "text", ["", "quorum W\n", "witness W x y\nquorum W\n", "log LOG\nquorum none\n"]
)
def test_a_policy_that_is_none_or_of_another_ledger_is_refused_at_the_start(
    tmp_path: Path, text: str
) -> None:
    policy = tmp_path / "witnesses"
    policy.write_text(text.replace("LOG", LogKey("other.example", bytes(32)).vkey))
    with pytest.raises(SettingInvalid, match="witness_policy"):
        open_warden(f"sqlite:///{tmp_path}/warden.db", ledger_witness_policy=policy)
    with pytest.raises(SettingInvalid, match="witness_policy"):
        open_warden(f"sqlite:///{tmp_path}/warden.db", ledger_witness_policy=tmp_path / "none")


def test_a_policy_without_places_asks_nobody(sqlite_warden: Warden) -> None:
    assert open_witnessing(sqlite_warden, sqlite_warden.store).asking == ()
