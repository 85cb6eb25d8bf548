"""Asking a witness: what it answers, and whatever else a server may do."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import SettingInvalid, Unreachable
from modelwarden.ledger.checkpoint import note_line
from modelwarden.ledger.cosignature import ML_DSA_44, WitnessKey, WitnessSigner
from modelwarden.sinks.fetching import Calls, checked_url
from modelwarden.sinks.witness import Cosigned, Elsewhere, Inconsistent, WitnessClient
from tests.client.scripted import Said, Scripted
from tests.sinks.laptop import Log, laptop, listening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOG = Log.of(40)
WITNESS = WitnessSigner("w.example/1", bytes(range(1, 33)))
STRANGER = WitnessSigner("w.example/1", bytes(range(2, 34)))
POST_QUANTUM = WitnessKey("w.example/1", ML_DSA_44, bytes(1312))
TEXT = LOG.checkpoint(9).text()
LINE = WITNESS.cosign(TEXT, 5).encode()
PQ_LINE = note_line(POST_QUANTUM.name, POST_QUANTUM.key_hash + bytes(2428))


def ask(said: Said, *keys: WitnessKey) -> object:
    with Scripted(said) as server:
        client = WitnessClient(server.url, keys or [WITNESS.verifier])
        return client.add_checkpoint(3, LOG.proof(3, 9), LOG.note(9))


def said(status: int | None, body: bytes = b"", kind: str = "text/plain", **headers: str) -> Said:
    return Said(status=status, body=body, kind=kind, headers=headers)


def test_what_is_asked_has_the_form_of_the_specification() -> None:
    with Scripted(said(200, LINE)) as server:
        WitnessClient(f"{server.url}/prefix/", [WITNESS.verifier]).add_checkpoint(
            3, LOG.proof(3, 9), LOG.note(9)
        )
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("POST", "/prefix/add-checkpoint")
    assert asked.body == LOG.request(3, 9)


def test_a_cosignature_that_verifies_is_taken_and_lines_of_strangers_are_not() -> None:
    answer = ask(said(200, STRANGER.cosign(TEXT, 5).encode() + LINE))
    assert isinstance(answer, Cosigned)
    assert [each.line for each in answer.lines] == [LINE.decode()]


def test_a_post_quantum_line_of_a_pinned_key_is_carried_on() -> None:
    answer = ask(said(200, LINE + PQ_LINE.encode()), WITNESS.verifier, POST_QUANTUM)
    assert isinstance(answer, Cosigned)
    assert [each.line for each in answer.lines] == [LINE.decode(), PQ_LINE]


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        (said(409, b"7\n", "text/x.tlog.size"), Elsewhere(7)),
        (said(409, b"two roots\n"), Inconsistent()),
        (said(422, b"bad proof\n"), Inconsistent()),
    ],
)
def test_what_a_witness_answers_instead(answer: Said, meant: object) -> None:
    assert ask(answer) == meant


@pytest.mark.parametrize(
    "answer",
    [
        said(200),
        said(200, b"ok\n"),
        said(200, b"\xff\xfe" * 20),
        said(200, STRANGER.cosign(TEXT, 5).encode()),
        said(200, WITNESS.cosign(LOG.checkpoint(8).text(), 5).encode()),
        said(200, LINE[:-1]),
        said(200, b"more text\n\n" + LINE),
        said(200, LINE * 2000),
        said(409, b"", "text/x.tlog.size"),
        said(409, b"07\n", "text/x.tlog.size"),
        said(409, b"-1\n", "text/x.tlog.size"),
        said(409, b"9" * 30 + b"\n", "text/x.tlog.size"),
        said(302, b"", Location="http://127.0.0.1:1/"),
        said(404),
        said(403),
        said(429),
        said(500),
        said(None),
    ],
)
def test_anything_else_is_no_answer(answer: Said) -> None:
    with pytest.raises(Unreachable):
        ask(answer)


def test_nobody_there_is_no_answer() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = WitnessClient(f"http://127.0.0.1:{taken.getsockname()[1]}", [WITNESS.verifier])
        with pytest.raises(Unreachable):
            client.add_checkpoint(0, [], LOG.note(9))
        assert client.newest(LOG.key.name) is None


@contextmanager
def dripping(piece: bytes) -> Iterator[str]:
    """Run a server that sends one piece again and again, and never ends."""
    done = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            try:
                while not done.wait(0.05):
                    connection.sendall(piece)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            done.set()
            thread.join()


@pytest.mark.parametrize(
    "piece", [b"H", b"HTTP/1.1 200 OK\r\n\r\nx", b"HTTP/1.1 100 Go on\r\n\r\n"]
)
def test_a_server_that_drips_is_left_at_the_deadline(piece: bytes) -> None:
    with dripping(piece) as url, pytest.raises(Unreachable):
        Calls(deadline_s=0.3).fetch("GET", url, most=1_000_000)


def test_a_call_under_way_can_be_ended(tmp_path: Path) -> None:
    def end(call: Callable[[], None]) -> None:
        time.sleep(0.3)
        call()

    calls = Calls()
    with dripping(b"H") as url:
        ending = threading.Thread(target=end, args=(calls.abort,))
        ending.start()
        with pytest.raises(Unreachable):
            calls.fetch("GET", url, most=100)
        ending.join()
    with (
        laptop(tmp_path, LOG.key.verifier) as witness,
        listening(witness) as url,
        pytest.raises(Unreachable),
    ):
        calls.fetch("GET", url, most=100)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "w.example",
        "file:///etc/passwd",
        "ftp://w.example",
        "http://",
        "https://me:secret@w.example",
        "https://w.example/?a=b",
        "https://w.example/#x",
    ],
)
def test_a_place_that_is_no_plain_http_address_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        checked_url(url, "the witness")
    assert "secret" not in str(refused.value)
