"""A real ssh-agent signs: our envelopes verify, and what it can't do is said."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from modelwarden.client.ssh_agent import agent_key
from modelwarden.errors import KeyUnusable
from modelwarden.ledger.dsse import seal, verify
from modelwarden.ledger.keys import KeyType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = {"ed25519": "bob@laptop", "ecdsa": "carol@laptop", "rsa": "old@laptop"}


def ran(*words: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=env)  # noqa: S603
    return done.stdout


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if shutil.which("ssh-agent") is None:
        if "CI" in os.environ:
            pytest.fail("openssh-client is not installed")
        pytest.skip("openssh-client is not installed")
    folder = tmp_path_factory.mktemp("agent")
    path = str(folder / "s")
    said = ran("ssh-agent", "-s", "-a", path)
    pid = int(said.partition("SSH_AGENT_PID=")[2].partition(";")[0])
    try:
        for kind, comment in KEYS.items():
            file = str(folder / kind)
            ran("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", comment, "-f", file)
            ran("ssh-add", "-q", file, env=os.environ | {"SSH_AUTH_SOCK": path})
        yield path
    finally:
        os.kill(pid, signal.SIGTERM)


@pytest.mark.parametrize(
    ("name", "kind"), [("bob@laptop", KeyType.ED25519), ("carol@laptop", KeyType.P256)]
)
def test_an_agent_signs_envelopes(agent: str, name: str, kind: KeyType) -> None:
    key = agent_key(name, socket_path=agent)
    assert key.public.type is kind
    for size in (0, 1, 40, 3_000):  # many, since the numbers of ECDSA have no fixed length
        for _ in range(8):
            verify(seal("application/vnd.in-toto+json", bytes(size), key), key.public)


def test_a_key_is_chosen_by_any_of_its_names(agent: str) -> None:
    listed = ran("ssh-add", "-l", env=os.environ | {"SSH_AUTH_SOCK": agent})
    printed = next(line.split()[1] for line in listed.splitlines() if "bob@laptop" in line)
    key = agent_key(printed, socket_path=agent)
    assert key.comment == "bob@laptop"
    assert agent_key(key.public.keyid, socket_path=agent) == key


@pytest.mark.parametrize("name", ["", "nobody@laptop", "old@laptop"])
def test_several_keys_none_and_kinds_that_sign_otherwise_are_told(agent: str, name: str) -> None:
    with pytest.raises(KeyUnusable, match=r"bob@laptop, carol@laptop"):
        agent_key(name, socket_path=agent)


def test_no_agent_is_told(tmp_path: Path) -> None:
    for path in (None, "", str(tmp_path / "gone")):
        with pytest.raises(KeyUnusable, match="ssh-agent"):
            agent_key("", socket_path=path)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x05\x0c",
        b"\x00\x00\x00\x05\x0c\x00\x00\x00\x01",
        b"\x00\x00\x00\x09\x0c\x00\x00\x00\x01\xff\xff\xff\xff",
        b"\x00\x00\x00\x01\x05",
        b"\xff\xff\xff\xff",
    ],
)
def test_an_agent_that_answers_oddly_is_told(tmp_path: Path, answer: bytes) -> None:
    path = str(tmp_path / "odd")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def serve() -> None:
            with server.accept()[0] as connection:
                connection.recv(64)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(KeyUnusable, match="ssh-agent"):
            agent_key("", socket_path=path)
        thread.join()
