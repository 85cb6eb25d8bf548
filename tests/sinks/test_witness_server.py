"""A witness of our own: it cosigns what extends what it cosigned before, and nothing else (LG-54)."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwarden.errors import WitnessUnusable
from modelwarden.ledger.checkpoint import consistency_file, sign_note
from modelwarden.ledger.cosignature import cosignatures, known_lines, parse_lines
from modelwarden.ledger.keys import LogKey
from modelwarden.sinks import witness_state
from modelwarden.sinks.witness_server import SIZE_TYPE, Reply
from modelwarden.sinks.witness_state import WitnessState
from tests.sinks.laptop import ORIGIN, Laptop, Log, laptop, listening

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOG = Log.of(40)
FORK = LOG.fork(10)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "laptop", LOG.key.verifier) as opened:
        yield opened


def is_cosigned(witness: Laptop, reply: Reply, size: int, *, log: Log = LOG) -> bool:
    lines = parse_lines(reply.text.encode())
    return len(known_lines(log.checkpoint(size).text(), lines, [witness.signer.verifier])) == 1


def test_it_cosigns_what_grows(witness: Laptop) -> None:
    for old, new in ((0, 3), (3, 16), (16, 16), (16, 40)):
        reply = witness.server.add_checkpoint(LOG.request(old, new))
        assert (reply.status, is_cosigned(witness, reply, new)) == (200, True)
    assert witness.said == []


def test_an_empty_ledger_can_be_cosigned_first(witness: Laptop) -> None:
    assert witness.server.add_checkpoint(LOG.request(0, 0)).status == 200
    assert witness.server.add_checkpoint(LOG.request(0, 7)).status == 200


def test_another_old_size_is_answered_with_ours(witness: Laptop) -> None:
    witness.server.add_checkpoint(LOG.request(0, 16))
    for old, new in ((0, 20), (3, 20), (20, 40), (0, 3)):
        assert witness.server.add_checkpoint(LOG.request(old, new)) == Reply(409, "16\n", SIZE_TYPE)


def test_a_fork_of_one_size_is_refused_and_both_notes_are_kept(witness: Laptop) -> None:
    witness.server.add_checkpoint(LOG.request(0, 16))
    reply = witness.server.add_checkpoint(FORK.request(16, 16))
    assert (reply.status, reply.kind == SIZE_TYPE) == (409, False)
    (pair,) = (witness.folder / "witness.evidence" / "forks").iterdir()
    assert (pair / "known").read_bytes() == LOG.note(16)
    assert (pair / "shown").read_bytes() == FORK.note(16)
    assert witness.said[0].startswith(f"FORK: {ORIGIN}, size 16 has two roots")


def test_a_fork_that_grew_is_refused(witness: Laptop) -> None:
    witness.server.add_checkpoint(LOG.request(0, 16))
    assert witness.server.add_checkpoint(FORK.request(16, 30)).status == 422
    assert witness.said[0].startswith("REFUSED")
    assert witness.server.add_checkpoint(LOG.request(16, 30)).status == 200


def test_a_bad_proof_by_anybody_is_no_proof_of_a_fork(witness: Laptop) -> None:
    witness.server.add_checkpoint(LOG.request(0, 16))
    proof = [bytes(32), *LOG.proof(16, 40)[1:]]
    assert witness.server.add_checkpoint(consistency_file(16, proof, LOG.note(40))).status == 422
    assert not (witness.folder / "witness.evidence" / "forks").exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"old 0\n\n", 400),
        (b"old 00\n\n" + LOG.note(3), 400),
        (b"old -1\n\n" + LOG.note(3), 400),
        (b"old 0\nAAAA\n\n" + LOG.note(3), 400),
        (b"old 0\n" + b"A" * 64_000, 400),
        (consistency_file(4, [], LOG.note(3)), 400),
        (consistency_file(0, LOG.proof(1, 3), LOG.note(3)), 422),
        (consistency_file(0, [], LOG.note(3).partition(b"\n\n")[0] + b"\n"), 400),
        (consistency_file(0, [], sign_note(LOG.checkpoint(3), LogKey(ORIGIN, bytes(32)))), 403),
        (
            consistency_file(
                0, [], Log(leaves=LOG.leaves, key=LogKey("other.example", bytes(32))).note(3)
            ),
            404,
        ),
    ],
)
def test_what_is_not_a_request_is_refused(witness: Laptop, body: bytes, status: int) -> None:
    assert witness.server.add_checkpoint(body).status == status
    assert witness.server.add_checkpoint(LOG.request(0, 3)).status == 200


def test_more_than_63_lines_of_proof_are_refused(witness: Laptop) -> None:
    body = consistency_file(0, [bytes(32)] * 70, LOG.note(3))
    assert witness.server.add_checkpoint(body).status == 400


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(body=st.binary(max_size=300))
def test_any_bytes_get_an_answer(witness: Laptop, body: bytes) -> None:
    assert witness.server.add_checkpoint(body).status == 400
    assert witness.server.add_checkpoint(b"old 0\n\n" + body).status in {400, 404}


def test_what_was_cosigned_survives_a_restart(tmp_path: Path) -> None:
    for old, new in ((0, 5), (5, 9)):
        with laptop(tmp_path / "laptop", LOG.key.verifier) as witness:
            assert witness.server.add_checkpoint(LOG.request(old, new)).status == 200
    with laptop(tmp_path / "laptop", LOG.key.verifier) as witness:
        assert witness.server.add_checkpoint(FORK.request(0, 30)) == Reply(409, "9\n", SIZE_TYPE)


def test_of_many_forks_at_once_one_wins(witness: Laptop) -> None:
    forks = [LOG.fork(number) for number in range(1, 17)]
    bodies = [log.request(0, 20) for log in forks]
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(witness.server.add_checkpoint, bodies))
    assert sorted(reply.status for reply in replies) == [200] + [409] * 15
    (winner,) = [log for log, reply in zip(forks, replies, strict=True) if reply.status == 200]
    kept = json.loads((witness.folder / "witness.json").read_bytes())["logs"][ORIGIN]
    assert kept.encode() == winner.note(20)


def test_over_http_it_answers_and_shows_its_newest_checkpoint(witness: Laptop) -> None:
    place = sha256(ORIGIN.encode()).hexdigest()
    with listening(witness) as url, httpx.Client(base_url=url) as http:
        assert http.get(f"/{place}/checkpoint").status_code == 404
        assert http.post("/add-checkpoint", content=LOG.request(0, 8)).status_code == 200
        stale = http.post("/add-checkpoint", content=LOG.request(0, 9))
        assert (stale.headers["content-type"], stale.text) == (SIZE_TYPE, "8\n")
        shown = http.get(f"/{place}/checkpoint")
        (found,) = cosignatures(shown.content, [witness.signer.verifier])
        assert shown.content == LOG.note(8) + found.line.encode()
        assert http.get("/add-checkpoint").status_code == 405
        assert http.get("/").status_code == 404


def test_a_body_that_is_too_long_is_cut_off(witness: Laptop) -> None:
    with listening(witness) as url:
        assert httpx.post(f"{url}/add-checkpoint", content=bytes(1_000_000)).status_code == 413


# --- key and state ---------------------------------------------------------------------------------


def test_the_key_is_made_for_its_owner_alone(witness: Laptop) -> None:
    key = witness.folder / "witness.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert witness_state.load(key).verifier == witness.signer.verifier


def test_a_key_that_others_may_read_is_refused(witness: Laptop) -> None:
    key = witness.folder / "witness.key"
    key.chmod(0o640)
    with pytest.raises(WitnessUnusable, match="chmod 600"):
        witness_state.load(key)


def test_a_second_process_on_one_state_is_refused(witness: Laptop) -> None:
    with pytest.raises(WitnessUnusable, match="another witness"):
        WitnessState(witness.folder / "witness.json", witness.signer)


def test_a_key_without_its_state_is_refused(tmp_path: Path) -> None:
    with laptop(tmp_path / "laptop", LOG.key.verifier):
        pass
    (tmp_path / "laptop" / "witness.json").unlink()
    with (
        pytest.raises(WitnessUnusable, match="second history"),
        laptop(tmp_path / "laptop", LOG.key.verifier),
    ):
        pass


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"witness": "x", "logs": {}}', b'{"witness": "x", "logs": {"a": "b"}}'],
)
def test_a_damaged_or_foreign_state_is_refused(tmp_path: Path, data: bytes) -> None:
    with laptop(tmp_path / "laptop", LOG.key.verifier) as witness:
        signer = witness.signer
    (tmp_path / "laptop" / "witness.json").write_bytes(data)
    with pytest.raises(WitnessUnusable):
        WitnessState(tmp_path / "laptop" / "witness.json", signer)


def test_key_and_state_are_never_overwritten(witness: Laptop) -> None:
    for keys, state in (("witness.key", "new.json"), ("new.key", "witness.json")):
        with pytest.raises(WitnessUnusable, match="there already"):
            witness_state.create(witness.folder / keys, witness.folder / state, "w.example")


def test_lines_that_strangers_added_are_not_kept(witness: Laptop) -> None:
    other = witness.signer.cosign(LOG.checkpoint(3).text(), 1)
    body = consistency_file(0, [], LOG.note(3) + other.encode())
    assert witness.server.add_checkpoint(body).status == 200
    kept = json.loads((witness.folder / "witness.json").read_bytes())["logs"][ORIGIN]
    assert kept.encode() == LOG.note(3)
